"""What all list screens share: a line on top, a list, a search line, a line of keys below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input

from misfin_tui.screens.base import AppScreen, CursorKeys
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.facts import text
from misfin_tui.widgets.row_list import RowList
from misfin_tui.widgets.statusbar import KeyBar, StatusBar


class ListScreen(AppScreen):
    """A list of things with a search line. Each screen says what its rows are and what to do with one."""

    TITLE_TEXT = ""
    ROWS = ("row", "rows")
    """What one row is, and several."""
    DEFAULT_CSS = """
    ListScreen {
        layout: vertical; background: $background;
        #search { display: none; padding: 0 1; background: $panel; }
        &.-searching #search { display: block; }
        RowList { height: 1fr; border: round $border-blurred; border-title-color: $text-muted; }
        RowList:focus { border: round $border; border-title-color: $primary; }
        #detail { height: auto; max-height: 5; padding: 0 1; color: $text-muted; }
        #detail { border: round $border-blurred; border-title-color: $warning; }
        #detail.-empty { display: none; }
        &.-detailed ToastRack { margin-bottom: 5; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        adopt(self, CursorKeys(lambda: self.rows, lambda top: self.rows.move_to_end(top=top)))

    # ---- for each screen to fill in

    def make_list(self) -> RowList[Any]:
        """The list."""
        raise NotImplementedError

    async def load(self) -> Iterable[Any]:
        """What there is to show; may raise :class:`MisfinError`."""
        raise NotImplementedError

    def matches(self, item: Any, words: list[str]) -> bool:
        """Whether an item matches the search; words are casefolded."""
        raise NotImplementedError

    def choose(self, item: Any) -> None:
        """An item was chosen."""
        raise NotImplementedError

    # ---- the frame

    def compose(self) -> ComposeResult:
        """Top line, search line, list, key line."""
        # Kept by name: a worker may come back when the screen has lost its widgets already.
        self.status = StatusBar(self.TITLE_TEXT, id="status")
        self.search = OneLine(id="search", placeholder="Search", max_length=200)
        self.rows = self.make_list()
        self._empty = self.rows.empty
        self.detail_line = text("", id="detail", classes="-empty")
        yield self.status
        yield self.search
        yield self.rows
        yield self.detail_line
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Read what there is."""
        self.everything: list[Any] = []
        self.rows.focus()
        self.reload()

    @work(group="reload", exclusive=True, description="read the list")
    async def reload(self) -> None:
        """Read again, in the background; the cursor stays on its item."""
        await self.read_again()

    async def read_again(self) -> None:
        """Read again and wait for it."""
        found = await self.attempt(self.load())
        if found is not None and self.standing:
            self.everything = list(found)
            self.filter()

    def filter(self) -> None:
        """Show what matches the search."""
        words = self.search.value.casefold().split()
        listed = self.listed(searching=bool(words))
        shown = [item for item in listed if self.matches(item, words)] if words else listed
        back = self.misfin.keys.shown("leave-search")
        nothing = f"Nothing here matches the search. Press {back} to see all."
        self.rows.empty = nothing if words else self._empty
        self.rows.show(shown)
        total = len(listed)
        count = f"{len(shown):,} of {total:,}" if words else f"{total:,}"
        self.rows.border_title = Content(self.list_title(count, total))
        self.status.show(self.TITLE_TEXT, self.news())

    def list_title(self, count: str, total: int) -> str:
        """What the panel holds, and how much: ``count`` is ``7``, or ``2 of 7`` where a search found two."""
        return f"{count} {self.ROWS[total != 1]}"

    def listed(self, *, searching: bool) -> list[Any]:
        """What the list shows when nothing is searched for, or what a search goes through."""
        return self.everything

    def detail(self, item: Any) -> str:
        """What is known about the item under the cursor, shown below the list; may be empty."""
        return ""

    def hint(self, item: Any) -> str:
        """What can be done about the item under the cursor, shown above its detail; may be empty."""
        return ""

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        self.show_detail(event.item)
        self.refresh_bindings()  # the key line may offer what fits this item

    def show_detail(self, item: Any) -> None:
        """Say below the list what there is to say about an item; None for nothing."""
        said = self.detail(item) if item is not None and self.size.height > 12 else ""
        hint = self.hint(item) if said else ""
        self.detail_line.border_title = Content(plain(hint, one_line=True)) if hint else ""
        self.detail_line.update(Content(plain(said, one_line=False)))
        self.detail_line.set_class(not said, "-empty")
        self.set_class(bool(said), "-detailed")  # notices leave it free

    def news(self) -> list[tuple[str, str]]:
        """What is shown on the right of the top line: text and tone."""
        return []

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        self.choose(event.item)

    # ---- searching

    def action_search(self) -> None:
        """Open the search line."""
        self.add_class("-searching")
        self.search.focus()

    @on(Input.Changed, "#search")
    def _search_changed(self) -> None:
        if self.search.value and not self.has_class("-searching"):
            self.search.value = ""  # keys that were on their way when the search was closed
        else:
            self.filter()

    @on(Input.Submitted, "#search")
    def _search_entered(self) -> None:
        self.rows.focus()

    def action_back(self) -> None:
        """Close the search first, then the screen."""
        if self.has_class("-searching"):
            self.remove_class("-searching")
            self.search.value = ""
            self.rows.focus()
        else:
            self.dismiss()

    def action_leave_search(self) -> None:
        """Close the search, and nothing else."""
        if self.has_class("-searching"):
            self.action_back()
