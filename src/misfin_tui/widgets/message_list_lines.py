"""Drawing the lines of the list of conversations; what was drawn is kept until it looks different."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from textual.cache import LRUCache
from textual.strip import Strip

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import cut
from misfin_tui.widgets.message_list_columns import SIGNS, Columns, Palette, columns, parts
from misfin_tui.widgets.message_list_look import Styles, line_styles

if TYPE_CHECKING:
    from rich.style import Style

    from misfin.store.rows import ConversationRow


class LinePainter:
    """Makes one strip for one conversation in one state, and the same strip again."""

    def __init__(self, styles: Styles) -> None:
        """``styles`` gives the style of a component class."""
        self._styles = styles
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(128)
        self._palettes: dict[tuple[bool, bool], tuple[Style, Palette]] = {}
        self._shape = Columns(0, 0, 0, False)
        self._width = 0
        self._folders = False
        self._now = time.time()
        self._today = ""

    def forget(self) -> None:
        """The theme, the focus or a colour changed."""
        self._palettes.clear()
        self._strips.clear()

    def begin(self, width: int, *, folders: bool = False) -> None:
        """Lines of so many cells are about to be drawn, which name their ``folders`` or do not."""
        if (width, folders) != (self._width, self._folders):
            self._width, self._folders = width, folders
            self._shape = columns(width)
            self._strips.clear()
        self._now = time.time()
        today = time.strftime("%x")
        if today != self._today:  # every "14:02" of yesterday becomes a weekday
            self._today = today
            self._strips.clear()

    def line(self, row: ConversationRow, *, cursor: bool, marked: bool) -> Strip:
        """A conversation."""
        key = (row, cursor, marked)
        strip = self._strips.get(key)
        if strip is None:
            base, palette = self._palette(cursor, marked)
            segments = [
                Segment(text, style)
                for text, style in parts(
                    row,
                    self._shape,
                    palette,
                    cursor=cursor,
                    marked=marked,
                    now=self._now,
                    folders=self._folders,
                )
            ]
            strip = self._strips[key] = Strip(segments).adjust_cell_length(self._width, base)
        return strip

    def placeholder(self, text: str = "···", *, cursor: bool) -> Strip:
        """A conversation that is still loading, or a line that says something else."""
        base, palette = self._palette(cursor, False)
        text = ("▌" if cursor else " ") + " " * (SIGNS - 1) + text
        return Strip([Segment(text, palette.snippet)]).adjust_cell_length(self._width, base)

    def said(self, text: str) -> Strip:
        """A sentence in the middle of an empty list."""
        style = self._palette(False, False)[0]
        muted = style + self._styles("message-list--snippet", partial=True)
        said = cut(plain(text, one_line=True), self._width)
        indent = (self._width - cell_len(said)) // 2
        return Strip([Segment(" " * indent + said, muted)]).adjust_cell_length(self._width, style)

    def blank(self) -> Strip:
        """Nothing."""
        blank = self._strips.get(())
        if blank is None:
            blank = self._strips[()] = Strip.blank(self._width, self._palette(False, False)[0])
        return blank

    def _palette(self, cursor: bool, marked: bool) -> tuple[Style, Palette]:
        found = self._palettes.get((cursor, marked))
        if found is None:
            found = line_styles(self._styles, cursor=cursor, marked=marked)
            self._palettes[(cursor, marked)] = found
        return found
