"""Asking for a line of text, a password, or one of several things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.facts import muted, text

Check = Callable[[str], str]
"""Says what is wrong with a text, empty when nothing is."""


class PromptDialog(Dialog[str]):
    """A line of text. ``check`` is asked before it is accepted, and its complaint is shown."""

    def __init__(
        self,
        title: str,
        question: str = "",
        *,
        value: str = "",
        placeholder: str = "",
        yes: str,
        check: Check = lambda _text: "",
        password: bool = False,
    ) -> None:
        super().__init__(title)
        self._question = question
        self._value = value
        self._placeholder = placeholder
        self._yes = yes
        self._check = check
        self._password = password

    def compose_body(self) -> ComposeResult:
        """The question and the field."""
        if self._question:
            yield text(self._question)
        yield OneLine(
            self._value,
            id="answer",
            password=self._password,
            placeholder=plain(self._placeholder, one_line=True),
            max_length=4096,
        )
        yield text("", id="complaint", classes="warn")

    def choices(self) -> Sequence[Choice]:
        """Enter in the field does the same as the second button."""
        return Choice("cancel", "Cancel  esc"), Choice("ok", self._yes, "primary")

    @on(Input.Submitted, "#answer")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.choose("ok")

    def choose(self, choice: str) -> None:
        """The text, or None."""
        if choice == "cancel":
            self.dismiss(None)
            return
        answer = self.query_one("#answer", Input).value
        complaint = self._check(answer)
        if complaint:
            self.query_one("#complaint", Static).update(Content(plain(complaint, one_line=False)))
            self.query_one("#answer").focus()
        else:
            self.dismiss(answer)


class PasswordDialog(PromptDialog):
    """The password of an encrypted private key; it is shown as dots and never stored."""

    def __init__(self, file_name: str, *, again: bool = False) -> None:
        question = f"The private key in {file_name} is encrypted."
        super().__init__(
            "Password",
            "That password does not open the key. Try again." if again else question,
            yes="Open",
            password=True,
        )


MOST_ALIGNED = 24
"""Cells of the longest label up to which the notes beside labels begin in one column."""


class ChooseDialog(Dialog[str]):
    """One of several things, each with a few words that explain it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]
    DEFAULT_CSS = """
    ChooseDialog OptionList { height: auto; max-height: 14; border: none !important; background: $panel; }
    ChooseDialog OptionList { margin-top: 1; padding: 0; scrollbar-size-vertical: 1; }
    ChooseDialog OptionList:first-child { margin-top: 0; }
    """

    def __init__(
        self,
        title: str,
        options: Sequence[tuple[str, str, str]],
        *,
        question: str = "",
        chosen: str = "",
        keys: Sequence[str] = (),
    ) -> None:
        super().__init__(title)
        self._options = options  # value, label, note
        self._question = question
        self._chosen = chosen
        self._keys = keys  # one for each option, shown before it; or none at all

    def compose_body(self) -> ComposeResult:
        """The list."""
        if self._question:
            yield text(self._question)
        labels = [plain(label, one_line=True) for _value, label, _note in self._options]
        width = max(map(cell_len, labels), default=0)
        if width > MOST_ALIGNED:
            width = 0
        keys = self._keys or [""] * len(labels)
        # Of sixteen colours, none is legible both on the ground and on the line of the cursor.
        tone = "bold" if self.app.current_theme.ansi else "$primary bold"
        choices = OptionList(
            *(
                Option(
                    Content.assemble(
                        (f" {key} " if key else "", tone),
                        (f" {label}{' ' * (width - cell_len(label))}  ", "bold"),
                        (plain(note, one_line=True), muted(self.app)),
                    )
                )
                for key, label, (_value, _label, note) in zip(keys, labels, self._options, strict=True)
            ),
            markup=False,
        )
        values = [value for value, _label, _note in self._options]
        choices.highlighted = values.index(self._chosen) if self._chosen in values else 0
        yield choices

    def choices(self) -> Sequence[Choice]:
        """Enter in the list chooses."""
        return (Choice("cancel", "Cancel  esc"),)

    def action_move(self, lines: int) -> None:
        """As in every list of the program."""
        choices = self.query_one(OptionList)
        choices.focus()
        (choices.action_cursor_down if lines > 0 else choices.action_cursor_up)()

    def on_key(self, event: events.Key) -> None:
        """The key of an option chooses it."""
        if event.character in self._keys:
            event.stop()
            self.dismiss(self._options[self._keys.index(event.character)][0])

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._options[event.option_index][0])

    def choose(self, choice: str) -> None:
        """Nothing was chosen."""
        self.dismiss(None)
