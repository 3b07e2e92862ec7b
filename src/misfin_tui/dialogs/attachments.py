"""Attachments: which of a message's to save or open, and the question before one is given to a program."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import plain
from misfin_tui.widgets.facts import many, muted, text

if TYPE_CHECKING:
    from misfin.store.message.parts import Attachment
    from misfin.store.message.structure import PartInfo

RUNNABLE = frozenset(
    {
        "app",
        "appimage",
        "bat",
        "cmd",
        "com",
        "command",
        "desktop",
        "exe",
        "hta",
        "html",
        "htm",
        "jar",
        "js",
        "jse",
        "lnk",
        "msi",
        "pif",
        "ps1",
        "py",
        "reg",
        "scr",
        "sh",
        "svg",
        "url",
        "vbs",
        "webloc",
        "wsf",
        "xhtml",
    }
)
"""Suffixes of files that some program runs, or that can load something from the network, when opened."""


class Attaching(StrEnum):
    """What to do with an attachment, or with all."""

    SAVE = "save"
    SAVE_ALL = "all"
    OPEN = "open"


class AttachmentsDialog(Dialog[tuple[Attaching, int]]):
    """The attachments of a message; the answer is what to do, and the number of the one chosen, from 0."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("s", "do('save')", show=False),
        Binding("a", "do('all')", show=False),
        Binding("o", "do('open')", show=False),
        Binding("q", "close_dialog", show=False),
    ]
    DEFAULT_CSS = """
    AttachmentsDialog OptionList { height: auto; max-height: 14; border: none !important; padding: 0; }
    AttachmentsDialog OptionList { background: $panel; scrollbar-size-vertical: 1; }
    """

    def __init__(self, parts: Sequence[Attachment], at: int = 0) -> None:
        super().__init__(many(len(parts), "attachment"))
        self._parts = parts
        self._at = at

    def compose_body(self) -> ComposeResult:
        """One line each."""
        parts = OptionList(
            *(
                Option(
                    Content.assemble(
                        (f" {plain(part.name, one_line=True) or 'without a name'}  ", "bold"),
                        (f"{plain(part.type, one_line=True)}, {part.size:,} bytes", muted(self.app)),
                    )
                )
                for part in self._parts
            ),
            markup=False,
        )
        parts.highlighted = self._at
        yield parts
        every = ", a saves all" if len(self._parts) > 1 else ""
        yield text(f"s saves{every}, o opens", classes="muted gap")

    def choices(self) -> Sequence[Choice]:
        """Closing is safe."""
        every = (Choice("all", "Save all"),) if len(self._parts) > 1 else ()
        return Choice("close", "Close  esc"), Choice("save", "Save"), *every, Choice("open", "Open …")

    def focus_first(self) -> None:
        """Where there is nothing to choose between, the keys are for the buttons."""
        (self.query_one(OptionList) if len(self._parts) > 1 else self.query_one("#save")).focus()

    def action_move(self, lines: int) -> None:
        """As in every list of the program."""
        parts = self.query_one(OptionList)
        parts.focus()
        (parts.action_cursor_down if lines > 0 else parts.action_cursor_up)()

    def action_do(self, what: str) -> None:
        """By its letter."""
        if what in {choice.id for choice in self.choices()}:
            self.choose(what)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.query_one("#save").focus()

    def choose(self, choice: str) -> None:
        """The answer, or None."""
        if choice == "close":
            self.dismiss(None)
        else:
            self.dismiss((Attaching(choice), self.query_one(OptionList).highlighted or 0))


class OpenFileDialog(Dialog[bool]):
    """Before an attachment is given to the opener: what it is, and what speaks against it."""

    def __init__(self, part: Attachment | PartInfo, opener: str) -> None:
        super().__init__("Open this attachment?")
        self._part = part
        self._opener = opener

    def compose_body(self) -> ComposeResult:
        """Name, type and size, warnings, the command."""
        part = self._part
        yield text(plain(part.name, one_line=True) or "(without a name)", classes="strong")
        yield text(f"{plain(part.type, one_line=True)}, {part.size:,} bytes", classes="muted")
        for remark in remarks(part):
            yield text(f"⚠ {remark}", classes="warn gap")
        yield text(
            f"It will be opened with {self._opener}, as a copy removed when misfin-tui ends. Open only"
            " what you expect, from people you know.",
            classes="muted gap",
        )

    def choices(self) -> Sequence[Choice]:
        """Staying is safe."""
        return Choice("stay", "Cancel  esc"), Choice("open", "Open", "primary")

    def choose(self, choice: str) -> None:
        """True for opening."""
        self.dismiss(choice == "open")


def remarks(part: Attachment | PartInfo) -> list[str]:
    """What to know before opening it, one sentence each."""
    found = []
    suffix = part.name.rstrip(". ").rpartition(".")[2].casefold()
    if suffix in RUNNABLE:
        found.append(f"A file that ends in .{suffix} may run as a program, or fetch something, when opened.")
    if plain(part.name, one_line=True) != part.name:
        found.append("Its name contains invisible characters.")
    return found
