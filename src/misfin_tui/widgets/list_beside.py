"""The list a conversation was opened from, beside it where the window has room: a click opens another one."""

from __future__ import annotations

from textual import events, work

from misfin.store.rows import View
from misfin_tui.widgets.message_list import MessageList
from misfin_tui.widgets.pages import Source

__all__ = ["ListBeside"]


class ListBeside(MessageList, can_focus=False):
    """Shows ``view`` around the conversation last followed. It reads nothing while it is hidden."""

    def __init__(self, source: Source, view: View, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(source, view, id=id)
        self._thread = 0

    def follow(self, thread: int) -> None:
        """Another conversation is open now: point at it, one line on where it is a neighbour."""
        self._thread = thread
        if not self.display or not self.is_attached:
            return
        for index in (self.cursor, self.cursor + 1, self.cursor - 1):
            row = self.row_at(index) if 0 <= index < self.total else None
            if row is not None and row.thread == thread:
                self.move_to(index)
                return
        self._find()

    def on_show(self) -> None:
        """There is room for it now."""
        self._find()

    @work(group="beside", exclusive=True, description="read the list beside a conversation")
    async def _find(self) -> None:
        if self._thread:
            await self.open_view(self.view, self._thread)

    def look_again(self) -> None:
        """Messages came or changed."""
        if self.display and self.total:
            self.run_worker(self.reload(), group="beside", exclusive=True, description="read the list again")

    def on_click(self, event: events.Click) -> None:
        """One click opens; the list as a list, with marks, is one key away."""
        event.prevent_default()
        place = event.get_content_offset(self)
        index = -1 if place is None else self.scroll_offset.y + place.y
        if event.button == 1 and 0 <= index < self.total and (row := self.row_at(index)) is not None:
            self.move_to(index)
            self.post_message(self.Opened(self, row))
