"""A SQLite file that is nobody's cache: private, durable, versioned, and one transaction for each change."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from misfin.errors import StoreError
from misfin.store.files import private_folder, sync_folder
from misfin.trust.wal import log_ahead

Values = Sequence[object] | Mapping[str, object]
"""What fills the marks of a statement, by place or by name."""


class Database:
    """One file (None: in memory), made if it is missing. Thread-safe; several processes may share the file.

    ``steps`` hold what leads from each version to the next, statement by statement, beginning with an empty
    file; ``name`` is what a person calls the file in the errors.

    Raises :class:`StoreError`, here and in every method, when the file cannot be used or a newer version of
    this program wrote it.
    """

    def __init__(self, path: Path | None, name: str, steps: Sequence[Sequence[str]]) -> None:
        self.path = path
        self._name = name
        self._lock = threading.RLock()
        with self._translated():
            if path is not None and not path.exists():
                private_folder(path.parent)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives its -wal the same mode
                sync_folder(path.parent)
            # Autocommit: each transaction is opened by hand, as IMMEDIATE.
            self._db = sqlite3.connect(
                path or ":memory:", timeout=5.0, isolation_level=None, check_same_thread=False
            )
            try:
                log_ahead(self._db)
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._migrate(steps)
            except BaseException:
                self._db.close()
                raise

    def _migrate(self, steps: Sequence[Sequence[str]]) -> None:
        if self._version() == len(steps):
            return
        with self.write():
            version = self._version()  # asked again: two processes may make the file at once
            if version > len(steps):
                raise StoreError(
                    f"{self._name} {self.path} was written by a newer version of this program.",
                    remedy="Use that version, or another profile.",
                )
            for step in steps[version:]:
                for statement in step:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(steps)}")

    def _version(self) -> int:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        return int(version)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def read(self, sql: str, values: Values = ()) -> list[Any]:
        """Every row of a question."""
        with self._lock, self._translated():
            return self._db.execute(sql, values).fetchall()

    def execute(self, sql: str, values: Values = ()) -> sqlite3.Cursor:
        """One statement inside :meth:`write`."""
        return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Values]) -> None:
        """The same statement for each row, inside :meth:`write`."""
        self._db.executemany(sql, rows)

    def insert(self, sql: str, values: Values) -> int:
        """One new row inside :meth:`write`; returns its id."""
        row_id = self._db.execute(sql, values).lastrowid
        assert row_id is not None
        return row_id

    def add_function(self, name: str, function: Callable[[Any], float]) -> None:
        """Let statements call a function of one value that always gives the same for the same."""
        self._db.create_function(name, 1, function, deterministic=True)

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction, durable when it ends well and undone when anything is raised.

        It is IMMEDIATE: two processes never both believe that they changed the same row.
        """
        with self._lock, self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def generation(self) -> tuple[int, int]:
        """A value that differs whenever this or another process changed the file; cheap to ask."""
        with self._lock:
            ((others,),) = self.read("PRAGMA data_version")
            return others, self._db.total_changes

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"{self._name} {self.path or 'in memory'} cannot be used: {error}.",
                remedy="Check that the disk has room and that you may write there.",
            ) from error
