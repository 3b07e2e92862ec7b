"""Whether one message fits a search: the same statement as in the index, on an index of that message alone.

For processes that file mail and have no index. What it decides can therefore not differ from what a search
in the program finds.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path

from misfin.model.folders import BINS, HELD
from misfin.store.index import read, schema, write
from misfin.store.index.digest import Owner, read_place
from misfin.store.index.file_place import FilePlace
from misfin.store.index.links import Unsettled
from misfin.store.mail.keywords import read_keywords
from misfin.store.rows import View
from misfin.store.search.matches import statement
from misfin.store.search.query import parse

_FOLDER = "INSERT INTO folders (folder, account, name, path, bin, held) VALUES (?, ?, ?, x'', ?, ?)"


class SingleMessage:
    """Tries searches on one message after the other. Thread-safe; some 2 MB of memory while it exists."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        schema.fill(self._db)

    def close(self) -> None:
        """Free its memory."""
        with self._lock:
            self._db.close()

    @contextmanager
    def message(
        self, root: Path, file: str, owner: Owner, folder: str, known: Sequence[tuple[str, str]]
    ) -> Iterator[Callable[[str, float], bool]]:
        """Read the message that is ``file`` (``cur/NAME``) below ``root``; gives a function that says whether
        a search finds it, at a time.

        ``folder`` is where it is, ``known`` are all folders as (account, name): a search for a folder that
        does not exist is a mistake. A message that has gone meanwhile fits nothing. The function raises
        :class:`QueryError`.
        """
        place = FilePlace(1, file.encode("utf-8", "surrogateescape"))
        digest = read_place(root, place, owner, read_keywords(root))
        here = (owner.directory, folder)
        with self._lock, self._discarded() as db:
            others = (each for each in known if each != here)
            for number, (account, name) in enumerate([here, *others], 1):
                db.execute(_FOLDER, (number, account, name, name in BINS, name == HELD))
            write.add(db, [digest] if digest else [], Unsettled())

            def fits(search: str, now: float) -> bool:
                query = parse(search, now=now, zone=self._zone)
                asked = statement(db, View(query=search), query, read.known_folders(db), listed=False)
                return bool(asked.first(db, 1))

            yield fits

    @contextmanager
    def _discarded(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN")
        try:
            yield self._db
        finally:
            self._db.execute("ROLLBACK")
