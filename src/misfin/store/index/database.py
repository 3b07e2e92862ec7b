"""The open index file: readers beside one writer, and what happens when the file turns out to be no good.

Readers see the last finished change while the next one is written (WAL). A damaged file is replaced by an
empty one, here and by whichever program notices first; the others see that the file is another one and
open it too. ``serial`` counts that, so that a scan can start again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from misfin.errors import StoreError
from misfin.store.index import schema

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""SQLITE_ERROR is a table or column that is not there: our statements are right, so the file is wrong."""

_REMEDIES: Final = {
    sqlite3.SQLITE_FULL: "The disk is full; make room and try again.",
    sqlite3.SQLITE_READONLY: "The cache folder must be writable.",
    sqlite3.SQLITE_BUSY: "Another program holds it; try again in a moment.",
}
_IDLE_READERS: Final = 4
_T = TypeVar("_T")


class LostError(Exception):
    """The index file was replaced by an empty one while it was worked on: start again."""


class IndexFile:
    """Connections to one index file. Safe for any number of threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.serial = 0
        self._lock = threading.RLock()
        """Guards the writer, who holds it for a whole transaction."""
        self._pool = threading.Lock()
        """Guards the idle readers; never held while anything is waited for."""
        self._writer: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []
        self._identity: tuple[int, int] | None = None
        self._shelter: TemporaryDirectory[str] | None = None
        self.replaced: Callable[[], object] = bool
        """Called, in whatever thread notices it, when the file has become another one."""

    def open(self) -> None:
        """Open or make the file; where its folder cannot be written, one that lasts as long as this object.

        Raises:
            StoreError: neither can be made.
        """
        with self._lock:
            if self._writer is None:
                self._open()

    def _open(self) -> None:
        try:
            self._writer = schema.open_index(self.path)
        except StoreError:
            if self._shelter is not None:
                raise
            from tempfile import TemporaryDirectory  # seldom needed: not for the first frame

            self._shelter = TemporaryDirectory(prefix="misfin-index-", ignore_cleanup_errors=True)
            self.path = Path(self._shelter.name) / "index.db"
            self._writer = schema.open_index(self.path)
        self._identity = _identity(self.path)

    def close(self) -> None:
        with self._lock:
            self._close()
            if self._shelter is not None:
                self._shelter.cleanup()
                self._shelter = None

    def _close(self) -> None:
        with self._pool:
            idle, self._idle = self._idle, []
            self.serial += 1  # readers still out are closed when they come back
        for db in (*idle, self._writer):
            if db is not None:
                with suppress(sqlite3.Error):
                    db.close()
        self._writer = None

    def replace(self, serial: int) -> None:
        """Throw the file away and start an empty one, unless that was done since ``serial``."""
        with self._lock:
            if serial == self.serial:
                self._close()
                with suppress(OSError):
                    schema.remove(self.path)
                self._open()
                self.replaced()

    def read(self, act: Callable[[sqlite3.Connection], _T]) -> _T:
        """What ``act`` finds, all of it in one state of the index.

        Raises:
            LostError: the file was damaged and is an empty one now.
            StoreError: it cannot be read.
        """
        db, serial = self._borrow()
        try:
            db.execute("BEGIN")
            try:
                result = act(db)
            finally:
                if db.in_transaction:
                    db.execute("COMMIT")
        except sqlite3.Error as error:
            db.close()
            raise self._translated(error, serial) from error
        except BaseException:
            db.close()
            raise
        self._give_back(db, serial)
        return result

    def write(self, act: Callable[[sqlite3.Connection], _T], *, visible: bool = True) -> _T:
        """Do ``act`` as one change of the index, seen by readers as a whole.

        ``generation`` goes up with it, unless it changes nothing that is ever shown (``visible``).

        Raises:
            LostError: the file was damaged and is an empty one now.
            StoreError: it cannot be written; nothing was changed.
        """
        with self._lock:
            self._renew()
            db, serial = self._writer, self.serial
            assert db is not None
            try:
                db.execute("BEGIN IMMEDIATE")
                try:
                    result = act(db)
                    if visible:
                        db.execute("UPDATE facts SET value = value + 1 WHERE name = 'generation'")
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._translated(error, serial) from error
        return result

    def _renew(self) -> None:
        """Follow the file: open it if it is closed, or another one by now. The lock is held."""
        if self._writer is None:
            self._open()
        elif _identity(self.path) != self._identity:
            self._close()
            self._open()
            self.replaced()

    def _borrow(self) -> tuple[sqlite3.Connection, int]:
        if self._writer is None or _identity(self.path) != self._identity:
            with self._lock:
                self._renew()
        with self._pool:
            serial = self.serial
            if self._idle:
                return self._idle.pop(), serial
        try:
            db = schema.connect(self.path)
            db.execute("PRAGMA query_only=1")
        except sqlite3.Error as error:
            raise self._translated(error, serial) from error
        return db, serial

    def _give_back(self, db: sqlite3.Connection, serial: int) -> None:
        with self._pool:
            if serial == self.serial and len(self._idle) < _IDLE_READERS:
                self._idle.append(db)
                return
        db.close()

    def _translated(self, error: sqlite3.Error, serial: int) -> Exception:
        """What to raise for an error of SQLite; a damaged file is replaced first."""
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None
        if primary in _DAMAGED or (primary is None and isinstance(error, sqlite3.DatabaseError)):
            self.replace(serial)
            return LostError()
        return StoreError(
            f"The mail index {self.path} could not be used: {error}.",
            remedy=_REMEDIES.get(primary or 0, "It can be made again with `misfin-tui doctor --reindex`."),
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
