"""A conversation as one document: messages under each other, folded to a line or open, each with its head."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from misfin.model.gemtext import parse, preview_of
from misfin.store.index.rows import MessageRow
from misfin_tui.screentext import plain
from misfin_tui.widgets.gemtext_rows import Layout, Row
from misfin_tui.widgets.message_rows import LINE, body_layout, detail_rows, folded_row, head_rows
from misfin_tui.widgets.message_view import MessageView

if TYPE_CHECKING:
    from textual import events

    from misfin.store.message.mime import ParsedMessage


@dataclass
class Part:
    """One message of the conversation and how it is shown; ``message`` is None until it was read."""

    row: MessageRow
    message: ParsedMessage | None = None
    open: bool = False
    details: bool = False
    problem: str = ""
    snippet: str = ""
    servers: str = ""
    """What is known of the sender's host, for the details."""
    made: dict[tuple[object, ...], Layout] = field(default_factory=dict)

    def lay_out(self, width: int, first_link: int, *, focused: bool) -> Layout:
        """Its rows; kept until something about it changes."""
        key = (
            width,
            first_link,
            focused,
            self.open,
            self.details,
            self.message is None,
            self.problem,
            self.snippet,
        )
        if key not in self.made:
            self.made = {key: self._lay_out(width, first_link, focused=focused)}
        return self.made[key]

    def _lay_out(self, width: int, first_link: int, *, focused: bool) -> Layout:
        line = min(width, LINE)
        if not self.open:
            return Layout([folded_row(self.row, self.snippet or self.row.subject, line, focused=focused)])
        lead = (("▌" if focused else " ", "bar"), ("▾ ", "fold"))
        rows = head_rows(self.row, self.message, line, lead=lead)
        if self.message is None:
            tone = "warning" if self.problem else "muted"
            rows.append(Row((("    ", "muted"), (plain(self.problem, one_line=True) or "···", tone))))
            return Layout(rows)
        if self.details:
            rows += detail_rows(self.row, self.message, width, self.servers)
        body = body_layout(self.message, line - 2, first_link=first_link)
        indent = ("  ", "text")
        rows.append(Row(()))
        rows += [row._replace(pieces=(indent, *row.pieces)) if row.pieces else row for row in body.rows]
        rows.append(Row(()))
        return Layout(rows, body.links)


