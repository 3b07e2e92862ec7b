"""Writing gemtext: a text area that colours lines by their kind and shows hidden characters as marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.containers import Lines
from rich.text import Text
from textual import on
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from misfin_tui.screentext import MAX_MARKS, REPLACED, plain
from misfin_tui.widgets.in_order import InOrder

if TYPE_CHECKING:
    from textual import events
    from textual.geometry import Region
    from textual.strip import Strip

MAX_TEXT = 64 * 1024
"""Characters the area takes: four times the largest message, to let a text be pasted first and cut then."""

# What nobody means to write and what could act on a terminal: controls but tab and newline, C1, bidirectional
# overrides, lone surrogates. Joiners stay: some scripts and emoji are written with them.
_UNTYPABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_FENCE = "```"


def typable(text: str) -> str:
    """Text from a file, a message or the clipboard as somebody could have typed it: LF ends, no controls."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return _UNTYPABLE.sub("", text)


Look = tuple[object, ...] | None
"""What a row of the area looks like; None below the text."""


class _Line(Text):
    """A line that is divided into its rows once for all of them, not again for each row that is drawn."""

    __slots__ = ("divided",)

    def __init__(self, text: str, divided: dict[int, Lines]) -> None:
        super().__init__(text, end="", no_wrap=True)
        self.divided = divided

    def divide(self, offsets: Iterable[int]) -> Lines:
        """The rows; every row of a line is drawn with the same styles, so the first call serves all."""
        if 0 not in self.divided:
            self.divided[0] = super().divide(offsets)
        return self.divided[0]


