"""A list of rows in columns, drawn line by line: for outbox, trust, contacts, identities and settings.

All items are in memory (they are thousands at most), but only the lines in sight are ever drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from misfin.store.evidence import Evidence
from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import cut, fit, wrap
from misfin_tui.widgets.row_columns import MEASURED, Column, Shape, shape

T = TypeVar("T")

Cell = tuple[str, str]
"""A text and its tone: one of :data:`TONES`."""

TONES = ("normal", "strong", "muted", "good", "warn", "bad", "accent", "unread", *Evidence)


class RowList(ScrollView, Generic[T], can_focus=True, inherit_bindings=False):
    """Rows with a cursor. ``cells`` turns an item into one cell for each column."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"row--{tone}" for tone in TONES} | {
        "row--cursor",
        "row--bar",
        "row--title",
        "row--heading",
    }
    DEFAULT_CSS = """
    RowList {
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        .row--cursor { background: $block-cursor-blurred-background; }
        &:focus .row--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        .row--bar { color: $primary; text-style: bold; }
        .row--title { color: $mail-muted; }
        .row--heading { color: $primary; text-style: bold; }
        .row--strong { text-style: bold; }
        .row--muted { color: $mail-muted; }
        .row--good { color: $success; }
        .row--warn { color: $warning; }
        .row--bad { color: $error; text-style: bold; }
        .row--accent { color: $secondary; }
        .row--unread { color: $mail-unread; }
        .row--verified { color: $evidence-verified; }
        .row--differs { color: $evidence-differs; text-style: bold; }
        .row--unconfirmed { color: $evidence-unconfirmed; }
        .row--unproven { color: $evidence-unproven; }
    }
    RowList:ansi .row--cursor { background: ansi_default; color: ansi_default; text-style: bold; }
    RowList:ansi:focus .row--cursor { background: ansi_default; color: ansi_default; text-style: reverse; }
    """

    @dataclass
    class Moved(Message):
        """The cursor is on another item."""

        row_list: RowList[Any]
        item: Any

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.row_list

    @dataclass
    class Chosen(Message):
        """An item was chosen with the mouse."""

        row_list: RowList[Any]
        item: Any

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.row_list

    def __init__(
        self,
        columns: Sequence[Column],
        cells: Callable[[T], Sequence[Cell]],
        key: Callable[[T], Hashable],
        *,
        group: Callable[[T], str] | None = None,
        empty: str = "",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """``group`` names the heading that an item stands under; items of one group follow each other."""
        super().__init__(id=id)
        self.empty = empty
        self.items: list[T] = []
        self.cursor = 0
        self._columns = columns
        self._cells = cells
        self._key = key
        self._group = group
        self._lines: Sequence[int | str] = ()
        """What each line shows: the item of this number, or a heading."""
        self._places: Sequence[int] = ()
        """The line of each item."""
        self._needed = [cell_len(column.title) for column in columns]  # never less: columns do not jump
        self._shape = Shape((0,) * len(columns), 1)

    @property
    def current(self) -> T | None:
        """The item under the cursor."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def show(self, items: Sequence[T]) -> None:
        """Show these; the cursor stays on the item it was on, else on its line."""
        before = self.current
        self.items = list(items)
        for item in self.items[:MEASURED]:
            for at, (text, _) in enumerate(self._cells(item)):
                self._needed[at] = max(self._needed[at], len(text) if text.isascii() else cell_len(text))
        place = self.cursor
        if before is not None:
            wanted = self._key(before)
            place = next((at for at, item in enumerate(self.items) if self._key(item) == wanted), self.cursor)
        self._arrange()
        self.virtual_size = Size(1, len(self._lines) + self._top)
        self._to(place, notify=True)
        self.refresh()

    def _arrange(self) -> None:
        """Give every item its line, and every group a heading with an empty line before it."""
        if self._group is None:
            self._lines = self._places = range(len(self.items))
            return
        lines: list[int | str] = []
        places: list[int] = []
        before: str | None = None
        for number, item in enumerate(self.items):
            if (name := self._group(item)) != before:
                lines += [name] if before is None else ["", name]
                before = name
            places.append(len(lines))
            lines.append(number)
        self._lines, self._places = lines, places

    def go_to(self, key: Hashable) -> None:
        """Put the cursor on the item with this key, if it is there."""
        for at, item in enumerate(self.items):
            if self._key(item) == key:
                self._to(at)

    def move(self, rows: int) -> None:
        """Move the cursor."""
        self._to(self.cursor + rows)

    def move_page(self, pages: int) -> None:
        """Move by what fits on the screen."""
        self._to(self.cursor + pages * max(self.size.height - self._top - 1, 1))

    def move_to_end(self, *, top: bool) -> None:
        """To the first or the last row."""
        self._to(0 if top else len(self.items) - 1)

    @property
    def _top(self) -> int:
        """Lines taken by the titles: none when no column has one, or the window is tiny."""
        return 1 if self.size.height > 3 and any(column.title for column in self._columns) else 0

    def _to(self, place: int, *, notify: bool = False) -> None:
        place = max(0, min(place, len(self.items) - 1))
        if place != self.cursor or notify:
            self.cursor = place
            self.refresh()
            self.post_message(self.Moved(self, self.current))
        height = self.size.height - self._top
        if height > 0:
            top = self.scroll_offset.y
            line = self._places[place] if self.items else 0
            first = line
            while first > 0 and isinstance(self._lines[first - 1], str):
                first -= 1  # a heading comes into sight with the first item under it
            wanted = min(max(top, line - height + 1), first if line - first < height else line)
            if wanted != top:
                self.scroll_to(y=wanted, animate=False, immediate=True)

    # ---- the mouse

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; a second one on the same row chooses it."""
        place = event.get_content_offset(self)
        if place is None or place.y < self._top:
            return
        line = place.y - self._top + self.scroll_offset.y
        if line >= len(self._lines):
            return
        at = self._lines[line]
        if isinstance(at, str):
            return  # a heading
        if at == self.cursor and event.chain > 1:
            self.post_message(self.Chosen(self, self.items[at]))
        self._to(at)

    # ---- drawing

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.virtual_size = Size(1, len(self._lines) + self._top)
        self._to(self.cursor)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the lines in sight."""
        room = self.size.width - self.scrollbar_size_vertical - 3
        self._shape = shape(self._columns, self._needed, room)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        width = self.size.width
        base = self.rich_style
        if not self.items:
            lines = wrap(plain(self.empty, one_line=True), width - 4)
            said = lines[y - self._top] if 0 <= y - self._top < len(lines) else ""
            muted = self._tone("muted", base)
            return Strip([Segment(cut(f"  {said}", width), muted)]).adjust_cell_length(width, base)
        if y < self._top:
            titles: list[Cell] = [(column.title, "title") for column in self._columns]
            return self._draw(titles, base, "  ", base)
        line = y - self._top + self.scroll_offset.y
        if line >= len(self._lines):
            return Strip.blank(width, base)
        at = self._lines[line]
        if isinstance(at, str):
            heading = base + self.get_component_rich_style("row--heading", partial=True)
            return Strip([Segment(cut(f" {plain(at, one_line=True)}", width), heading)]).adjust_cell_length(
                width, base
            )
        if at != self.cursor:
            return self._draw(self._cells(self.items[at]), base, "  ", base)
        base = self.get_component_rich_style("row--cursor")
        return self._draw(self._cells(self.items[at]), base, "▌ ", self._tone("bar", base))

    def _tone(self, tone: str, base: Style) -> Style:
        """The style of a tone on a row's own background; strong text keeps the row's own colour."""
        if tone == "normal" or base.reverse:  # reversed, a colour would be the background of a single cell
            return base
        own = self.get_component_rich_style(f"row--{tone}", partial=True)
        return base + (Style(bold=True) if tone == "strong" else own)

    def _draw(self, cells: Sequence[Cell], base: Style, lead: str, lead_style: Style) -> Strip:
        segments = [Segment(lead, lead_style)]
        gap = Segment(" " * self._shape.gap, base)
        for (text, tone), column, width in zip(cells, self._columns, self._shape.widths, strict=True):
            if width <= 0:
                continue
            shown = fit(plain(text, one_line=True), width, right=column.right)
            segments += [Segment(shown, self._tone(tone, base)), gap if width > 1 else Segment(" ", base)]
        return Strip(segments).adjust_cell_length(self.size.width, base)
