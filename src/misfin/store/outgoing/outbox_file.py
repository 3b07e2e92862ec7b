"""The SQLite file under the outbox: its tables in each version, and how rows of them are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from misfin.model.account import AddressKind
from misfin.store.database import Database
from misfin.store.outgoing.deliveries import (
    AttemptRow,
    Claimed,
    DeliveryState,
    History,
    OutboxRow,
    Outgoing,
    Phase,
    Question,
)

_VERSION_1: Final = (
    """CREATE TABLE message (
        id TEXT PRIMARY KEY, account TEXT NOT NULL, recipients TEXT NOT NULL, subject TEXT NOT NULL,
        message BLOB NOT NULL, draft BLOB NOT NULL, token TEXT NOT NULL, created REAL NOT NULL,
        sent_copy INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX message_token ON message(token) WHERE token <> ''",
    """CREATE TABLE letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        message TEXT NOT NULL REFERENCES message(id) ON DELETE CASCADE,
        address TEXT NOT NULL, host TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
        why TEXT NOT NULL DEFAULT '', status INTEGER NOT NULL DEFAULT 0, meta TEXT NOT NULL DEFAULT '',
        fingerprint TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0, slowdowns INTEGER NOT NULL DEFAULT 0,
        since REAL NOT NULL DEFAULT 0, next_attempt REAL NOT NULL, hold_until REAL NOT NULL,
        changed REAL NOT NULL, question TEXT NOT NULL DEFAULT '', question_name TEXT NOT NULL DEFAULT '',
        pinned TEXT NOT NULL DEFAULT '', target TEXT NOT NULL DEFAULT '', hops TEXT NOT NULL DEFAULT '[]',
        owner TEXT NOT NULL DEFAULT '', attempt INTEGER NOT NULL DEFAULT 0,
        leaving INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX letter_due ON letter(state, next_attempt)",
    "CREATE INDEX letter_message ON letter(message)",
    """CREATE TABLE attempt (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        letter INTEGER NOT NULL REFERENCES letter(id) ON DELETE CASCADE,
        started REAL NOT NULL, ended REAL NOT NULL DEFAULT 0, left_at REAL NOT NULL DEFAULT 0,
        host TEXT NOT NULL DEFAULT '', port INTEGER NOT NULL DEFAULT 0, version TEXT NOT NULL DEFAULT '',
        certificate TEXT NOT NULL DEFAULT '', decision TEXT NOT NULL DEFAULT '',
        request BLOB NOT NULL DEFAULT x'', response TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '',
        phase TEXT NOT NULL)""",
    "CREATE INDEX attempt_letter ON attempt(letter)",
)
_VERSION_2: Final = (
    # Every message until now was a Misfin message, and every copy went straight to its host.
    "DROP INDEX letter_due",
    "DROP INDEX letter_message",
    "DROP INDEX attempt_letter",
    "ALTER TABLE letter RENAME TO delivery",
    "ALTER TABLE delivery RENAME COLUMN host TO route",
    "ALTER TABLE delivery RENAME COLUMN question_name TO pin_name",
    "ALTER TABLE delivery ADD COLUMN server TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempt RENAME COLUMN letter TO delivery",
    "ALTER TABLE message ADD COLUMN kind TEXT NOT NULL DEFAULT 'misfin'",
    "ALTER TABLE message ADD COLUMN cc TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE message ADD COLUMN bcc TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE message ADD COLUMN attachments TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE message ADD COLUMN size INTEGER NOT NULL DEFAULT 0",
    "UPDATE message SET size = length(message)",
    "CREATE INDEX delivery_due ON delivery(state, next_attempt)",
    "CREATE INDEX delivery_message ON delivery(message)",
    "CREATE INDEX attempt_delivery ON attempt(delivery)",
)
STEPS: Final = (_VERSION_1, _VERSION_2)
"""What leads from each version of the file to the next."""

_COLUMNS: Final = """d.id, d.message, m.account, d.address, m.subject, d.state, d.why, d.status, d.meta,
    d.fingerprint, d.attempts, d.next_attempt, m.created, d.hold_until, m.size, d.question,
    d.pin_name, d.target, d.route, m.kind, d.server"""
_FROM: Final = "FROM delivery d JOIN message m ON m.id = d.message "
_ROW: Final = f"SELECT {_COLUMNS} {_FROM}"
_CLAIMED: Final = f"SELECT d.failures, d.slowdowns, d.since, d.hops, {_COLUMNS} {_FROM}WHERE d.id = ?"


def load_rows(database: Database, where: str, values: Sequence[object]) -> list[OutboxRow]:
    """The deliveries (``d``, of the message ``m``) that a WHERE clause names, in its order."""
    return [_row(found) for found in database.read(_ROW + where, values)]


def load_claimed(database: Database, row_id: int, attempt: int) -> Claimed:
    """A delivery that is there, with what a courier has to know of its past."""
    ((failures, slowdowns, since, hops, *columns),) = database.read(_CLAIMED, (row_id,))
    return Claimed(_row(columns), attempt, History(failures, slowdowns, since), _texts(hops))


def _row(found: Sequence[Any]) -> OutboxRow:
    columns = list(found)
    columns[5] = DeliveryState(columns[5])
    columns[15] = Question(columns[15]) if columns[15] else None
    columns[19] = AddressKind(columns[19])
    return OutboxRow(*columns)


def load_attempts(database: Database, row_id: int) -> list[AttemptRow]:
    """The transcripts of a delivery, oldest first."""
    rows = []
    for found in database.read(
        "SELECT id, delivery, started, ended, left_at, host, port, version, certificate, decision, request,"
        " response, error, phase FROM attempt WHERE delivery = ? ORDER BY id",
        (row_id,),
    ):
        columns = list(found)
        columns[-1] = Phase(columns[-1])
        rows.append(AttemptRow(*columns))
    return rows


def load_outgoing(database: Database, group: str) -> Outgoing | None:
    """The message as submitted, or None where it is not known (any more)."""
    for ident, kind, account, recipients, cc, bcc, attachments, *rest in database.read(
        "SELECT id, kind, account, recipients, cc, bcc, attachments, subject, message, draft, created"
        " FROM message WHERE id = ?",
        (group,),
    ):
        to, copies, hidden, files = map(_texts, (recipients, cc, bcc, attachments))
        return Outgoing(ident, AddressKind(kind), account, to, copies, hidden, files, *rest)
    return None


def _texts(data: str) -> tuple[str, ...]:
    return tuple(map(str, json.loads(data))) if data != "[]" else ()
