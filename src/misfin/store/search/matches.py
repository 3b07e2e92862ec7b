"""The results of a search, walked newest first and only as far as they are needed."""

from __future__ import annotations

import math
import sqlite3
import threading
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from misfin.model.folders import INBOX, holds_mail
from misfin.store.index.file_place import KnownFolder
from misfin.store.rows import View
from misfin.store.search import spelling
from misfin.store.search.compile import compile_query
from misfin.store.search.query import Query

_FIRST_STEP: Final = 64
_LONGEST_STEP: Final = 8000
_FAR: Final = 2.0**60

Match = tuple[int, int, float, int]
"""Row, thread, date and tiebreak of a message."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The messages a view shows below a given row, the highest row first."""

    sql: str
    parameters: tuple[object, ...]
    oldest: int
    newest: int
    """All results are between these rows."""

    def below(self, db: sqlite3.Connection, row: int, limit: int, offset: int = 0) -> list[Match]:
        return db.execute(self.sql, (*self.parameters, self.oldest, row, limit, offset)).fetchall()

    def first(self, db: sqlite3.Connection, limit: int, offset: int = 0) -> list[Match]:
        return self.below(db, self.newest + 1, limit, offset)


def statement(
    db: sqlite3.Connection, view: View, query: Query, known: Sequence[KnownFolder], *, listed: bool
) -> Statement:
    """The statement for a view; ``listed``: as a list, in which held mail is in the Inbox."""
    plan = compile_query(query, known, partial(spelling.expand_prefix, db))
    conditions = [plan.where] if plan.where else []
    if view.folder is not None or view.account is not None:
        inside = [
            str(folder.number)
            for folder in known
            if view.account in (None, folder.account)
            and (
                view.folder in (None, folder.name)
                or (listed and view.folder == INBOX and holds_mail(folder.account, folder.name))
            )
        ]
        conditions.append(
            f"l.folder = {inside[0]}" if len(inside) == 1 else f"l.folder IN ({', '.join(inside)})"
        )
    if view.unread_only:
        conditions.append("l.unread")
    where = " AND ".join(["1", *conditions])
    # A message's row is its second, or slightly higher if that was taken.
    displaced = db.execute("SELECT value FROM facts WHERE name = 'displaced'").fetchone()[0]
    oldest = math.floor(max(plan.since, -_FAR))
    newest = math.ceil(min(plan.until, _FAR)) + displaced
    if plan.match:
        return Statement(_MATCH.replace("…", where), (*plan.parameters, plan.match), oldest, newest)
    return Statement(_FILTER.replace("…", where), plan.parameters, oldest, newest)


# The full-text table is walked backwards, and messages are looked up as it yields them.
_MATCH: Final = (
    "SELECT l.row, l.thread, l.date, l.tiebreak FROM words CROSS JOIN messages l ON l.row = words.rowid"
    " WHERE … AND words MATCH ? AND words.rowid >= ? AND words.rowid < ?"
    " ORDER BY words.rowid DESC LIMIT ? OFFSET ?"
)
_FILTER: Final = (
    "SELECT l.row, l.thread, l.date, l.tiebreak FROM messages l WHERE … AND l.row >= ? AND l.row < ?"
    " ORDER BY l.row DESC LIMIT ? OFFSET ?"
)


@dataclass(slots=True)
class Matches:
    """The conversations a search finds, each by its newest match; grows on demand.

    Kept per search and generation: 16 bytes per conversation, and the set of those already seen. Several
    threads may walk it, taking turns: one that needs the end does not block one that needs the beginning.
    """

    statement: Statement
    newest: array[int] = field(default_factory=lambda: array("q"))
    threads: array[int] = field(default_factory=lambda: array("q"))
    _seen: set[int] = field(default_factory=set)
    _waiting: list[Match] = field(default_factory=list)
    """Matches whose position is not certain yet, because older rows may still belong above them."""
    _last: int | None = None
    _step: int = 0
    ended: bool = False
    """Whether the walk is complete."""
    _walking: threading.Lock = field(default_factory=threading.Lock)

    def reach(
        self, db: sqlite3.Connection, count: int | None, wanted: Callable[[], bool] = lambda: True
    ) -> None:
        """Walk on until ``count`` conversations are known (None: all), or until ``wanted`` says to stop."""
        while wanted():
            with self._walking:
                if self.ended or (count is not None and len(self.newest) >= count):
                    return
                self._stride(db, _LONGEST_STEP if count is None else count)

    def position(self, db: sqlite3.Connection, thread: int) -> int | None:
        """The position of a conversation, walking no further than that."""
        looked = 0
        while True:
            known = len(self.threads)
            try:
                return self.threads.index(thread, looked, known)
            except ValueError:
                if self.ended and known == len(self.threads):
                    return None
            looked = known
            self.reach(db, known + _FIRST_STEP)

    def _stride(self, db: sqlite3.Connection, count: int) -> None:
        """Walk a step: few messages for a first page, more and more on the way to the end."""
        missing = max(count - len(self.newest), _FIRST_STEP)
        step = min(max(self._step, missing), _LONGEST_STEP)
        last = self.statement.newest + 1 if self._last is None else self._last
        found = self.statement.below(db, last, step)
        self._step = min(2 * step, _LONGEST_STEP)
        self.ended = len(found) < step
        if not self.ended:
            self._last = found[-1][0]
        for row, thread, _, _ in self._in_order(found):
            if thread not in self._seen:
                self._seen.add(thread)
                self.newest.append(row)
                self.threads.append(thread)
        if self.ended:
            self._seen = set()

    def _in_order(self, found: list[Match]) -> list[Match]:
        """The matches whose position is certain, newest first.

        No row is lower than its message's second, so anything still to come is older than the lowest row.
        """
        waiting = sorted([*self._waiting, *found], key=_order, reverse=True)
        lowest = -math.inf if self.ended or self._last is None else self._last
        certain = len(waiting)
        while certain and waiting[certain - 1][2] < lowest:
            certain -= 1
        self._waiting = waiting[certain:]
        return waiting[:certain]


def _order(match: Match) -> tuple[float, int, int]:
    row, _, date, tiebreak = match
    return date, tiebreak, row
