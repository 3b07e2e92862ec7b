"""The SQLite file of a host: its mailing lists, and what the mailboxes on it want (blocks, away messages).

Nothing creates it but a command of the operator, so a receiver without lists never has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from misfin.store.database import Database

_VERSION_1: Final = (
    """CREATE TABLE list (
        address TEXT PRIMARY KEY, description TEXT NOT NULL DEFAULT '', posting TEXT NOT NULL,
        moderated INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0,
        hidden INTEGER NOT NULL DEFAULT 0, archive INTEGER NOT NULL DEFAULT 1, created REAL NOT NULL)""",
    """CREATE TABLE subscriber (
        list TEXT NOT NULL REFERENCES list(address) ON DELETE CASCADE, address TEXT NOT NULL,
        key TEXT NOT NULL DEFAULT '', since REAL NOT NULL, failing_since REAL NOT NULL DEFAULT 0,
        why TEXT NOT NULL DEFAULT '', PRIMARY KEY (list, address)) WITHOUT ROWID""",
    """CREATE TABLE moderator (
        list TEXT NOT NULL REFERENCES list(address) ON DELETE CASCADE, address TEXT NOT NULL,
        PRIMARY KEY (list, address)) WITHOUT ROWID""",
    """CREATE TABLE request (
        list TEXT NOT NULL REFERENCES list(address) ON DELETE CASCADE, address TEXT NOT NULL,
        code TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (list, address)) WITHOUT ROWID""",
    """CREATE TABLE post (
        id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL,
        list TEXT NOT NULL REFERENCES list(address) ON DELETE CASCADE,
        author TEXT NOT NULL, at REAL NOT NULL, digest TEXT NOT NULL, subject TEXT NOT NULL,
        message BLOB NOT NULL, file BLOB NOT NULL, state TEXT NOT NULL)""",
    "CREATE INDEX post_state ON post(state)",
    "CREATE INDEX post_digest ON post(list, digest)",
    "CREATE INDEX post_author ON post(list, author, at)",
    # Who gets a post is settled once, when it is accepted: what is queued in parts must not change between.
    """CREATE TABLE copy (
        id INTEGER PRIMARY KEY AUTOINCREMENT, post INTEGER NOT NULL REFERENCES post(id) ON DELETE CASCADE,
        address TEXT NOT NULL)""",
    "CREATE INDEX copy_post ON copy(post)",
    """CREATE TABLE notice (
        id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL, account TEXT NOT NULL,
        recipient TEXT NOT NULL, text TEXT NOT NULL)""",
    """CREATE TABLE block (
        mailbox TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (mailbox, name)) WITHOUT ROWID""",
    """CREATE TABLE away (
        mailbox TEXT PRIMARY KEY, text TEXT NOT NULL, begins REAL NOT NULL, ends REAL NOT NULL)""",
    """CREATE TABLE answered (
        mailbox TEXT NOT NULL, address TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (mailbox, address)) WITHOUT ROWID""",
    """CREATE TABLE list_elsewhere (
        mailbox TEXT NOT NULL, address TEXT NOT NULL, PRIMARY KEY (mailbox, address)) WITHOUT ROWID""",
)
_VERSION_2: Final = ("ALTER TABLE subscriber ADD COLUMN moved TEXT NOT NULL DEFAULT ''",)
STEPS: Final = (_VERSION_1, _VERSION_2)
"""What leads from each version of the file to the next."""


def open_hosting(path: Path | None) -> Database:
    """Open the file (None: in memory), creating it if there is none. Raises StoreError."""
    return Database(path, "The file of lists and mailbox rules", STEPS)
