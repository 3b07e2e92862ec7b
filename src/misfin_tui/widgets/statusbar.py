"""The first and the last line of a screen: what is going on, and the keys that work right now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from misfin_tui.keymap import ACTIONS, NOOP, KeyContext, readable
from misfin_tui.keymap.action import words_of
from misfin_tui.keymap.spelling import is_typed
from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import cut

if TYPE_CHECKING:
    from textual import events
    from textual.screen import Screen

ALWAYS = ("help", "command_palette")
"""Actions the key line shows at its end even where nothing else shows them."""
WHILE_TYPING = ("leave_search",)
"""Actions it shows only while a line is typed."""
FIRST = (
    "help",
    "back",
    "command_palette",
    "search",
    "archive",
    "send",
    "leave",
    "shorten",
    "attach",
    "copies",
    "editor",
    "toggle_preview",
    "attached",
    "send_at",
    "compose",
    "reply",
    "trash",
    "undo",
)
"""Where the line is short of room, these get theirs before all others, in the order of their use."""
_Key = tuple[str, str, str, str]
"""A key, how it is shown, the word for what it does, and the action."""
_ORDER = {
    action.id: (action.context in (KeyContext.LIST, KeyContext.EVERYWHERE), number)
    for number, action in enumerate(ACTIONS)
}
"""A screen's own keys first, then those it shares."""


class StatusBar(Widget):
    """The place on the left; on the right the news, each with its tone, the last ones cut first."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "statusbar--title",
        "statusbar--good",
        "statusbar--warning",
        "statusbar--bad",
        "statusbar--muted",
    }
    DEFAULT_CSS = """
    StatusBar {
        height: 1; dock: top; background: $panel; color: $foreground;
        .statusbar--title { text-style: bold; color: $primary; }
        .statusbar--good { color: $success; }
        .statusbar--warning { color: $warning; text-style: bold; }
        .statusbar--bad { color: $error; text-style: bold; }
        .statusbar--muted { color: $mail-muted; }
    }
    """

    class Pressed(Message):
        """The place was clicked while :attr:`StatusBar.opens` says that this does something."""

    opens = reactive(False)
    """Whether a click on the place opens a list of places; a sign before it says so."""

    def __init__(self, where: str = "", *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._where = where
        self._news: list[tuple[str, str]] = []

    def show(self, where: str, news: Sequence[tuple[str, str]]) -> None:
        """Show a place and its news: texts with a tone, ``good``, ``warning``, ``bad`` or ``muted``."""
        if (where, list(news)) != (self._where, self._news):
            self._where, self._news = where, list(news)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        style = self.rich_style
        news, room = list(self._news), max(width - 14, 12)
        if _taken(news) > room:
            news = [(text.partition(": ")[0], tone) for text, tone in news]  # that, but not why
        while len(news) > 1 and _taken(news) > room:
            news.pop()
        right: list[Segment] = []
        for text, tone in news:
            if right:
                right.append(Segment(" · ", style))
            own = self.get_component_rich_style(f"statusbar--{tone}", partial=True)
            right.append(Segment(cut(plain(text, one_line=True), width), style + own))
        taken = sum(cell_len(segment.text) for segment in right) + 2
        title = self.get_component_rich_style("statusbar--title", partial=True)
        name = " misfin-tui  " if width - taken > 50 else " "
        left = [Segment(" ≡ " if self.opens else name, style + title)]
        room = width - taken - sum(len(segment.text) for segment in left) - 1
        left.append(Segment(cut(plain(self._where, one_line=True), max(room, 0)), style))
        gap = width - taken - sum(cell_len(segment.text) for segment in left) + 1
        strip = Strip([*left, Segment(" " * max(gap, 1), style), *right, Segment(" ", style)])
        return strip.adjust_cell_length(width, style)

    def on_click(self, event: events.Click) -> None:
        """The left half is the place."""
        if self.opens and event.button == 1 and event.x < self.size.width // 2:
            self.post_message(self.Pressed())


def _taken(news: Sequence[tuple[str, str]]) -> int:
    """Cells these take with what is between them."""
    return sum(cell_len(text) + 3 for text, _tone in news)


class KeyBar(Widget):
    """The keys that work right now, in the order of the key table; a click presses one."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keybar--key", "keybar--label"}
    DEFAULT_CSS = """
    KeyBar {
        height: 1; dock: bottom; background: $footer-background;
        .keybar--key { color: $footer-key-foreground; text-style: bold; }
        .keybar--label { color: $footer-description-foreground; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._keys: list[_Key] = []
        self._places: list[tuple[int, int, str]] = []  # from and to column, key

    def on_mount(self) -> None:
        """Follow the focus and the screen: they decide which keys work."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._bindings_changed(self.screen)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        """Gather the keys again."""
        if not self.is_attached or screen is not self.screen:
            return
        seen: set[str] = set()
        focused = screen.focused
        idle: Collection[str] = getattr(screen, "idle_actions", ())
        words = words_of(screen)
        writing = getattr(screen, "always_writing", False) or (
            focused is not None and focused.check_consume_key("a", "a")
        )
        found: list[tuple[int, tuple[bool, int], _Key]] = []
        for key, active in screen.active_bindings.items():
            binding = active.binding
            action = binding.action.removeprefix("app.").removeprefix("screen.")
            shown = binding.show or action in ALWAYS or (writing and action in WHILE_TYPING)
            if action in seen or not active.enabled or not shown:
                continue
            if key == NOOP or action in idle or (writing and is_typed(key)):
                continue
            seen.add(action)
            label = words[action][0] if action in words else str(binding.description)
            place = ALWAYS.index(action) if action in ALWAYS else -1
            found.append(
                (place, _ORDER.get(binding.id or "", (False, 0)), (key, readable(key), label, action))
            )
        keys = [item for _place, _order, item in sorted(found)]
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line: what does not fit is left out, but not the keys for help and for going back."""
        width = self.size.width
        style = self.rich_style
        key_style = style + self.get_component_rich_style("keybar--key", partial=True)
        label_style = style + self.get_component_rich_style("keybar--label", partial=True)
        room = width
        fitting = set()
        for item in sorted(self._keys, key=_urgency):
            if _width(item) <= room:
                fitting.add(item)
                room -= _width(item)
        column = 0
        segments: list[Segment] = []
        self._places.clear()
        for item in self._keys:
            if item in fitting:
                key, shown, label, _action = item
                segments += [
                    Segment(f" {shown}", key_style),
                    Segment(f" {label} ", label_style),
                ]
                self._places.append((column, column + _width(item), key))
                column += _width(item)
        return Strip(segments).adjust_cell_length(width, style)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for start, end, key in self._places:
            if start <= event.x < end:
                self.app.simulate_key(key)


def _urgency(item: _Key) -> int:
    return FIRST.index(item[3]) if item[3] in FIRST else len(FIRST)


def _width(item: _Key) -> int:
    return cell_len(item[1]) + cell_len(item[2]) + 3
