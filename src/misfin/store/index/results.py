"""The results of searches and of sorted views, kept for as long as nothing changes in the index."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from misfin.store.index import read
from misfin.store.rows import Order, View

if TYPE_CHECKING:
    from misfin.store.index.sorting import Sorted
    from misfin.store.search.matches import Matches, Statement

_SEARCHES: Final = 6


class Results:
    """What was found lately. ``now`` (Unix seconds) and ``zone`` are for relative dates in searches.

    Thread-safe; every method blocks on the connection it is given.
    """

    def __init__(self, now: Callable[[], float], zone: tzinfo | None) -> None:
        self._now = now
        self._zone = zone
        self._searches: OrderedDict[tuple[View, int], Matches] = OrderedDict()
        self._searching = threading.Lock()
        self._ordered: Sorted | None = None

    def statement(self, db: sqlite3.Connection, view: View, *, listed: bool = False) -> Statement:
        """The SQL of a view. Raises :class:`QueryError` for an invalid search."""
        from misfin.store.search.matches import statement  # not needed for the first frame
        from misfin.store.search.query import parse

        query = parse(view.query, now=self._now(), zone=self._zone)
        return statement(db, view, query, read.known_folders(db), listed=listed)

    def matches(self, db: sqlite3.Connection, view: View) -> Matches:
        """The results of a search, as far as it has been walked. Raises as :meth:`statement`."""
        from misfin.store.search.matches import Matches

        key = (view, read.generation(db))
        with self._searching:
            matches = self._searches.get(key)
        if matches is None:
            matches = Matches(self.statement(db, view, listed=True))
        with self._searching:
            matches = self._searches.setdefault(key, matches)
            self._searches.move_to_end(key)
            while len(self._searches) > _SEARCHES:
                self._searches.popitem(last=False)
        return matches

    def in_order(self, db: sqlite3.Connection, view: View, order: Order) -> Sorted:
        """All of a view in another order than by date. Raises as :meth:`statement`."""
        from misfin.store.index import sorting  # the first frame is hardly ever sorted

        def matches() -> Sequence[int]:
            found = self.matches(db, view)
            found.reach(db, None)
            return found.newest

        box = read.box_of(view, read.known_folders(db))
        key = (view, order, read.generation(db))
        found = self._ordered
        if found is None or found.key != key:
            self._ordered = found = sorting.sort(db, key, box, matches)
        return found
