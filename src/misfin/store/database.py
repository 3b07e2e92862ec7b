"""A SQLite file for data that cannot be rebuilt: private, durable, versioned, one transaction per change."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from misfin.files import private_folder, sync_file, sync_folder
from misfin.sqlite import bring_up_to_date, connect, log_ahead, open_to_read, transaction, translated

_REMEDY: Final = "Check that the disk has free space and that you may write there."

Values = Sequence[object] | Mapping[str, object]
"""The parameters of a statement, by position or by name."""


class Database:
    """One file (None: in memory), created if missing. Thread-safe; several processes may share the file.

    ``steps`` are the statements that lead from each version to the next, starting with an empty file;
    ``name`` is how errors name the file. One that is ``read_only`` must exist, and is not brought up to date:
    it is another process's.

    Every method, and the constructor, raises :class:`StoreError` if the file cannot be used or was written by
    a newer version of this program.
    """

    def __init__(
        self, path: Path | None, name: str, steps: Sequence[Sequence[str]], *, read_only: bool = False
    ) -> None:
        self.path = path
        self._called = f"{name} {path or 'in memory'}"
        self._lock = threading.RLock()
        self._syncing = threading.Lock()
        self._log: int | None = None
        self._written = self._synced = 0
        self._synchronous = "FULL"
        with self._translated():
            if path is not None and read_only:
                self._db = open_to_read(path, self._called, len(steps))
                return
            if path is not None:
                private_folder(path.parent)
            new = path is not None and not path.exists()
            self._db = connect(path)
            try:
                if path is not None and new:
                    sync_folder(path.parent)
                log_ahead(self._db)
                self._db.execute(f"PRAGMA synchronous = {self._synchronous}")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._db.execute("PRAGMA cache_size = -512")  # kilobytes; the system caches too
                bring_up_to_date(self._db, self._called, steps)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file."""
        with self._syncing, self._lock:
            if self._log is not None:
                os.close(self._log)
                self._log = None
            self._db.close()

    def release_memory(self) -> None:
        """Drop the pages of the file kept in memory: the system caches them too, in case they are read."""
        with self._lock, suppress(sqlite3.Error):  # as in a transaction, which needs them
            self._db.execute("PRAGMA shrink_memory")

    @contextmanager
    def together(self) -> Iterator[None]:
        """No other thread comes in between what is read and written inside the block.

        It saves waiting, too: whoever writes keeps the others out until that is on the disk.
        """
        with self._lock:
            yield

    def read(self, sql: str, values: Values = ()) -> list[Any]:
        """All rows of a query."""
        with self._lock, self._translated():
            return self._db.execute(sql, values).fetchall()

    def execute(self, sql: str, values: Values = ()) -> sqlite3.Cursor:
        """Run one statement inside :meth:`write`."""
        return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Values]) -> None:
        """Run a statement for each row, inside :meth:`write`."""
        self._db.executemany(sql, rows)

    def insert(self, sql: str, values: Values) -> int:
        """Insert one row inside :meth:`write`; returns its id."""
        row_id = self._db.execute(sql, values).lastrowid
        assert row_id is not None
        return row_id

    def add_function(self, name: str, function: Callable[[Any], float]) -> None:
        """Define a deterministic SQL function of one argument."""
        self._db.create_function(name, 1, function, deterministic=True)

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction, durable when the block ends and rolled back if it raises."""
        with self._lock, self._translated(), self._transaction("FULL"):
            yield

    @contextmanager
    def write_soon(self) -> Iterator[None]:
        """The same, seen by every process at once, but durable only with :meth:`sync` or a :meth:`write`.

        For what a power cut may undo as if it had not begun; the death of this process undoes nothing.
        """
        with self._lock, self._translated():
            with self._transaction("NORMAL"):
                yield
            self._written += 1

    def _transaction(self, synchronous: str) -> AbstractContextManager[None]:
        if synchronous != self._synchronous:
            self._db.execute(f"PRAGMA synchronous = {synchronous}")
            self._synchronous = synchronous
        return transaction(self._db)

    def sync(self) -> None:
        """Make durable what :meth:`write_soon` wrote. Not to be called inside a block of this class.

        Unlike :meth:`write` this keeps nobody out while it waits for the disk, and threads that wait at the
        same time share one sync. If it raises, what was written is still there, but a power cut may undo it.
        """
        wanted = self._written
        with self._syncing:
            if self._synced >= wanted or self.path is None:
                return
            written = self._written
            with self._translated():
                self._sync_log(Path(f"{self.path}-wal"))
            self._synced = written

    def _sync_log(self, path: Path) -> None:
        try:
            if self._log is None:  # SQLite's locks are on other files: closing this one frees none of them
                self._log = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            sync_file(self._log)
        except FileNotFoundError:  # the file system does not allow write-ahead logging
            with self.write():  # a commit that changes anything syncs all before it
                ((version,),) = self._db.execute("PRAGMA user_version").fetchall()
                self._db.execute(f"PRAGMA user_version = {version:d}")
        except OSError:
            with self._lock, suppress(sqlite3.Error):  # what is written now must not lie behind a gap
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raise

    def generation(self) -> tuple[int, int]:
        """A value that changes whenever this or another process changes the file; cheap to get."""
        with self._lock:
            ((others,),) = self.read("PRAGMA data_version")
            return others, self._db.total_changes

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._called, _REMEDY)
