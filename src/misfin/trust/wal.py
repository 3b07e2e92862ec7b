"""Change a SQLite file to write-ahead logging, also while others do the same."""

from __future__ import annotations

import sqlite3
import threading
from typing import Final

_TRIES: Final = 500
_APART: Final = 0.01  # seconds


def log_ahead(database: sqlite3.Connection) -> None:
    """Let readers and a writer work beside each other. The app and its receiver open a new file at one time.

    Where two change the mode at once, SQLite gives up without waiting for its time-out, so the waiting is
    done here. Raises :class:`sqlite3.Error`, that the file is locked after some five seconds.
    """
    for _ in range(_TRIES):
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            threading.Event().wait(_APART)
    database.execute("PRAGMA journal_mode = WAL")
