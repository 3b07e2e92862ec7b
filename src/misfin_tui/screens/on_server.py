"""What servers have for a search or a folder that is not here: held in memory, fetched when opened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from misfin.errors import MisfinError
from misfin.store.rows import View
from misfin_tui.keymap import KeyContext
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.controller import adopt, worker
from misfin_tui.widgets.facts import day
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import Cell, RowList

if TYPE_CHECKING:
    from collections.abc import Callable

    from misfin_tui.services.server_search import ServerMessage

_SHOWN_PROBLEMS = 2
_EVERYTHING = View()


class OnServerScreen(ListScreen):
    """Messages on servers that are not here."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.ON_SERVER)
    BINDING_GROUP_TITLE = TITLE_TEXT = "On the server"
    ROWS = ("message", "messages")

    def __init__(self, view: View = _EVERYTHING) -> None:
        super().__init__()
        self._view = view
        self._total = 0
        self._problems: tuple[str, ...] = ()
        self.actions = OnServerActions(self, lambda: self.rows.current, self.reload)
        adopt(self, self.actions)

    def make_list(self) -> RowList[ServerMessage]:
        """Who wrote it, subject, folder, size and date; the title says that all of it is on the server."""
        columns = (
            Column("", 1),
            Column("From", 24, spare=1),
            Column("Subject"),
            Column("Folder", 12, spare=4),
            Column("Size", 8, right=True, spare=3),
            Column("Date", 11, spare=2),
        )
        return RowList(columns, self._cells, _key, empty="Asking the server …")

    def _cells(self, row: ServerMessage) -> Sequence[Cell]:
        found = row.found
        return (
            ("●" if found.unread else "", "unread"),
            (found.sender or "(no sender)", "strong" if found.unread else "normal"),
            (found.subject or "(no subject)", "normal"),
            (found.folder, "muted"),
            (_size(found.size), "muted"),
            (day(found.date) if found.date else "", "muted"),
        )

    async def load(self) -> Iterable[ServerMessage]:
        """What the servers find; they may take a while, or be away."""
        self.status.show(f"{self.TITLE_TEXT} · asking", [])
        try:
            found = await self.services.syncing.server_search.search(self._view)
        except MisfinError:
            self._empty = "The server could not be searched."
            raise
        self._total, self._problems = found.total, found.problems
        what = "this search" if self._view.query else "this folder"
        self._empty = " ".join(found.problems[:_SHOWN_PROBLEMS]) or f"The server has nothing more for {what}."
        return found.messages

    def matches(self, item: ServerMessage, words: list[str]) -> bool:
        """By sender, subject and folder."""
        text = f"{item.found.sender} {item.found.subject} {item.found.folder}".casefold()
        return all(word in text for word in words)

    def news(self) -> list[tuple[str, str]]:
        """How many more there are than are shown, and how many folders could not be searched."""
        said = []
        if self._total > len(self.everything):
            said.append((f"{self._total - len(self.everything):,} older on the server", "muted"))
        if self._problems:
            said.append((f"{len(self._problems)} could not be searched", "warning"))
        return said

    def detail(self, item: ServerMessage) -> str:
        """What could not be searched."""
        return "\n".join(self._problems[:_SHOWN_PROBLEMS])

    def choose(self, item: Any) -> None:
        """A double click opens."""
        self.actions.action_open_on_server()

    @property
    def idle_actions(self) -> Collection[str]:
        """Actions that have nothing to work on."""
        return self.actions.idle


class OnServerActions(ScreenController):
    """Actions for the message under the cursor."""

    def __init__(
        self, screen: AppScreen, row: Callable[[], ServerMessage | None], reload: Callable[[], object]
    ) -> None:
        super().__init__(screen)
        self._row = row
        self._reload = reload

    @property
    def idle(self) -> Collection[str]:
        """Actions that have nothing to work on."""
        return () if self._row() is not None else {"open_on_server"}

    @worker(group="open", exclusive=True, description="fetch a message from the server")
    async def action_open_on_server(self) -> None:
        """Fetch it, store it here, and open it."""
        row = self._row()
        if row is None:
            return
        self.misfin.say("Fetching the message.", timeout=2)
        found = await self.screen.attempt(self.services.syncing.server_search.open(row))
        if found is not None and self.screen.standing:
            self.misfin.open_thread(found, found.id, View(row.account, row.found.folder))
            self._reload()

    def action_ask_server(self) -> None:
        """Ask the servers again."""
        self._reload()


def _key(row: ServerMessage) -> tuple[str, ...]:
    return row.account, row.found.folder, row.found.epoch, row.found.id


def _size(size: int) -> str:
    if size >= 1_000_000:
        return f"{size / 1_000_000:.1f} MB"
    return f"{max(1, round(size / 1000)):,} kB" if size else ""
