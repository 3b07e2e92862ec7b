"""The windows of a view that are in memory, and those still wanted around what is on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from textual.cache import LRUCache

if TYPE_CHECKING:
    from misfin.store.rows import ConversationRow, Count, View

PAGE: Final = 128  # rows fetched at once: more than two screens, less than a millisecond of reading
_KEPT: Final = 16  # two thousand rows
_AHEAD: Final = 40  # rows from the edge of a page at which its neighbour is fetched too


@dataclass(frozen=True, slots=True)
class Tail:
    """Lines below the conversations of a list: ``rows`` that are not in its index, and one with a ``note``.

    No action on conversations is meant for them.
    """

    rows: tuple[ConversationRow, ...] = ()
    note: str = ""

    @property
    def lines(self) -> int:
        """How many there are."""
        return len(self.rows) + bool(self.note)


class Source(Protocol):
    """Where rows come from; every method answers without blocking the loop."""

    async def count(self, view: View, at_most: int | None = None) -> Count:
        """How many conversations the view has; it need not be counted much further than ``at_most``."""
        ...

    async def conversations(self, view: View, offset: int, limit: int) -> list[ConversationRow]:
        """A window of them, newest first."""
        ...

    async def position(self, view: View, thread: int) -> int | None:
        """The place of a conversation in the view."""
        ...


class Pages:
    """What is known of a view of ``total`` rows. It knows neither where rows come from nor who draws them."""

    def __init__(self) -> None:
        self.total = 0
        self._pages: LRUCache[int, list[ConversationRow]] = LRUCache(_KEPT)
        self._wanted: set[int] = set()

    def begin(self, total: int, pages: Mapping[int, list[ConversationRow]]) -> None:
        """A view was read again, these pages of it so far."""
        self.total = total
        self._pages.clear()
        for number, rows in pages.items():
            self._pages[number] = rows
        self._wanted.clear()

    def row(self, index: int) -> ConversationRow | None:
        """The row at a place of the view, None while its page is loading."""
        page = self._pages.get(index // PAGE)
        return page[index % PAGE] if page is not None and index % PAGE < len(page) else None

    def put(self, number: int, rows: list[ConversationRow]) -> None:
        """A page came."""
        self._wanted.discard(number)
        self._pages[number] = rows

    def look_at(self, first: int, height: int) -> bool:
        """Want the pages around the rows in sight; True while any is missing."""
        for number in _around(first, height):
            if number >= 0 and number * PAGE < self.total and number not in self._pages:
                self._wanted.add(number)
        return bool(self._wanted)

    def next_wanted(self, first: int, height: int) -> int | None:
        """The wanted page nearest to the eye; what was scrolled past meanwhile is dropped."""
        self._wanted &= set(_around(first, height))
        middle = (first + height // 2) // PAGE
        return min(self._wanted, key=lambda number: abs(number - middle), default=None)

    def want_none(self) -> None:
        """Give up what has not come: its source fails."""
        self._wanted.clear()


def _around(first: int, height: int) -> range:
    return range((first - _AHEAD) // PAGE, (first + height + _AHEAD) // PAGE + 1)
