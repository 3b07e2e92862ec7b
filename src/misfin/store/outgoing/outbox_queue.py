"""Puts a message into the outbox, one delivery for each recipient, and takes it out again.

Every function runs inside a transaction of its caller (``Database.write``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from misfin.model.recipient import Recipient
from misfin.store.database import Database

_KNOWN = """SELECT d.id FROM delivery d JOIN message m ON m.id = d.message
    WHERE m.token = ? AND d.state <> 'cancelled' ORDER BY d.id"""
_MESSAGE = """INSERT INTO message (id, kind, account, recipients, cc, bcc, attachments, subject, message,
    draft, token, created, size) VALUES (:id, :kind, :account, :to, :cc, :bcc, :attachments, :subject,
    :message, :draft, :token, :now, :size)"""
_DELIVERY = """INSERT INTO delivery (message, address, route, next_attempt, hold_until, changed)
    VALUES (?, ?, ?, ?, ?, ?)"""
_TAKE_OUT = """DELETE FROM message WHERE id IN
    (SELECT message FROM delivery WHERE id IN (SELECT value FROM json_each(?)))
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE message = message.id AND state <> 'waiting')"""


def put_in(
    database: Database,
    lines: Sequence[Sequence[Recipient]],
    *,
    token: str,
    attachments: Sequence[str],
    now: float,
    hold_until: float,
    **facts: object,
) -> tuple[list[int], bool]:
    """Queue a message; the ids of its deliveries, and whether they are new.

    They are not new if a message with the same ``token`` was queued before and not cancelled. ``lines`` are
    the recipients of To, Cc and Bcc, ``facts`` the other columns of the message.
    """
    if token and (known := database.read(_KNOWN, (token,))):
        return [row_id for (row_id,) in known], False
    group = os.urandom(16).hex()
    to, cc, bcc = (json.dumps([each.address for each in line]) for line in lines)
    facts |= {"id": group, "to": to, "cc": cc, "bcc": bcc, "token": token, "now": now}
    database.execute(_MESSAGE, {**facts, "attachments": json.dumps(list(attachments))})
    due = max(now, hold_until)
    return [
        database.insert(_DELIVERY, (group, each.address, each.route, due, hold_until, now))
        for line in lines
        for each in line
    ], True


def take_out(database: Database, ids: Sequence[int]) -> None:
    """Remove the messages of these deliveries, unless one of them is no longer waiting."""
    database.execute(_TAKE_OUT, (json.dumps(ids),))
