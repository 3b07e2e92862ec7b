"""Corrects the times of waiting deliveries after the clock was put back.

Every function runs inside a transaction of its caller (``Database.write``).
"""

from __future__ import annotations

from misfin.store.database import Database
from misfin.store.outgoing import drafts

_SLACK = 60.0  # seconds a clock may be put back unnoticed: NTP corrects by less
_EARLY = """SELECT d.id, m.draft FROM delivery d JOIN message m ON m.id = d.message
    WHERE d.state IN ('waiting', 'deferred') AND d.changed > ?"""
_WAIT_AGAIN = """UPDATE delivery SET
    next_attempt = CASE WHEN next_attempt = :chosen THEN next_attempt
        ELSE :now + max(next_attempt - changed, 0) END,
    hold_until = CASE WHEN hold_until = :chosen THEN hold_until
        ELSE min(hold_until, :now + max(hold_until - changed, 0)) END,
    since = min(since, :now), changed = :now WHERE id = :id"""


def put_back(database: Database, now: float) -> int:
    """Let deliveries that began to wait at a time that is now in the future wait no longer than was meant.

    Returns how many there were.

    A time that a person chose is a time on the clock and stays what it is.
    """
    early = database.execute(_EARLY, (now + _SLACK,)).fetchall()
    for row_id, draft in early:
        written = drafts.from_bytes(draft)
        chosen = written.send_at if written is not None and written.send_at > 0 else None
        database.execute(_WAIT_AGAIN, {"chosen": chosen, "now": now, "id": row_id})
    return len(early)
