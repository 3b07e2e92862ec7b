"""From one conversation to another of the same list: by key, or by a click on the list beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.content import Content

from misfin.errors import MisfinError
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.going import ReadingList
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.message_list import MessageList

if TYPE_CHECKING:
    from misfin.store.rows import ConversationRow
    from misfin_tui.widgets.list_beside import ListBeside


class NeighbourActions(ScreenController):
    """Keeps the cursor of the list ``listed``, what ``beside`` shows of it, and what is open in step.

    ``show`` opens a conversation; ``beside`` is None where the conversation came from no list.
    """

    def __init__(
        self,
        screen: AppScreen,
        listed: ReadingList,
        beside: ListBeside | None,
        show: Callable[[ConversationRow], object],
    ) -> None:
        super().__init__(screen)
        self._listed = listed
        self._beside = beside
        self._show = show

    def opened(self, thread: int) -> None:
        """A conversation is open now."""
        if self._beside is not None:
            if isinstance(self._listed, MessageList):
                # As Textual gives it out: its own markup of the content that was set.
                self._beside.border_title = Content.from_markup(self._listed.border_title or "")
            self._beside.follow(thread)

    def mail_changed(self) -> None:
        """Messages came, went or changed flags."""
        if self._beside is not None:
            self._beside.look_again()

    def action_next_conversation(self) -> None:
        """The next conversation of the list."""
        self._step(1)

    def action_previous_conversation(self) -> None:
        """The conversation before in the list."""
        self._step(-1)

    @worker(group="neighbour", exclusive=True, description="go to another conversation")
    async def _step(self, by: int) -> None:
        try:
            row = await self._listed.step(by)
        except MisfinError as error:
            self.misfin.report(error)
            return
        if row is None:
            self.misfin.say("This is the last one." if by > 0 else "This is the first one.", timeout=2)
        else:
            self._show(row)

    @worker(group="neighbour", exclusive=True, description="open another conversation of the list")
    async def choose(self, row: ConversationRow, place: int) -> None:
        """Open the one on a line of the list, whose cursor goes there: the keys go on from it."""
        self._show(row)
        try:
            await self._listed.step(place - self._listed.cursor)
        except MisfinError as error:
            self.misfin.report(error)
