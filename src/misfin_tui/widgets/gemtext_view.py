"""Reading gemtext: a view that draws only the rows in sight, scrolls, finds, selects and knows its links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from misfin_tui.widgets.gemtext_rows import ROLES, Layout, Row, lay_out
from misfin_tui.widgets.quick_scroll import QuickScroll

if TYPE_CHECKING:
    from textual import events
    from textual.selection import Selection

LayOut = Callable[[int], Layout]
"""Lays a document out for a width in cells."""


class GemtextView(QuickScroll, can_focus=True, inherit_bindings=False):
    """A document of rows; :meth:`show` takes gemtext, :meth:`show_layout` anything that lays itself out."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"gemtext--{role}" for role in ROLES} | {"gemtext--found"}
    DEFAULT_CSS = """
    GemtextView {
        overflow-x: auto; overflow-y: auto; scrollbar-size: 1 1; padding: 0 1;
        .gemtext--heading1 { color: $gemtext-heading; text-style: bold underline; }
        .gemtext--heading2 { color: $gemtext-heading; text-style: bold; }
        .gemtext--heading3 { color: $gemtext-heading; text-style: italic; }
        .gemtext--bullet { color: $gemtext-list; }
        .gemtext--quote-bar { color: $gemtext-quote; }
        .gemtext--quote { color: $gemtext-quote; text-style: italic; }
        .gemtext--pre { color: $gemtext-pre; background: $boost; }
        .gemtext--alt { color: $mail-muted; background: $boost; text-style: italic; }
        .gemtext--link-number { color: $gemtext-link; text-style: bold; }
        .gemtext--link { color: $gemtext-link; text-style: underline; }
        .gemtext--target { color: $mail-muted; }
        .gemtext--found { background: $warning; color: $background; text-style: bold; }
        &:ansi .gemtext--found { background: ansi_default; color: ansi_default; text-style: reverse; }
    }
    """

    @dataclass
    class LinkChosen(Message):
        """A link was clicked; ``target`` is what the message says, not yet judged."""

        view: GemtextView
        number: int
        target: str

        @property
        def control(self) -> GemtextView:
            """The view."""
            return self.view

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.layout_rows = Layout()
        self._lay_out: LayOut | None = None
        self._laid_width = 0
        self._found = ""
        self._strips: LRUCache[tuple[int, int], Strip] = LRUCache(128)
        self._styles_of: dict[str, Style] = {}

    # ---- what is shown

    def show(self, text: str) -> None:
        """Show a gemtext from its top."""
        self.show_layout(lambda width: lay_out(text, width))

    def show_layout(self, lay: LayOut, *, keep: bool = False) -> None:
        """Show what ``lay`` makes of the width, now and after each resize; ``keep`` stays in place."""
        self._lay_out = lay
        self._laid_width = 0
        self._ensure()
        if not keep:
            self.scroll_to(x=0, y=0, animate=False, immediate=True)
        self.refresh()

    @property
    def links(self) -> list[str]:
        """Targets of the links, as written; the first has number 1."""
        return self.layout_rows.links

    def _ensure(self) -> None:
        """Lay out again when the width is another one."""
        width = self.scrollable_content_region.width
        if self._lay_out is None or width <= 0 or width == self._laid_width:
            return
        self._laid_width = width
        self.layout_rows = self._lay_out(width)
        self._strips.clear()
        self.virtual_size = Size(max(self.layout_rows.width, 1), len(self.layout_rows.rows))

    def on_resize(self) -> None:
        """Another width, another layout."""
        top = self._source_at(self.scroll_offset.y)
        self._ensure()
        if top >= 0:
            self._to_source(top)

    def _source_at(self, y: int) -> int:
        rows = self.layout_rows.rows
        return rows[y].source if 0 < y < len(rows) else -1

    def _to_source(self, source: int) -> None:
        """Keep the line that was on top on top; rows of other widths have other numbers."""
        for number, row in enumerate(self.layout_rows.rows):
            if row.source >= source:
                self.scroll_to(y=number, animate=False, immediate=True)
                return

    # ---- moving

    def move(self, lines: int) -> None:
        """Scroll by lines."""
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False, immediate=True)

    def move_page(self, pages: int) -> None:
        """Scroll by screens, keeping one line of the old one."""
        self.move(pages * max(self.size.height - 1, 1))

    def move_to(self, row: int) -> None:
        """Scroll to a row; past the end means the end."""
        self.scroll_to(y=row, animate=False, immediate=True)

    @property
    def found(self) -> str:
        """What is marked, folded for comparing; empty for nothing."""
        return self._found

    def find(self, text: str, *, start: int = 0) -> int | None:
        """Mark every row that holds ``text`` and scroll to the first from ``start`` on, round the end.

        Returns its number, None when there is none.
        """
        self._found = text.casefold()
        self._strips.clear()
        self.refresh()
        rows = self.layout_rows.rows
        if not text:
            return None
        number: int
        for number in (*range(start, len(rows)), *range(start)):
            if self._found in rows[number].text.casefold():
                self.move_to(max(0, number - self.size.height // 3))
                return number
        return None

    # ---- the mouse and the clipboard

    def on_click(self, event: events.Click) -> None:
        """A click on a link chooses it."""
        place = event.get_content_offset(self)
        rows = self.layout_rows.rows
        if event.button != 1 or place is None:
            return
        if (y := self.scroll_offset.y + place.y) < len(rows) and rows[y].link:
            number = rows[y].link
            self.post_message(self.LinkChosen(self, number, self.links[number - 1]))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, for copying."""
        return selection.extract("\n".join(row.text for row in self.layout_rows.rows)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self._strips.clear()
        self.refresh()

    # ---- drawing

    def notify_style_update(self) -> None:
        """The theme or a colour changed."""
        super().notify_style_update()
        self._styles_of.clear()
        self._strips.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the rows in sight."""
        self._ensure()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        scroll_x, scroll_y = self.scroll_offset
        width = self.size.width
        number = scroll_y + y
        rows = self.layout_rows.rows
        if number >= len(rows):
            return Strip.blank(width, self._style("text"))
        strip = self._strips.get((number, scroll_x))
        if strip is None:
            strip = self._draw(rows[number], number)
            strip = strip.crop_extend(scroll_x, scroll_x + width, self._style(rows[number].fill))
            self._strips[(number, scroll_x)] = strip
        return strip.apply_offsets(scroll_x, number)

    def _draw(self, row: Row, number: int) -> Strip:
        segments = [Segment(text, self._style(role)) for text, role in row.pieces]
        strip = Strip(segments)
        if self._found and self._found in row.text.casefold():
            strip = self._with_found(strip, row.text)
        selection = self.text_selection
        span = selection.get_span(number) if selection is not None else None
        if span is not None:
            start, end = span
            end = strip.cell_length if end < 0 else end
            parts = list(strip.divide([start, end, strip.cell_length]))
            if len(parts) == 3:
                style = self.screen.get_component_rich_style("screen--selection")
                parts[1] = Strip(
                    [Segment(text, (own or Style()) + style) for text, own, _ in parts[1]],
                    parts[1].cell_length,
                )
                strip = Strip.join(parts)
        return strip

    def _with_found(self, strip: Strip, text: str) -> Strip:
        """The strip with what is searched for marked; the whole of it where messages fold to several."""
        folded, wanted = text.casefold(), self._found
        cuts = [0, strip.cell_length]
        if len(folded) == len(text):
            cuts, at = [], folded.find(wanted)
            while at >= 0:
                cuts += [cell_len(text[:at]), cell_len(text[: at + len(wanted)])]
                at = folded.find(wanted, at + len(wanted))
        found = self.get_component_rich_style("gemtext--found", partial=True)
        parts, last = [], 0
        for number, end in enumerate((*cuts, strip.cell_length)):
            part = strip.crop(last, end)
            if number % 2:
                segments = [Segment(piece, (own or Style()) + found) for piece, own, _ in part]
                part = Strip(segments, part.cell_length)
            parts.append(part)
            last = end
        return Strip.join(parts)

    def _style(self, role: str) -> Style:
        style = self._styles_of.get(role)
        if style is None:
            style = self._styles_of[role] = self.role_style(role)
        return style

    def role_style(self, role: str) -> Style:
        """The style of a role; a subclass with roles of its own extends this."""
        return self.get_component_rich_style(f"gemtext--{role}")
