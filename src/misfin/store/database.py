"""A SQLite file that is nobody's cache: private, durable, versioned, and one transaction for each change."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from misfin.files import private_folder, sync_folder
from misfin.sqlite import bring_up_to_date, connect, log_ahead, transaction, translated

_REMEDY: Final = "Check that the disk has room and that you may write there."

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
        self._called = f"{name} {path or 'in memory'}"
        self._lock = threading.RLock()
        with self._translated():
            if path is not None:
                private_folder(path.parent)
            new = path is not None and not path.exists()
            self._db = connect(path)
            try:
                if path is not None and new:
                    sync_folder(path.parent)
                log_ahead(self._db)
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._db.execute("PRAGMA cache_size = -512")  # kilobytes; the system caches too
                bring_up_to_date(self._db, self._called, steps)
            except BaseException:
                self._db.close()
                raise

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
        """One transaction, durable when it ends well and undone when anything is raised."""
        with self._lock, self._translated(), transaction(self._db):
            yield

    def generation(self) -> tuple[int, int]:
        """A value that differs whenever this or another process changed the file; cheap to ask."""
        with self._lock:
            ((others,),) = self.read("PRAGMA data_version")
            return others, self._db.total_changes

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._called, _REMEDY)
