"""A conversation as one document: messages under each other, folded to a line or open, each with its head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from misfin.model.gemtext import parse, preview_of
from misfin_tui.widgets.message_view import MessageView
from misfin_tui.widgets.thread_document import Part, ThreadDocument

if TYPE_CHECKING:
    from textual import events

    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import MessageRow


class ThreadView(MessageView):
    """The messages of a conversation. One of them is the one that keys and answers are for."""

    DEFAULT_CSS = """
    ThreadView { padding: 0 1; }
    """

    @dataclass
    class MessageWanted(Message):
        """An open message has to be read, or what is signed or encrypted in it to be checked."""

        part: Part

    @dataclass
    class Focused(Message):
        """Another message is the one keys are for, or it was opened or folded."""

        part: Part

    COMPONENT_CLASSES: ClassVar[set[str]] = set()

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.document = ThreadDocument()

    # ---- what is shown

    def show_thread(self, rows: Sequence[MessageRow], message: str = "") -> None:
        """Show a conversation: unread messages open, and the one with the id ``message``, else the newest,
        open and in focus."""
        self.document.show(rows, message)
        self._arrange()
        self._want_open()
        self.to_focus()

    def update_thread(self, rows: Sequence[MessageRow]) -> None:
        """The conversation changed: messages came, went or changed flags; the rest stays as it is."""
        self.document.update(rows)
        self._arrange()
        self._want_open()

    def message_read(self, part: Part, message: ParsedMessage | None, problem: str = "") -> None:
        """A message was read, or could not be."""
        part.message, part.problem, part.opened = message, problem, None
        if message is not None:
            part.snippet = preview_of(message.text)
        part.made = {}
        self._arrange()
        if not self._scrolled:
            self.to_focus()

        if part.wanted and message is not None:  # and it is signed or encrypted
            self.post_message(self.MessageWanted(part))

    def part_changed(self, part: Part) -> None:
        """Something else that is shown of a message has changed."""
        part.made = {}
        self._arrange()

    _scrolled = False
    """The user has moved since the conversation was opened: reading more must not move the page again."""

    def _arrange(self) -> None:
        self.show_layout(lambda width: self.document.lay_out(width, self.decide_key), keep=True)

    def _want_open(self) -> None:
        for part in self.document.parts:
            if part.wanted:
                self.post_message(self.MessageWanted(part))

    # ---- moving among messages

    def focus_part(self, at: int) -> None:
        """Make another message the one keys are for and bring its head into sight."""
        document = self.document
        if not 0 <= at < len(document.parts):
            return
        self._scrolled = True
        document.at = at
        self._arrange()
        self.to_focus()
        self.post_message(self.Focused(document.parts[at]))

    def to_focus(self) -> None:
        """Bring the head of the message in focus to the top of the window."""
        self._ensure()
        if self.document.at < len(self.document.starts):
            self.move_to(self.document.starts[self.document.at])

    def move(self, lines: int) -> None:
        """Scroll; the message on top of the window becomes the one keys are for."""
        self._scrolled = True
        super().move(lines)
        top = self.scroll_offset.y
        if self.document.focus_between(top, top + self.size.height):
            self._arrange()

    def open_message(self, message: str) -> bool:
        """Open the message with this id and bring it into focus; False when it is not here."""
        for at, part in enumerate(self.document.parts):
            if part.row.id == message:
                part.open = True
                self.focus_part(at)
                self._want_open()
                return True
        return False

    # ---- folding

    def toggle_open(self) -> None:
        """Fold or unfold the message in focus."""
        part = self.document.current
        if part is not None:
            part.open = not part.open
            self._arrange()
            self._want_open()
            self.post_message(self.Focused(part))

    def toggle_all(self) -> None:
        """Fold all, or unfold all when all are folded."""
        anything = any(part.open for part in self.document.parts)
        for part in self.document.parts:
            part.open = not anything
        self._arrange()
        self._want_open()
        self.to_focus()
        if self.document.current is not None:
            self.post_message(self.Focused(self.document.current))

    def toggle_details(self) -> None:
        """Show or hide every detail of the message in focus."""
        part = self.document.current
        if part is not None:
            part.details = not part.details
            part.open = True
            self._arrange()
            self._want_open()
            self.to_focus()
            self.post_message(self.Focused(part))

    def on_click(self, event: events.Click) -> None:
        """A click on a head folds and unfolds; one on a link chooses it; the right button only points."""
        place = event.get_content_offset(self)
        if place is None:
            return
        document, y = self.document, self.scroll_offset.y + place.y
        if event.button == 3:
            if (part := document.part_at(y)) is not None:
                self._scrolled = True
                document.at = document.parts.index(part)
                self._arrange()
                self.post_message(self.Focused(part))
        elif y in document.starts:
            self._scrolled = True
            document.at = document.starts.index(y)
            self.toggle_open()
            event.stop()
            event.prevent_default()

    # ---- selected lines

    def selected_lines(self) -> str | None:
        """The selected lines of the message in focus, as they were written; None without a selection."""
        selection, part = self.text_selection, self.document.current
        if selection is None or part is None or part.message is None:
            return None
        rows = self.layout_rows.rows
        chosen = {
            rows[y].source
            for y in self.document.rows_of_focus()
            if selection.get_span(y) is not None and rows[y].source >= 0
        }
        if not chosen:
            return None
        lines = [line.raw for line in parse(part.message.text)]
        return "\n".join(line for number, line in enumerate(lines) if min(chosen) <= number <= max(chosen))
