"""The SQLite file under the outbox: its tables, and how rows of them are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from misfin.model.address import MisfinAddress
from misfin.store.database import Database
from misfin.store.outgoing.deliveries import AttemptRow, DeliveryState, OutboxRow, Outgoing, Phase, Question
from misfin.trust.tofu import pin_name

SCHEMA: Final = (
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
_ROW: Final = """SELECT l.id, l.message, m.account, l.address, m.subject, l.state, l.why, l.status, l.meta,
    l.fingerprint, l.attempts, l.next_attempt, m.created, l.hold_until, length(m.message), l.question,
    l.question_name, l.target, l.host
    FROM letter l JOIN message m ON m.id = l.message """


def load_rows(database: Database, where: str, values: Sequence[object]) -> list[OutboxRow]:
    """The rows (``l``, of the letter ``m``) that a WHERE clause names, in its order."""
    rows = []
    for found in database.read(_ROW + where, values):
        columns = list(found)
        columns[5] = DeliveryState(columns[5])
        columns[15] = Question(columns[15]) if columns[15] else None
        rows.append(OutboxRow(*columns))
    return rows


def load_attempts(database: Database, row_id: int) -> list[AttemptRow]:
    """The transcripts of a row, oldest first."""
    rows = []
    for found in database.read(
        "SELECT id, letter, started, ended, left_at, host, port, version, certificate, decision, request,"
        " response, error, phase FROM attempt WHERE letter = ? ORDER BY id",
        (row_id,),
    ):
        columns = list(found)
        columns[-1] = Phase(columns[-1])
        rows.append(AttemptRow(*columns))
    return rows


def load_outgoing(database: Database, group: str) -> Outgoing | None:
    """The letter as submitted, or None where it is not known (any more)."""
    for ident, account, recipients, *rest in database.read(
        "SELECT id, account, recipients, subject, message, draft, created FROM message WHERE id = ?", (group,)
    ):
        return Outgoing(ident, account, tuple(json.loads(recipients)), *rest)
    return None


def host_key(address: MisfinAddress) -> str:
    """The name of the pin of an address's host; one connection at a time is counted by it."""
    return pin_name(address.hostname, address.server_port)


def with_port(address: MisfinAddress) -> str:
    """``mailbox@host``, and the port where it is not the usual one: how rows keep addresses."""
    return address.with_port