class ThreadView(MessageView):
    """The messages of a conversation. One of them is the one that keys and answers are for."""

    DEFAULT_CSS = """
    ThreadView { padding: 0 1; }
    """

    @dataclass
    class MessageWanted(Message):
        """An open message has to be read."""

        part: Part

    @dataclass
    class Focused(Message):
        """Another message is the one keys are for, or it was opened or folded."""

        part: Part

    COMPONENT_CLASSES: ClassVar[set[str]] = set()

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.parts: list[Part] = []
        self.at = 0
        """Index of the message that keys are for."""
        self._starts: list[int] = []
        self._link_starts: list[int] = []

    # ---- what is shown

    def show_thread(self, rows: Sequence[MessageRow], message: str = "") -> None:
        """Show a conversation: unread messages open, and the one with the id ``message``, else the newest,
        open and in focus."""
        self.parts = [Part(row, open=row.unread) for row in rows]
        self.at = next((at for at, row in enumerate(rows) if row.id == message), len(rows) - 1)
        if self.parts:
            self.parts[self.at].open = True
        self._arrange()
        self._want_open()
        self.to_focus()

    def update_thread(self, rows: Sequence[MessageRow]) -> None:
        """The conversation changed: messages came, went or changed flags; the rest stays as it is."""
        known = {part.row.id: part for part in self.parts}
        focused = self.current.row.id if self.current else ""
        parts = []
        for row in rows:
            part = known.get(row.id) or Part(row, open=row.unread)
            if part.row != row:
                part.row, part.made = row, {}
            parts.append(part)
        self.parts = parts
        self.at = next((at for at, part in enumerate(parts) if part.row.id == focused), len(parts) - 1)
        self._arrange()
        self._want_open()

    def message_read(self, part: Part, message: ParsedMessage | None, problem: str = "") -> None:
        """A message was read, or could not be."""
        part.message, part.problem = message, problem
        if message is not None:
            part.snippet = preview_of(message.text)
        part.made = {}
        self._arrange()
        if not self._scrolled:
            self.to_focus()

    _scrolled = False
    """A person has moved since the conversation was opened: reading more must not move the page again."""

    @property
    def current(self) -> Part | None:
        """The message that keys are for."""
        return self.parts[self.at] if 0 <= self.at < len(self.parts) else None

    def _arrange(self) -> None:
        self.show_layout(self._lay_out_all, keep=True)

    def _lay_out_all(self, width: int) -> Layout:
        whole = Layout()
        self._starts, self._link_starts = [], []
        for number, part in enumerate(self.parts):
            self._starts.append(len(whole.rows))
            self._link_starts.append(len(whole.links))
            layout = part.lay_out(width, len(whole.links) + 1, focused=number == self.at)
            whole.rows += layout.rows
            whole.links += layout.links
            whole.measured = max(whole.measured, layout.width)
            if part.open and number + 1 < len(self.parts):
                whole.rows.append(Row((("─" * min(width, LINE), "rule"),)))
        return whole

    def _want_open(self) -> None:
        for part in self.parts:
            if part.open and part.message is None and not part.problem:
                self.post_message(self.MessageWanted(part))

    # ---- moving among messages

    def focus_part(self, at: int) -> None:
        """Make another message the one keys are for and bring its head into sight."""
        if not 0 <= at < len(self.parts):
            return
        self._scrolled = True
        self.at = at
        self._arrange()
        self.to_focus()
        self.post_message(self.Focused(self.parts[at]))

    def to_focus(self) -> None:
        """Bring the head of the message in focus to the top of the window."""
        self._ensure()
        if self.at < len(self._starts):
            self.move_to(self._starts[self.at])

    def move(self, lines: int) -> None:
        """Scroll; the message on top of the window becomes the one keys are for."""
        self._scrolled = True
        super().move(lines)
        self._focus_in_sight()

    def _focus_in_sight(self) -> None:
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.size.height
        first = self._starts[self.at] if self.at < len(self._starts) else 0
        last = self._starts[self.at + 1] if self.at + 1 < len(self._starts) else len(self.layout_rows.rows)
        if first < bottom and last > top:
            return
        for at, start in enumerate(self._starts):
            if start >= top:
                self.at = at if start < bottom else max(at - 1, 0)
                break
        else:
            self.at = len(self._starts) - 1
        self._arrange()

    def point_to(self, part: Part) -> None:
        """Make a message the one keys are for, without moving the page."""
        self._scrolled = True
        self.at = self.parts.index(part)
        self._arrange()
        self.post_message(self.Focused(part))

    def part_at(self, row: int) -> Part | None:
        """The message a row of the document belongs to."""
        at = bisect_right(self._starts, row) - 1
        return self.parts[at] if 0 <= at < len(self.parts) else None

    def open_message(self, message: str) -> bool:
        """Open the message with this id and bring it into focus; False when it is not here."""
        for at, part in enumerate(self.parts):
            if part.row.id == message:
                part.open = True
                self.focus_part(at)
                self._want_open()
                return True
        return False

    # ---- folding

    def toggle_open(self) -> None:
        """Fold or unfold the message in focus."""
        part = self.current
        if part is not None:
            part.open = not part.open
            self._arrange()
            self._want_open()
            self.post_message(self.Focused(part))

    def toggle_all(self) -> None:
        """Fold all, or unfold all when all are folded."""
        anything = any(part.open for part in self.parts)
        for part in self.parts:
            part.open = not anything
        self._arrange()
        self._want_open()
        self.to_focus()
        if self.current is not None:
            self.post_message(self.Focused(self.current))

    def toggle_details(self) -> None:
        """Show or hide every detail of the message in focus."""
        part = self.current
        if part is not None:
            part.details = not part.details
            part.open = True
            self._arrange()
            self._want_open()
            self.to_focus()
            self.post_message(self.Focused(part))

    def tell_servers(self, part: Part, words: str) -> None:
        """What is known of the host of a message's sender was looked up."""
        if part.servers != words:
            part.servers, part.made = words, {}
            self._arrange()

    def on_click(self, event: events.Click) -> None:
        """A click on a head folds and unfolds; one on a link chooses it; the right button only points."""
        place = event.get_content_offset(self)
        if event.button == 3:
            if place is not None and (part := self.part_at(self.scroll_offset.y + place.y)) is not None:
                self.point_to(part)
            return
        if place is not None and (y := self.scroll_offset.y + place.y) in self._starts:
            self._scrolled = True
            self.at = self._starts.index(y)
            self.toggle_open()
            event.stop()
            event.prevent_default()

    # ---- links and selected lines

    def links_of_focus(self) -> range:
        """The numbers of the links in the message in focus."""
        first = self._link_starts[self.at] if self.at < len(self._link_starts) else 0
        last = self._link_starts[self.at + 1] if self.at + 1 < len(self._link_starts) else len(self.links)
        return range(first + 1, last + 1)

    def selected_lines(self) -> str | None:
        """The selected lines of the message in focus, as they were written; None without a selection."""
        selection, part = self.text_selection, self.current
        if selection is None or part is None or part.message is None:
            return None
        first = self._starts[self.at]
        last = self._starts[self.at + 1] if self.at + 1 < len(self._starts) else len(self.layout_rows.rows)
        chosen = {
            self.layout_rows.rows[y].source
            for y in range(first, last)
            if selection.get_span(y) is not None and self.layout_rows.rows[y].source >= 0
        }
        if not chosen:
            return None
        lines = [line.raw for line in parse(part.message.text)]
        return "\n".join(line for number, line in enumerate(lines) if min(chosen) <= number <= max(chosen))
