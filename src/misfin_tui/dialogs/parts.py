"""The tree of parts of a message: read, save, open or delete one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import plain
from misfin_tui.widgets.facts import many, muted, text

if TYPE_CHECKING:
    from misfin.store.message.structure import PartInfo


class PartAction(StrEnum):
    """What to do with a part."""

    READ = "read"
    SAVE = "save"
    OPEN = "open"
    DELETE = "delete"


class _PartsList(OptionList):
    """A click chooses a part for the buttons; only a double click shows it."""

    def on_click(self, event: events.Click) -> None:
        """As in the lists of messages."""
        clicked = event.style.meta.get("option")
        if clicked is not None and event.chain < 2:
            event.prevent_default()
            self.highlighted = clicked


class PartsDialog(Dialog[tuple[PartAction, int]]):
    """The parts of a message, each below the one it belongs to; the answer is what to do, and with which."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("s", "do('save')", show=False),
        Binding("o", "do('open')", show=False),
        Binding("d", "do('delete')", show=False),
        Binding("q", "close_dialog", show=False),
    ]
    DEFAULT_CSS = """
    PartsDialog {
        #box { width: 96; }
        OptionList { height: auto; max-height: 16; border: none !important; padding: 0; }
        OptionList { background: $panel; scrollbar-size-vertical: 1; }
    }
    """

    def __init__(self, parts: Sequence[PartInfo], at: int = 0, *, can_delete: bool = False) -> None:
        super().__init__(f"Parts of this message: {len(parts):,}")
        self._parts = parts
        self._at = at
        self._can_delete = can_delete

    def compose_body(self) -> ComposeResult:
        """One line each, indented below the one it belongs to."""
        quiet = muted(self.app)
        lines = _PartsList(
            *(Option(Content.assemble(_line(part, quiet))) for part in self._parts), markup=False
        )
        lines.highlighted = min(self._at, len(self._parts) - 1)
        yield lines
        delete = ", d deletes" if self._can_delete else ""
        yield text(f"enter reads, s saves, o opens{delete}", classes="muted gap")

    def choices(self) -> Sequence[Choice]:
        """Closing is safe; enter reads."""
        buttons = [
            Choice("close", "Close  esc"),
            Choice("read", "Read"),
            Choice("save", "Save"),
            Choice("open", "Open …"),
        ]
        if self._can_delete:
            buttons.append(Choice("delete", "Delete …", "danger"))
        return buttons

    def action_move(self, lines: int) -> None:
        """As in every list of the program."""
        parts = self.query_one(OptionList)
        parts.focus()
        (parts.action_cursor_down if lines > 0 else parts.action_cursor_up)()

    def action_do(self, what: str) -> None:
        """By its letter."""
        if what != "delete" or self._can_delete:
            self.choose(what)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.choose("read")

    def choose(self, choice: str) -> None:
        """The answer, or None."""
        if choice == "close":
            self.dismiss(None)
        else:
            self.dismiss((PartAction(choice), self.query_one(OptionList).highlighted or 0))


def _line(part: PartInfo, quiet: str) -> Content:
    name = plain(part.name, one_line=True)
    about = [each for each in (part.charset, part.encoding, part.disposition) if each]
    return Content.assemble(
        " " + "  " * min(part.depth, 12),
        (plain(part.type, one_line=True), "bold"),
        f"  {name}" if name else "",
        (f"  {many(part.size, 'byte')}", quiet),
        (f"  {plain(' '.join(about), one_line=True)}" if about else "", quiet),
    )
