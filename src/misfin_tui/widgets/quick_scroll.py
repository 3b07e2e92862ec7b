"""Scrolling that draws only what is new: finished lines and a scrollbar that looks the same are kept.

Textual finishes every line in sight again after each step: border, filters, and all of the scrollbar. For a
list as high as the window that is most of the time between a key and the screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.cache import LRUCache
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.filter import LineFilter

_KEPT: Final = 64  # finished lines: those of a screen; each takes some kilobytes
_EIGHTHS: Final = 8  # of a cell, in which Textual draws the ends of a scrollbar


class QuickScroll(ScrollView):
    """A scrolled view whose ``render_line`` gives one strip again for one line; no padding, no opacity."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._finished: LRUCache[int, tuple[Strip, Strip]] = LRUCache(_KEPT)
        self._sides: tuple[Strip, Strip] | None = None
        self._finished_for: tuple[object, ...] = ()

    def notify_style_update(self) -> None:
        """The theme, the focus or a colour changed."""
        super().notify_style_update()
        self._finished_for = ()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines between the borders from what is kept; the borders themselves as any widget draws them."""
        width, height = self.outer_size
        filters = self.get_line_filters()
        state = (width, height, self.show_vertical_scrollbar, *filters)
        if state != self._finished_for:
            self._finished_for = state
            self._finished.clear()
            self._sides = None
        gutter = self.styles.gutter
        inner = range(gutter.top, height - gutter.bottom)
        strips = [
            self._line(y - gutter.top, filters)
            if y in inner
            else super(QuickScroll, self).render_lines(Region(0, y, width, 1))[0]
            for y in crop.line_range
        ]
        if crop.column_span != (0, width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _line(self, y: int, filters: Sequence[LineFilter]) -> Strip:
        content = self.render_line(y)
        kept = self._finished.get(id(content))
        if kept is not None and kept[0] is content:  # an id may be that of a strip long gone
            return kept[1]
        strip = content.adjust_cell_length(self.content_size.width, self.visual_style.rich_style)
        _, background = self.background_colors
        for each in filters:
            strip = strip.apply_filter(each, background)
        left, right = self._side_strips()
        finished = Strip.join([left, strip, right])
        self._finished[id(content)] = (content, finished)
        return finished

    def _side_strips(self) -> tuple[Strip, Strip]:
        """The border left and right of every line, taken from a line as Textual finishes it."""
        if self._sides is None:
            width, gutter = self.outer_size.width, self.styles.gutter
            (whole,) = super().render_lines(Region(0, gutter.top, width, 1))
            self._sides = whole.crop(0, gutter.left), whole.crop(width - gutter.right, width)
        return self._sides

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw the lines now in sight, and the scrollbar only if its thumb moves by what can be seen."""
        bar = self.vertical_scrollbar
        lines = bar.size.height, bar.window_virtual_size, bar.window_size
        if thumb_start(*lines, old_value) == thumb_start(*lines, new_value):
            bar.set_reactive(ScrollBar.position, new_value)
        else:
            bar.position = new_value
        if round(old_value) != round(new_value):
            self.refresh(self.size.region)


def thumb_start(height: int, whole: int, window: int, position: float) -> int:
    """Where the thumb of a scrollbar begins, in eighths of a cell; ``window`` of ``whole`` lines show."""
    if not height or whole <= window:
        return 0
    # In the order in which Textual does it, so that both round alike.
    thumb = max(1.0, window / (whole / height))
    return int((height - thumb) * (position / (whole - window)) * _EIGHTHS)