class GemtextArea(InOrder, TextArea):
    """The body of a message. Text set from outside must have passed :func:`typable`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "area--heading",
        "area--link",
        "area--label",
        "area--list",
        "area--quote",
        "area--pre",
        "area--fence",
    }
    DEFAULT_CSS = """
    GemtextArea {
        border: round $border-blurred; padding: 0 1; background: $background; scrollbar-size-vertical: 1;
        &:focus { border: round $border; }
        .area--heading { color: $gemtext-heading; text-style: bold; }
        .area--link { color: $gemtext-link; text-style: underline; }
        .area--label { color: $gemtext-link; }
        .area--list { color: $gemtext-list; }
        .area--quote { color: $gemtext-quote; text-style: italic; }
        .area--pre { color: $gemtext-pre; }
        .area--fence { color: $mail-muted; text-style: italic; }
    }
    """

    selection: Reactive[Selection] = reactive(Selection(), init=False, always_update=True, repaint=False)
    """As TextArea's, but what it changes is drawn by :meth:`_draw_changes`."""

    @dataclass
    class TooMuch(Message):
        """A paste was larger than any message; nothing was inserted. ``size`` is bytes."""

        area: GemtextArea
        size: int

        @property
        def control(self) -> GemtextArea:
            """The text area."""
            return self.area

    def __init__(self, text: str = "", *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(text, id=id, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False)
        self.most = MAX_TEXT
        """Characters it holds at most after a paste."""
        self.set_reactive(TextArea.match_cursor_bracket, False)  # prose has none worth a search at each key
        self._in_block: list[bool] = []
        self._drawn: dict[int, Look] = {}
        self._divided: dict[int, dict[int, Lines]] = {}

    # ---- what has to be drawn again

    def watch_selection(self) -> None:
        """The cursor moved, after a key that wrote something too."""
        self._draw_changes()

    @on(TextArea.Changed)
    def _text_changed(self) -> None:
        self._draw_changes()

    def _draw_changes(self) -> None:
        """Draw the rows that look different from before; TextArea itself draws all of them at each key."""
        if not self.is_mounted:
            return
        self._in_block = preformatted(self.document.lines)
        top = self.scroll_offset.y
        for y in range(self.size.height):
            if self._drawn.get(y) != self._look(y):
                self.refresh_line(top + y)

    def _look(self, y: int) -> Look:
        """Everything a row's looks depend on, besides colours and width: when those change, all is drawn."""
        place, rows = self.scroll_offset.y + y, self.wrapped_document._offset_to_line_info
        if place >= len(rows):
            return None
        number, section = rows[place]
        line, breaks = self.document.get_line(number), self.wrapped_document.get_offsets(number)
        start = breaks[section - 1] if section else 0
        end = breaks[section] if section < len(breaks) else len(line)
        styled = tuple(
            (role, max(first - start, 0), min(last, end) - start)
            for role, first, last in spans(line, block=self._in_block[number])
            if first < end and last > start
        )
        (top, bottom), (row, column) = sorted(self.selection), self.selection.end
        cursor = column - start if row == number and start <= column <= end and self._draw_cursor else None
        selected = (top, bottom) if top != bottom and top[0] <= number <= bottom[0] else None
        return line[start:end], styled, cursor, selected

    # ---- colours

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw; which lines are preformatted, and how they divide, is worked out once for all of them."""
        self._in_block = preformatted(self.document.lines)
        self._divided.clear()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the widget, never wider than it: visible marks take room hidden characters did not."""
        self._drawn[y] = self._look(y)
        strip = super().render_line(y)
        width = self.content_size.width
        return strip.crop(0, width) if strip.cell_length > width else strip

    def get_line(self, line_index: int) -> Text:
        """A line of the text with its colours (the hook TextArea documents for this)."""
        raw = self.document.get_line(line_index)
        line = _Line(visible(raw), self._divided.setdefault(line_index, {}))
        block = line_index < len(self._in_block) and self._in_block[line_index]
        for role, start, end in spans(raw, block=block):
            line.stylize(self.get_component_rich_style(f"area--{role}", partial=True), start, end)
        return line

    # ---- what comes in

    async def on_paste(self, event: events.Paste) -> None:
        """Take a paste as typed text; one larger than any message is refused and stays in the clipboard."""
        event.stop()
        event.prevent_default()
        if self.read_only:
            return
        if len(event.text) + len(self.text) > self.most:
            self.post_message(self.TooMuch(self, len(event.text.encode("utf-8", "replace"))))
            return
        self.type_in(event.text)

    def type_in(self, text: str) -> None:
        """Replace what is selected with text, as keys do."""
        result = None if self.read_only else self._replace_via_keyboard(typable(text), *self.selection)
        if result:
            self.move_cursor(result.end_location)


def preformatted(lines: Sequence[str]) -> list[bool]:
    """For each line whether it is inside a preformatted block or is one of its fences."""
    inside = False
    found = []
    for line in lines:
        fence = line.startswith(_FENCE)
        found.append(inside or fence)
        inside ^= fence
    return found


def spans(line: str, *, block: bool) -> list[tuple[str, int, int]]:
    """The coloured parts of a line: role, start, end."""
    length = len(line)
    if block:
        return [("fence" if line.startswith(_FENCE) else "pre", 0, length)]
    if line.startswith("=>"):
        match = re.match(r"=>\s*(\S*)", line)
        start, end = match.span(1) if match else (2, 2)
        return [
            ("list", 0, 2),
            ("link", start, end),
            ("label", end, length),
        ]
    if line.startswith("#"):
        return [("heading", 0, length)]
    if line.startswith("* "):
        return [("list", 0, 1)]
    if line.startswith(">"):
        return [("quote", 0, length)]
    return []


def visible(line: str) -> str:
    """The line with each harmful or hidden character as a visible one; as many characters as before."""
    if line.isascii() and (line.isprintable() or line.replace("\t", "").isprintable()):
        return line
    if plain(line, one_line=False) == line:
        return line
    marks = 0
    shown = []
    for character in line:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        harmless = plain(character, one_line=True)
        shown.append(REPLACED if marks > MAX_MARKS or len(harmless) != 1 else harmless)
    return "".join(shown)
