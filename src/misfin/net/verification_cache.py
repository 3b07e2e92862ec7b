"""Caches verification results for senders and their hosts in a small SQLite file that may be deleted."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.files import private_folder
from misfin.sqlite import connect, log_ahead, translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

DEFAULT_TTL = 7 * 86400
"""Seconds a result is remembered (docs/protocol.md §6)."""
_REMEDY = "The file is only a cache: delete it, and it will be rebuilt."
_SCHEMA_VERSION = 1
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS senders (address TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS servers (host TEXT PRIMARY KEY, spki TEXT NOT NULL, at REAL NOT NULL);
PRAGMA user_version = {_SCHEMA_VERSION};
"""


class SenderVerificationCache:
    """Verified senders and the keys of their hosts, each valid for ``ttl_seconds``. Thread-safe; blocking.

    ``db_path`` None keeps it in memory. Several processes may use one file. Only successful results are kept:
    a sender that failed is checked again. ``now`` gives Unix seconds. Every method raises
    :class:`~misfin.errors.StoreError` if the file cannot be used.
    """

    def __init__(
        self,
        db_path: Path | str | None = None,
        ttl_seconds: float = DEFAULT_TTL,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ttl_seconds = ttl_seconds
        self._now = now
        self._path = None if db_path is None else Path(db_path)
        self._lock = threading.Lock()
        with self._translated():
            self._database = self._open()
            # Keys of hosts are kept: a new one is compared with the last, however old.
            self._database.execute("DELETE FROM senders WHERE at < ?", (now() - ttl_seconds,))

    # ---- senders ----------------------------------------------------------------------------------

    def get_fingerprint(self, address: str) -> str | None:
        """The fingerprint ``mailbox@host`` was verified with, unless it has expired."""
        row = self._one("SELECT fingerprint, at FROM senders WHERE address = ?", address)
        return row[0] if row is not None and self._fresh(row[1]) else None

    def add_verified(self, address: str, fingerprint: str) -> None:
        """Remember that this sender was verified just now."""
        self._change("INSERT OR REPLACE INTO senders VALUES (?, ?, ?)", address, fingerprint, self._now())

    def revoke(self, address: str) -> bool:
        """Forget a sender, so that it is checked again; False if it was not known."""
        return self._change("DELETE FROM senders WHERE address = ?", address) > 0

    # ---- hosts ------------------------------------------------------------------------------------

    def get_server_spki(self, host: str) -> str | None:
        """The hash of the public key a host presented, unless it has expired."""
        row = self._one("SELECT spki, at FROM servers WHERE host = ?", host)
        return row[0] if row is not None and self._fresh(row[1]) else None

    def last_server_spki(self, host: str) -> str | None:
        """The same, however old, to compare a new key with."""
        row = self._one("SELECT spki, at FROM servers WHERE host = ?", host)
        return None if row is None else row[0]

    def add_server_spki(self, host: str, spki: str) -> None:
        """Remember the key a host presented just now."""
        self._change("INSERT OR REPLACE INTO servers VALUES (?, ?, ?)", host, spki, self._now())

    def revoke_server(self, host: str) -> bool:
        """Forget the key of a host; False if it was not known."""
        return self._change("DELETE FROM servers WHERE host = ?", host) > 0

    # ---- life -------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> SenderVerificationCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- inside -----------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self._path is not None:
            private_folder(self._path.parent)
        database = connect(self._path)
        try:
            log_ahead(database)
            database.execute("PRAGMA synchronous = NORMAL")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version != _SCHEMA_VERSION:  # a cache of another version is not worth a migration
                database.executescript(
                    "BEGIN IMMEDIATE; DROP TABLE IF EXISTS senders; DROP TABLE IF EXISTS servers;"
                    f"{_SCHEMA} COMMIT"
                )
        except BaseException:
            database.close()
            raise
        return database

    def _fresh(self, at: float) -> bool:
        return 0.0 <= self._now() - at < self.ttl_seconds

    def _one(self, query: str, key: str) -> tuple[str, float] | None:
        with self._translated(), self._lock:
            row: tuple[str, float] | None = self._database.execute(query, (key,)).fetchone()
            return row

    def _change(self, statement: str, *values: object) -> int:
        with self._translated(), self._lock:
            return self._database.execute(statement, values).rowcount

    def _translated(self) -> AbstractContextManager[None]:
        return translated(f"The verification cache {self._path or 'in memory'}", _REMEDY)
