"""The list of conversations: draws only the lines in sight and reads only the windows around them.

Rows come in pages from a source that answers from other threads. A key moves the cursor at once whatever is
loaded; lines whose page is still loading show dots. After a change the list finds the conversation under
the cursor again and keeps it on the same line of the screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from misfin.errors import MisfinError
from misfin_tui.widgets.message_list_lines import LinePainter
from misfin_tui.widgets.message_list_look import LOOK, PARTS
from misfin_tui.widgets.pages import PAGE, Pages, Source, Tail
from misfin_tui.widgets.quick_scroll import QuickScroll

if TYPE_CHECKING:
    from textual import events

    from misfin.store.rows import ConversationRow, View

MARK_CELLS = (1, 2)  # where a click marks
MARK_BATCH = 2000  # rows read at once when everything is marked
ENOUGH = 500
"""Conversations of a search known before its first page is shown; the rest is counted while that is read."""


class MessageList(QuickScroll, can_focus=True, inherit_bindings=False):
    """A view's conversations, one line each."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(PARTS)
    DEFAULT_CSS = LOOK

    @dataclass
    class Highlighted(Message):
        """The cursor is on another conversation, or the same one changed; None when there is none."""

        message_list: MessageList
        row: ConversationRow | None

        @property
        def control(self) -> MessageList:
            """The list."""
            return self.message_list

        def can_replace(self, message: Message) -> bool:
            """Only the newest place of the cursor matters."""
            return isinstance(message, MessageList.Highlighted)

    @dataclass
    class Opened(Message):
        """The line under the cursor was chosen with the mouse; None is one of the tail."""

        message_list: MessageList
        row: ConversationRow | None

    @dataclass
    class Loaded(Message):
        """The list shows the view last asked for; ``total`` conversations."""

        message_list: MessageList
        total: int

    @dataclass
    class MarksChanged(Message):
        """Other conversations are marked."""

        message_list: MessageList
        count: int

    @dataclass
    class Failed(Message):
        """The source could not answer."""

        message_list: MessageList
        error: MisfinError

    def __init__(self, source: Source, view: View, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.source = source
        self.view = view
        self.empty_text = ""
        """What an empty list says."""
        self.complete = True
        """Whether :attr:`total` is all there is; a long search is counted only by :meth:`reload`."""
        self.cursor = 0
        self.marks: set[int] = set()
        """Threads marked for the next action."""
        self.tail = Tail()
        """What follows the conversations, for as long as this view is shown."""
        self._pages = Pages()
        self._fetching = False
        self._epoch = 0
        self._painter = LinePainter(self.get_component_rich_style)

    # ---- what is shown

    def show(self, total: int, rows: list[ConversationRow]) -> None:
        """Show the first rows at once: for the first frame, which is read before there is a loop."""
        self._pages.begin(total, {0: rows[:PAGE]} if rows else {})
        self.complete = True
        self.virtual_size = Size(1, total)
        if total > self.app.size.height:  # else found out too late for the first frame
            self.show_vertical_scrollbar = True

    @property
    def total(self) -> int:
        """How many conversations the view has."""
        return self._pages.total

    def row_at(self, index: int) -> ConversationRow | None:
        """The conversation on a line, None while its page is loading."""
        return self._pages.row(index)

    @property
    def lines(self) -> int:
        """How many lines there are: the conversations and the tail."""
        return self.total + self.tail.lines

    @property
    def at_tail(self) -> int:
        """The line of the tail that the cursor is on; negative on a conversation, and without any line."""
        return self.cursor - self.total if self.cursor < self.lines else -1

    def set_tail(self, tail: Tail) -> None:
        """Show other lines below the conversations; the cursor stays where it is."""
        if tail != self.tail:
            self.tail = tail
            self.cursor = max(0, min(self.cursor, self.lines - 1))
            self.virtual_size = Size(1, self.lines)
            self.refresh()

    @property
    def current(self) -> ConversationRow | None:
        """The conversation under the cursor."""
        return self.row_at(self.cursor) if self.total else None

    def targets(self) -> list[int]:
        """The threads an action is meant for: the marked ones, else the one under the cursor."""
        if self.marks:
            return sorted(self.marks)
        return [self.current.thread] if self.current else []

    async def open_view(self, view: View, thread: int | None = None) -> bool:
        """Show another view, from its top or around a conversation; one that fails changes nothing."""
        before, self.view = self.view, view
        shown = False
        try:
            shown = await self._read(thread, at_most=ENOUGH if thread is None else None)
        finally:
            if shown:
                self.marks.clear()
            elif self.view is view:
                self.view = before
        return shown

    async def reload(self) -> None:
        """Read the view again and stay with the conversation under the cursor, on the same line."""
        current = self.current
        await self._read(current.thread if current else None, stay=True)

    async def _read(self, thread: int | None, *, stay: bool = False, at_most: int | None = None) -> bool:
        """Read the view; False when it cannot be read. What was asked for later wins."""
        self._epoch += 1
        epoch, view, asked_from = self._epoch, self.view, self.cursor
        try:
            count = await self.source.count(view, at_most)
            total = count.total
            place = await self.source.position(view, thread) if thread is not None and total else None
            first = self._top_for(place, asked_from, total) if stay else self._top_around(place, total)
            last = min(first + max(self.size.height, 1), total)
            pages = {
                number: await self.source.conversations(view, number * PAGE, PAGE)
                for number in range(first // PAGE, (last + PAGE - 1) // PAGE)
            }
        except MisfinError as error:
            if epoch == self._epoch:
                self.post_message(self.Failed(self, error))
            return False  # also when it is being read again: that will fail as well
        if epoch != self._epoch:
            return True
        if stay:
            if self.at_tail >= 0:
                place, asked_from = total, self.total
            top = self._top_for(place, asked_from, total)
            cursor = self.cursor + (0 if place is None else place - asked_from)
        else:
            self.tail = Tail()
            top, cursor = self._top_around(place, total), place or 0
        self._pages.begin(total, pages)
        self.complete = count.complete
        self.cursor = max(0, min(cursor, self.lines - 1))
        self.virtual_size = Size(1, self.lines)
        self.scroll_to(y=top, animate=False, immediate=True)
        self.refresh()
        self.post_message(self.Loaded(self, total))
        self._highlighted()
        return True

    def _top_around(self, place: int | None, total: int) -> int:
        """The line to be on top so that a conversation is in the middle."""
        height = max(self.size.height, 1)
        return max(0, min((place or 0) - height // 2, total - height))

    def _top_for(self, place: int | None, asked_from: int, total: int) -> int:
        """The line to be on top so that the conversation under the cursor, now at ``place``, stays put.

        At the very top new mail is let in above it, as long as the cursor stays in sight.
        """
        moved = 0 if place is None else place - asked_from
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if top == 0 and 0 <= self.cursor + moved < height:
            return 0
        return max(0, min(top + moved, total + self.tail.lines - height))

    # ---- pages being loaded

    def _want(self) -> None:
        if self._pages.look_at(self.scroll_offset.y, self.size.height) and not self._fetching:
            self._fetching = True
            self.run_worker(
                self._fetch(),
                name="pages",
                group="pages",
                description="read conversations",
                exit_on_error=True,
            )

    async def _fetch(self) -> None:
        """Read what is wanted, nearest to the eye first."""
        try:
            while (
                page := self._pages.next_wanted(self.scroll_offset.y, max(self.size.height, 1))
            ) is not None:
                epoch = self._epoch
                rows = await self.source.conversations(self.view, page * PAGE, PAGE)
                if epoch == self._epoch:
                    self._pages.put(page, rows)
                    self.refresh()
                    if self.cursor // PAGE == page:
                        self._highlighted()
        except MisfinError as error:
            self._pages.want_none()
            self.post_message(self.Failed(self, error))
        finally:
            self._fetching = False

    # ---- moving

    def move(self, lines: int) -> None:
        """Move the cursor by lines, never past the ends; one out of sight starts at the edge."""
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if lines > 0 and self.cursor < top:
            self.move_to(top)
        elif lines < 0 and self.cursor >= top + height:
            self.move_to(top + height - 1)
        else:
            self.move_to(self.cursor + lines)

    def move_page(self, pages: int) -> None:
        """Move by screens; the cursor keeps its place on the screen where it can."""
        height = max(self.size.height - 1, 1)
        self.scroll_to(y=self.scroll_offset.y + pages * height, animate=False, immediate=True)
        self.move_to(self.cursor + pages * height)

    def move_to(self, index: int) -> None:
        """Put the cursor on a line and bring it into sight."""
        index = max(0, min(index, self.lines - 1))
        if index == self.cursor:
            return
        before, self.cursor = self.cursor, index
        self.refresh_line(before)
        self.refresh_line(index)
        self._into_sight()
        self._highlighted()

    async def step(self, by: int) -> ConversationRow | None:
        """Move the cursor and wait until its conversation is there; None at the ends of the list."""
        target = self.cursor + by
        if not 0 <= target < self.total:
            return None
        self.move_to(target)
        if self.current is None:
            page = target // PAGE
            self._pages.put(page, await self.source.conversations(self.view, page * PAGE, PAGE))
        return self.current

    def _into_sight(self) -> None:
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)

    def refresh_line(self, y: int) -> None:
        """Draw one line again if it is in sight."""
        line = y - self.scroll_offset.y
        if 0 <= line < self.size.height:
            self.refresh(Region(0, line, self.size.width, 1))

    def _highlighted(self) -> None:
        self.post_message(self.Highlighted(self, self.current))

    # ---- marking

    def toggle_mark(self) -> None:
        """Mark the conversation under the cursor or remove its mark, and go one down."""
        if (row := self.current) is None:
            return
        self.marks ^= {row.thread}
        self.refresh_line(self.cursor)
        self.post_message(self.MarksChanged(self, len(self.marks)))
        self.move(1)

    async def mark_all(self) -> None:
        """Mark every conversation of the view; if all are marked, none."""
        if len(self.marks) >= self.total:
            self.set_marks(())
            return
        epoch, view, found = self._epoch, self.view, set[int]()
        try:
            for offset in range(0, self.total, MARK_BATCH):
                found.update(row.thread for row in await self.source.conversations(view, offset, MARK_BATCH))
                if epoch != self._epoch and view != self.view:
                    return
        except MisfinError as error:
            self.post_message(self.Failed(self, error))
            return
        self.set_marks(found)

    def set_marks(self, threads: Iterable[int]) -> None:
        """Mark exactly these threads."""
        self.marks = set(threads)
        self.refresh()
        self.post_message(self.MarksChanged(self, len(self.marks)))

    # ---- the mouse

    def on_click(self, event: events.Click) -> None:
        """One click puts the cursor there, on the mark column it marks; a second one opens. The right button
        only points."""
        place = event.get_content_offset(self)
        if place is None or (index := self.scroll_offset.y + place.y) >= self.lines:
            return
        same = index == self.cursor
        self.move_to(index)
        row = self.current
        if event.button != 1 or (row is None and self.at_tail < 0):
            return
        if row is not None and place.x in MARK_CELLS:
            self.marks ^= {row.thread}
            self.refresh_line(index)
            self.post_message(self.MarksChanged(self, len(self.marks)))
        elif event.chain > 1 and same:
            self.post_message(self.Opened(self, row))

    # ---- drawing

    def notify_style_update(self) -> None:
        """The theme, the focus or a colour changed."""
        super().notify_style_update()
        self._painter.forget()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the lines in sight, and ask for the pages around them."""
        searching = bool(self.view.query) and self.view.folder is None
        self._painter.begin(self.scrollable_content_region.width, folders=searching)
        self._want()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        index = self.scroll_offset.y + y
        if index >= self.total:
            return self._beyond(y)
        row = self.row_at(index)
        if row is None:
            return self._painter.placeholder(cursor=index == self.cursor)
        return self._painter.line(row, cursor=index == self.cursor, marked=row.thread in self.marks)

    def _beyond(self, y: int) -> Strip:
        """A line below the last conversation: an empty list says in the middle why it is empty."""
        at = self.scroll_offset.y + y - self.total
        if at < self.tail.lines:
            cursor = at == self.at_tail
            if at < len(self.tail.rows):
                return self._painter.line(self.tail.rows[at], cursor=cursor, marked=False)
            return self._painter.placeholder(self.tail.note, cursor=cursor)
        lines = self.empty_text.split("\n") if self.lines == 0 else []
        number = y - min(self.size.height // 3, max(self.size.height - len(lines), 0))
        return self._painter.said(lines[number]) if 0 <= number < len(lines) else self._painter.blank()
