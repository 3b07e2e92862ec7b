"""Takes what is finished out of the outbox.

Every function runs inside a transaction of its caller (``Database.write``).
"""

from __future__ import annotations

from misfin.store.database import Database


def remove(database: Database, row_id: int) -> bool:
    """Remove a finished delivery (taken, with its copy in Sent; failed; cancelled); False for any other."""
    removed = database.execute(
        "DELETE FROM delivery WHERE id = ? AND (state IN ('failed', 'cancelled')"
        " OR state IN ('delivered', 'accepted')"
        " AND (SELECT sent_copy FROM message WHERE id = delivery.message))",
        (row_id,),
    ).rowcount
    database.execute("DELETE FROM message WHERE id NOT IN (SELECT message FROM delivery)")
    return bool(removed)


def prune(database: Database, before: float) -> int:
    """Remove messages finished before this time, each copy taken or cancelled; returns how many."""
    return database.execute(
        "DELETE FROM message WHERE"
        " NOT EXISTS (SELECT 1 FROM delivery d WHERE d.message = message.id"
        "  AND (d.state NOT IN ('delivered', 'accepted', 'cancelled') OR d.changed >= ?))"
        " AND (sent_copy OR NOT EXISTS (SELECT 1 FROM delivery d WHERE d.message = message.id"
        "  AND d.state IN ('delivered', 'accepted')))",
        (before,),
    ).rowcount
