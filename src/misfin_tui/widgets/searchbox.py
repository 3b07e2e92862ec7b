"""The input line: a search that runs while one types, or the answer to a short question.

Below it a second line offers words to complete, or points at what cannot be understood.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import cut

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from misfin.store.rows import Completion

SEARCH_WORDS = "from: to: subject: body: tag: in: is:unread before: after: has:link  -not  OR  “quotes”"


class _Tones(Widget):
    """One line of texts, each with its tone."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "prompt--lead",
        "prompt--offer",
        "prompt--wrong",
        "prompt--muted",
    }
    DEFAULT_CSS = """
    _Tones {
        height: 1; background: $panel;
        .prompt--lead { color: $primary; text-style: bold; }
        .prompt--offer { color: $foreground; text-style: bold; }
        .prompt--wrong { color: $error; text-style: bold; }
        .prompt--muted { color: $mail-muted; }
    }
    """

    def __init__(self, *pieces: tuple[str, str]) -> None:
        super().__init__()
        self._pieces = pieces

    def say(self, *pieces: tuple[str, str]) -> None:
        """Show texts with their tone."""
        self._pieces = pieces
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        style, room = self.rich_style, self.size.width
        segments: list[Segment] = []
        for text, tone in self._pieces:
            shown = cut(text, room)
            room -= cell_len(shown)
            own = self.get_component_rich_style(f"prompt--{tone}", partial=True)
            segments.append(Segment(shown, style + own))
        return Strip(segments).adjust_cell_length(self.size.width, style)


class Prompt(Widget):
    """A question, a line for the answer, and a line of help."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("tab", "take", "Complete"),
        Binding("down", "turn(1)", "Next suggestion", show=False),
        Binding("up", "turn(-1)", "Previous suggestion", show=False),
    ]

    DEFAULT_CSS = """
    Prompt {
        height: 2; background: $panel; layout: grid; grid-size: 2; grid-rows: 1 1;
        Input, Input:focus { border: none; height: 1; padding: 0; background: $panel; }
        #prompt-hint { column-span: 2; }
    }
    """

    @dataclass
    class Changed(Message):
        """The text is another one."""

        prompt: Prompt
        text: str

        def can_replace(self, message: Message) -> bool:
            """Only the present text matters."""
            return isinstance(message, Prompt.Changed)

    def __init__(self, question: str, text: str = "", *, help: str = "") -> None:  # noqa: A002 - what it is
        super().__init__()
        self._question = f" {question} "
        self._help = help
        self.line = Input(text, select_on_focus=False)
        """The text field."""
        self._hint = _Tones()
        self._hint.id = "prompt-hint"
        self._offers: Sequence[Completion] = ()
        self._offer = 0
        self._offered_for: str | None = None
        """The text the offers were made for."""
        self._hurried: str | None = None
        """The text there was when a completion was asked for that had not been found yet."""
        self.words: tuple[str, ...] = ()
        """Answers to offer; empty where the screen knows better."""
        self.finder: Callable[[str], Awaitable[Sequence[Completion]]] | None = None
        """Finds what a text may become, where there is too much of it to know beforehand."""
        self.live = False
        """Whether the screen acts on every change and not only on the answer."""
        self.answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        """The accepted text, or None when the prompt was closed."""

    def compose(self) -> ComposeResult:
        """The parts."""
        self.styles.grid_columns = f"{cell_len(self._question)} 1fr"
        yield _Tones((self._question, "lead"))
        yield self.line
        yield self._hint

    def on_mount(self) -> None:
        """Help at once."""
        self.clear()

    def on_unmount(self) -> None:
        """Nobody waits for an answer that cannot come."""
        self.finish(None)

    def finish(self, answer: str | None) -> None:
        """Give the answer; the first one counts."""
        if not self.answer.done():
            self.answer.set_result(answer)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._hurried:
            self._hurried = None
        self.post_message(self.Changed(self, event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.finish(event.value)

    def action_close(self) -> None:
        """Answer nothing."""
        self.finish(None)

    def action_take(self) -> None:
        """Put the offered word into the text; without one a search continues in its list."""
        value = self.line.value
        if self._offered_for == value:
            if self._offers:
                offer = self._offers[self._offer]
                self._put(offer, offer.end)
            elif self.live:
                self.finish(value)
        elif (shown := self._still_offered()) is not None:
            self._put(shown, len(value))
        else:
            self._hurried = value  # as soon as they come

    def _put(self, offer: Completion, end: int) -> None:
        value = self.line.value
        self.line.value = value[: offer.start] + offer.text + value[end:]
        self.line.cursor_position = offer.start + len(offer.text)

    def _still_offered(self) -> Completion | None:
        """The offer on the screen that still begins with what was typed since."""
        value, before = self.line.value, self._offered_for
        if before is None or not value.startswith(before) or self.line.cursor_position != len(value):
            return None
        offers = [*self._offers[self._offer :], *self._offers[: self._offer]]
        fitting = (each for each in offers if each.text.casefold().startswith(value[each.start :].casefold()))
        return next(fitting, None)

    def action_turn(self, by: int) -> None:
        """Make another offer the first; without offers, down leads from a search into its list."""
        if self._offers:
            self._offer = (self._offer + by) % len(self._offers)
            self._show_offers()
        elif by > 0 and self.live:
            self.finish(self.line.value)

    # ---- the line below

    def clear(self) -> None:
        """Nothing to say: show what can be written."""
        self._offers = ()
        self._hint.say((" " * cell_len(self._question), "muted"), (self._help, "muted"))

    def wrong(self, text: str, column: int) -> None:
        """Point at the character that cannot be understood and say why."""
        self._offers = ()
        at = cell_len(self._question) + max(0, column - int(self.line.scroll_offset.x))
        self._hint.say((" " * at + "▲ ", "wrong"), (plain(text, one_line=True), "wrong"))

    def completes(self, column: int) -> bool:
        """Whether words are offered for what begins at a column, or before it."""
        return bool(self._offers) and self._offers[0].start <= column

    def offer(self, offers: Sequence[Completion], text: str) -> None:
        """Offer words for where the cursor was in ``text``; none brings the help back. Those that come when
        the text is another one are too late."""
        if text != self.line.value:
            return
        self._offers, self._offer, self._offered_for = offers, 0, text
        if offers:
            self._show_offers()
        else:
            self.clear()
        if self._hurried == text:
            self._hurried = None
            if offers:
                self.action_take()

    def _show_offers(self) -> None:
        pieces = [(" ⇥ ", "muted")]
        for number, offer in enumerate([*self._offers[self._offer :], *self._offers[: self._offer]]):
            pieces.append((plain(offer.text.strip(), one_line=True), "muted" if number else "offer"))
            hint = f" {plain(offer.hint, one_line=True)}" if offer.hint and not number else ""
            pieces.append((f"{hint}   ", "muted"))
        self._hint.say(*pieces)
