"""A longer text to read: details of a certificate, a transcript, a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import plain
from misfin_tui.widgets.facts import text
from misfin_tui.wording.facts import Fact


class FactsDialog(Dialog[str]):
    """Labelled facts, to read and to copy with the mouse; more buttons may be given than closing."""

    DEFAULT_CSS = """
    FactsDialog {
        #box { width: 96; height: auto; }
        #facts { height: auto; }
        #facts > Static { height: auto; width: 1fr; }
        .fact { height: auto; }
        .label { color: $text-muted; height: auto; }
        .value { width: 1fr; height: auto; }
        .heading { text-style: bold; color: $primary; margin-top: 1; }
        .heading:first-child { margin-top: 0; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_by(1)", show=False),
        Binding("k", "scroll_by(-1)", show=False),
        Binding("space", "page(1)", show=False),
        Binding("g,home", "scroll_by(-100000)", show=False),
        Binding("G,end", "scroll_by(100000)", show=False),
        Binding("q,enter", "close_dialog", show=False),
    ]

    def __init__(self, title: str, facts: Sequence[Fact], *, more: Sequence[Choice] = ()) -> None:
        super().__init__(title)
        self._facts = facts
        self._more = more

    def compose_body(self) -> ComposeResult:
        """The facts, their values in one column."""
        width = min(max((len(label) for label, value in self._facts if value), default=0), 16)
        with Vertical(id="facts"):
            for label, value in self._facts:
                if not value:
                    yield text(label, classes="heading")
                elif not label:
                    yield text(value)
                else:
                    yield _fact(label, value, width)

    def choices(self) -> Sequence[Choice]:
        """Closing first."""
        return Choice("close", "Close  esc"), *self._more

    def choose(self, choice: str) -> None:
        """Which button it was; None for closing."""
        self.dismiss(None if choice == "close" else choice)

    def focus_first(self) -> None:
        """Keys scroll the text at once."""
        body = self.query_one("#body", VerticalScroll)
        body.can_focus = True
        body.focus()

    def action_scroll_by(self, lines: int) -> None:
        """By lines."""
        self.query_one("#body", VerticalScroll).scroll_relative(y=lines, animate=False)


def _fact(label: str, value: str, width: int) -> Horizontal:
    """A label, and beside it the value, which wraps in its own column."""
    label = label[:1].upper() + label[1:]
    name = Static(Content(plain(label, one_line=True)), classes="label", markup=False)
    name.styles.width = max(width, len(label)) + 2
    return Horizontal(name, text(value, classes="value"), classes="fact")
