"""A new filter before it is saved: what it finds in the inbox, and what it is to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.widgets import Input, Static

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import plain
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.facts import many, text
from misfin_tui.widgets.tick import TickBox


@dataclass(frozen=True, slots=True)
class FilterAnswer:
    """What was filled in; ``now`` is to run it on the inbox as well."""

    name: str
    tags: tuple[str, ...]
    folder: str
    read: bool
    notify: bool
    now: bool


class FilterDialog(Dialog[FilterAnswer]):
    """The count and the first messages a filter finds, and fields for what it does."""

    DEFAULT_CSS = """
    FilterDialog {
        Grid { grid-size: 2; grid-columns: 8 1fr; height: 3; margin-top: 1; }
        Grid Static { height: 1; color: $text-muted; }
        Grid Input { margin-top: 0; }
    }
    """

    def __init__(self, search: str, count: int, first: Sequence[str], name: str) -> None:
        """``first`` are some of the ``count`` messages that the search finds, a line each."""
        super().__init__("Filter new mail")
        self._search = search
        self._count = count
        self._first = first
        self._name = name

    def compose_body(self) -> ComposeResult:
        """What it finds, then the fields."""
        count = self._count
        yield text(self._search, classes="strong")
        verb = "matches" if count == 1 else "match"
        yield text(f"{many(count, 'message')} in the inbox {verb}{':' if count else '.'}")
        for line in self._first:
            yield text(f"  {plain(line, one_line=True)}", classes="muted")
        if count > len(self._first):
            yield text(f"  and {count - len(self._first):,} more", classes="muted")
        with Grid():
            for label, name, hint in (
                ("Name", "name", ""),
                ("Tags", "tags", "none"),
                ("Folder", "folder", "stays in the inbox"),
            ):
                yield Static(label, markup=False)
                yield OneLine(self._name if name == "name" else "", id=name, placeholder=hint, max_length=200)
        yield TickBox("Mark as read", id="read", classes="gap")
        yield TickBox("Notify me of such mail", value=True, id="notify")
        yield text("", id="complaint", classes="warn")

    def choices(self) -> Sequence[Choice]:
        """Closing saves nothing."""
        more = (Choice("now", "Save and run now"),) if self._count else ()
        return Choice("cancel", "Cancel  esc"), Choice("keep", "Save", "primary"), *more

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field."""
        event.stop()
        self.app.action_focus_next()

    def choose(self, choice: str) -> None:
        """The answer, once it would do something."""
        if choice == "cancel":
            self.dismiss(None)
            return
        answer = FilterAnswer(
            self._value("name"),
            tuple(self._value("tags").replace(",", " ").split()),
            self._value("folder"),
            self.query_one("#read", TickBox).value,
            self.query_one("#notify", TickBox).value,
            choice == "now",
        )
        if not answer.name:
            self._complain("Give it a name.", "name")
        elif answer.notify and not (answer.tags or answer.folder or answer.read):
            self._complain("It does nothing yet: give it a tag or a folder, or another action.", "tags")
        else:
            self.dismiss(answer)

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def _complain(self, words: str, field: str) -> None:
        self.query_one("#complaint", Static).update(Content(words))
        self.query_one(f"#{field}").focus()
