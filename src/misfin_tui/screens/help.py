"""The help: every key that works on the screen below, then all others; to scroll and to search."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from misfin.store.evidence import Evidence
from misfin_tui.dialogs.base import ClosesOnce
from misfin_tui.host import host_of
from misfin_tui.keymap import ACTIONS, BY_ID, KeyAction, KeyContext, readable
from misfin_tui.keymap.action import named, words_of
from misfin_tui.screens.base import CursorKeys
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.cells import fit, wrap
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.gemtext_rows import Layout, Row
from misfin_tui.widgets.gemtext_view import GemtextView

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.screen import Screen


SAVED = "saved-search-"
"""How the ids of the nine saved searches begin."""
KEYS = 14  # cells of the column of keys
LABEL = 22  # cells of the column of names


MOUSE = (
    (
        "click",
        KeyAction("mouse", "", "Choose", "A line, a folder, a link, an attachment, a key on the last line."),
    ),
    ("click twice", KeyAction("mouse", "", "Open", "Open the conversation.")),
    ("right click", KeyAction("mouse", "", "Menu", "Everything that can be done there.")),
    ("wheel", KeyAction("mouse", "", "Scroll", "Up and down.")),
    (
        "drag",
        KeyAction("mouse", "", "Select", "Lines of a message: a reply quotes them, ctrl+c copies them."),
    ),
)
"""What the mouse does, besides what the last line and the menu say."""


class HelpView(GemtextView):
    """Keys, names and sentences."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"help--key", "help--label", "help--text"}
    DEFAULT_CSS = """
    HelpView {
        .help--key { color: $footer-key-foreground; text-style: bold; }
        .help--label { text-style: bold; }
        .help--text { color: $text-muted; }
    }
    """

    def role_style(self, role: str) -> Style:
        """The three columns have classes of their own."""
        if role in ("key", "label", "text"):
            return self.get_component_rich_style(f"help--{role}")
        return super().role_style(role)


MOVING = ("cursor-up", "cursor-down", "page-up", "page-down", "cursor-top", "cursor-bottom")
"""The actions of any list that move the text too."""


class HelpScreen(ClosesOnce[None]):
    """Shown over the screen it explains."""

    AUTO_FOCUS = "#help"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KeyContext.HELP),
        *(each for each in bindings(KeyContext.LIST) if isinstance(each, Binding) and each.id in MOVING),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        #box {
            width: 92; max-width: 100%; height: 90%; background: $surface;
            border: round $border; border-title-color: $primary; border-title-style: bold;
        }
        #help { height: 1fr; background: $surface; }
        Input, Input:focus { border: none; height: 1; padding: 0 1; background: $panel; }
        Input { display: none; }
        &.-searching Input { display: block; }
        &.-narrow Toast { visibility: hidden; }
        &:ansi { background: ansi_default; } /* what is behind cannot be dimmed */
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (180, "-roomy")]  # noqa: RUF012 - Textual declares it per instance

    def __init__(self, about: Screen[object]) -> None:
        super().__init__()
        adopt(self, CursorKeys(lambda: self.view, lambda top: self.view.move_to(0 if top else 1 << 20)))
        self._here = contexts_of(about)
        self._words = words_of(about)

    def compose(self) -> ComposeResult:
        """A box over the screen."""
        with Vertical(id="box") as box:
            box.border_title = Content("Keys")
            keys = host_of(self).keys
            box.border_subtitle = Content(
                f"{keys.shown('help-search')} Search  {keys.shown('help-close')} Close"
            )
            yield HelpView(id="help")
            yield Input(placeholder="Search", max_length=100)

    def on_mount(self) -> None:
        """Everything."""
        self._show("")

    @property
    def view(self) -> HelpView:
        """The text."""
        return self.query_one("#help", HelpView)

    def _show(self, search: str) -> None:
        keys = host_of(self).keys
        words = search.casefold().split()

        def lay(width: int) -> Layout:
            rows: list[Row] = []
            for context in (*self._here, *(context for context in KeyContext if context not in self._here)):
                found = [
                    (", ".join(map(readable, keys.of(action.id))) or "no key", named(action, self._words))
                    for action in ACTIONS
                    if action.context is context
                ]
                found = _series(found)
                lines = [each for each in found if _matches(*each, words)]
                if lines:
                    here = "" if context in self._here else " (elsewhere)"
                    rows.append(Row(((f"{context.value.capitalize()}{here}", "heading2"),)))
                    rows += [row for shown, action in lines for row in _rows(shown, action, width)]
                    rows.append(Row(()))
            pointed = [(gesture, action) for gesture, action in MOUSE if _matches(gesture, action, words)]
            if pointed:
                rows.append(Row((("Mouse", "heading2"),)))
                rows += [row for gesture, action in pointed for row in _rows(gesture, action, width)]
                rows.append(Row(()))
            rows += _signs(words, width)
            if not rows:
                rows.append(Row((("No key matches these words.", "text"),)))
            return Layout(rows)

        self.view.show_layout(lay)

    # ---- keys

    def action_close_help(self) -> None:
        """Close the search first, then the help."""
        if self.has_class("-searching"):
            self.remove_class("-searching")
            self.query_one(Input).value = ""
            self.view.focus()
        else:
            self.dismiss()

    def action_search(self) -> None:
        """Type what to look for."""
        self.add_class("-searching")
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._show(event.value)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.view.focus()


