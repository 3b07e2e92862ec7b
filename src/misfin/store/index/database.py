"""The open index file: many readers and one writer, and recovery from a damaged file.

Readers see the last committed change while the next one is written (WAL). A damaged file is replaced by an
empty one, by whichever program notices first; the others see that the file is a different one and open it.
``serial`` counts replacements, so that a scan can start again.
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
"""SQLITE_ERROR means a missing table or column: our statements are correct, so the file is wrong."""

_REMEDIES: Final = {
    sqlite3.SQLITE_FULL: "The disk is full; free some space and try again.",
    sqlite3.SQLITE_READONLY: "The cache folder must be writable.",
    sqlite3.SQLITE_BUSY: "Another program has it locked; try again in a moment.",
}
_IDLE_READERS: Final = 2
_T = TypeVar("_T")


class LostError(Exception):
    """The index file was replaced by an empty one during the operation: start again."""


class IndexFile:
    """Connections to one index file. Safe for any number of threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.serial = 0
        self._lock = threading.RLock()
        """Guards the writer, which holds it for a whole transaction."""
        self._pool = threading.Lock()
        """Guards the idle readers; never held while waiting for anything."""
        self._writer: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []
        self._identity: tuple[int, int] | None = None
        self._shelter: TemporaryDirectory[str] | None = None
        self.replaced: Callable[[], object] = bool
        """Called, in the thread that notices it, when the file has been replaced."""

    def open(self) -> None:
        """Open or create the file; if its folder cannot be written, a temporary one for this object.

        Raises:
            StoreError: neither is possible.
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
            from tempfile import TemporaryDirectory  # rarely needed: not before the first frame

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
            self.serial += 1  # readers in use are closed when they are returned
        for db in (*idle, self._writer):
            if db is not None:
                with suppress(sqlite3.Error):
                    db.close()
        self._writer = None

    def replace(self, serial: int) -> None:
        """Replace the file by an empty one, unless that was done since ``serial``."""
        with self._lock:
            if serial == self.serial:
                self._close()
                with suppress(OSError):
                    schema.remove(self.path)
                self._open()
                self.replaced()

    def read(self, act: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run ``act`` on one consistent state of the index and return its result.

        Raises:
            LostError: the file was damaged and has been replaced by an empty one.
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
        """Run ``act`` as one change of the index, which readers see as a whole.

        Increases ``generation``, unless nothing that is shown changes (``visible``).

        Raises:
            LostError: the file was damaged and has been replaced by an empty one.
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

    def release_memory(self) -> None:
        """Give up the pages of the file kept in memory: the system keeps them too, should they be read."""
        with self._pool:
            serial, idle, self._idle = self.serial, self._idle, []
        for db in idle:
            with suppress(sqlite3.Error):
                db.execute("PRAGMA shrink_memory")
            self._give_back(db, serial)
        if self._lock.acquire(blocking=False):  # else it is writing, and needs them
            try:
                if self._writer is not None:
                    with suppress(sqlite3.Error):
                        self._writer.execute("PRAGMA shrink_memory")
            finally:
                self._lock.release()

    def _renew(self) -> None:
        """Open the file if it is closed or has been replaced. The caller holds the lock."""
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
        """The exception to raise for an error of SQLite; replaces a damaged file first."""
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None
        if (
            primary in _DAMAGED
            or code == sqlite3.SQLITE_IOERR_SHORT_READ  # somebody removed the log of changes under us
            or (primary is None and isinstance(error, sqlite3.DatabaseError))
        ):
            self.replace(serial)
            return LostError()
        return StoreError(
            f"The mail index {self.path} could not be used: {error}.",
            remedy=_REMEDIES.get(primary or 0, "Rebuild it with `misfin-tui doctor --reindex`."),
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
