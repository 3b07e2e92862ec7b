"""SQLite as every database here uses it: private, multi-process, versioned, with our own errors."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from misfin.errors import StoreError

_PATIENCE: Final = 5.0
"""Seconds a statement waits while another process is writing."""
_TRIES: Final = 500
_APART: Final = 0.01  # seconds


def connect(path: Path | None) -> sqlite3.Connection:
    """Open a database file, created with mode 0600 if missing; None opens a new database in memory.

    In autocommit mode, usable from any thread. Raises :class:`sqlite3.Error` and :class:`OSError`.
    """
    if path is not None:
        # SQLite would make it readable by others; its -wal and -shm files take over this mode. A file that
        # exists is not touched: closing it would drop the locks this process may hold on it.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    database = sqlite3.connect(
        path or ":memory:", timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    database.execute("PRAGMA fullfsync = ON")  # macOS: otherwise a commit may only reach the drive's cache
    return database


def open_to_read(path: Path, called: str, version: int) -> sqlite3.Connection:
    """Open a file that another process writes, for reading only.

    ``called`` and errors are as in :func:`bring_up_to_date`; a file of an older version is refused, too.
    """
    database = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        timeout=_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    try:
        written = _version(database)
        if not written:
            raise StoreError(f"{called} is only just being created.", remedy="Try again in a moment.")
        if written != version:
            raise StoreError(f"{called} was written by another version of this program.")
    except BaseException:
        database.close()
        raise
    return database


def log_ahead(database: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, so that readers do not block a writer, nor a writer readers.

    The app and its receiver may open a new file at the same time. If two processes change the mode at once,
    SQLite gives up without waiting for its time-out, so the waiting is done here. Raises
    :class:`sqlite3.Error` if the file is still locked after about five seconds.
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


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """A write transaction, rolled back if the block raises.

    It is IMMEDIATE: two processes can never both believe that they changed the same row.
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


@contextmanager
def impatient(database: sqlite3.Connection) -> Iterator[None]:
    """Inside the block, fail at once if another process is writing, instead of waiting."""
    database.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        database.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000)}")


def bring_up_to_date(database: sqlite3.Connection, called: str, steps: Sequence[Sequence[str]]) -> None:
    """Create the tables, or migrate those of an older version.

    ``steps`` are the statements that lead from each version to the next, starting from an empty file.
    ``called`` is how errors name the file, as in :func:`translated`. Raises :class:`StoreError` for a file
    written by a newer version of this program or by another program, for one that is partly of one version
    and partly of the next, and if the disk is full; the file is then unchanged.
    """
    if _version(database) == len(steps):
        return
    with transaction(database):
        version = _version(database)  # checked again: two processes may create the file at once
        if version > len(steps):
            raise StoreError(
                f"{called} was written by a newer version of this program.",
                remedy="Use that version, or another profile.",
            )
        if not version and database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(
                f"{called} belongs to another program.",
                remedy="Move the file elsewhere, or use another profile.",
            )
        try:
            for step in steps[version:]:
                for statement in step:
                    database.execute(statement)
        except sqlite3.OperationalError as error:
            raise _not_brought_up(called, version, error) from error
        database.execute(f"PRAGMA user_version = {len(steps)}")


def _not_brought_up(called: str, version: int, error: sqlite3.OperationalError) -> Exception:
    """The exception to raise if a step failed; the transaction undoes the steps before it."""
    match error.sqlite_errorcode & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StoreError(
                f"{called} could not be upgraded: the disk is full. Nothing was changed.",
                remedy="Free some space and start again.",
            )
        case sqlite3.SQLITE_ERROR:  # a statement does not fit the tables
            return StoreError(
                f"{called} does not have the tables of its version {version} ({error}). Nothing was changed.",
                remedy="Restore it from a backup, or use another profile.",
            )
        case _:
            return error


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def translated(called: str, remedy: str) -> AbstractContextManager[None]:
    """Turn errors of SQLite and the system into :class:`StoreError`: ``called`` cannot be used."""
    return _Translated(called, remedy)


class _Translated:
    """A class because a generator takes several times as long, and one of these is around every statement."""

    __slots__ = ("_called", "_remedy")

    def __init__(self, called: str, remedy: str) -> None:
        self._called = called
        self._remedy = remedy

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, sqlite3.Error | OSError) and not isinstance(error, StoreError):
            raise StoreError(f"{self._called} cannot be used: {error}.", remedy=self._remedy) from error