def contexts_of(screen: Screen[object]) -> tuple[KeyContext, ...]:
    """The contexts whose keys a screen has, its own first."""
    found: dict[KeyContext, None] = {}
    for active in screen.active_bindings.values():
        action = BY_ID.get(active.binding.id or "")
        if action is not None:
            found[action.context] = None
    shared = (KeyContext.LIST, KeyContext.EVERYWHERE)
    return (
        *(context for context in found if context not in shared),
        *(context for context in shared if context in found),
    )


def _signs(words: list[str], width: int) -> list[Row]:
    """What the signs before names mean."""
    found = [
        (f"{each.sign} {each}", each.when)
        for each in Evidence
        if _found(f"{each.sign} {each} {each.when}", words)
    ]
    if not found:
        return []
    rows = [Row((("Who wrote a message", "heading2"),))]
    for shown, meaning in found:
        lines = wrap(meaning, max(width - KEYS, 24))
        rows.append(Row(((fit(shown, KEYS), "key"), (lines[0], "text"))))
        rows += [Row(((" " * KEYS + line, "text"),)) for line in lines[1:]]
    return [*rows, Row(())]


def _series(found: list[tuple[str, KeyAction]]) -> list[tuple[str, KeyAction]]:
    """The same with one row for the saved searches, where all nine have the key of their number."""
    nine = [each for each in found if each[1].id.startswith(SAVED)]
    if [shown for shown, _ in nine] != [action.id.removeprefix(SAVED) for _, action in nine] or not nine:
        return found
    at = found.index(nine[0])
    row = (f"{nine[0][0]} … {nine[-1][0]}", KeyAction("searches", "", "Saved search", "Open a saved search."))
    return [*found[:at], row, *found[at + len(nine) :]]


def _matches(shown: str, action: KeyAction, words: list[str]) -> bool:
    return _found(f"{shown} {action.id} {action.label} {action.help}", words)


def _found(text: str, words: list[str]) -> bool:
    text = text.casefold()
    return all(word in text for word in words)


def _rows(shown: str, action: KeyAction, width: int) -> list[Row]:
    keys = fit(shown, KEYS) if cell_len(shown) < KEYS else shown + " "
    first = ((keys, "key"), (fit(action.label, LABEL), "label"))
    room = width - cell_len(keys) - LABEL
    if room < 24:
        return [
            Row(first),
            *(Row(((" " * 4, "text"), (line, "text"))) for line in wrap(action.help, width - 4)),
        ]
    lines = wrap(action.help, room)
    indent = " " * (cell_len(keys) + LABEL)
    return [Row((*first, (lines[0], "text"))), *(Row(((indent + line, "text"),)) for line in lines[1:])]
