"""The list of the inbox: what is selected in it, the preview that follows it, and its own actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import MessageGoneError, MisfinError
from misfin.model.folders import holds_mail
from misfin.store.rows import View
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.inbox_search import SearchSession
from misfin_tui.screens.selection import Selection
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.message_list import MessageList
from misfin_tui.widgets.preview import Preview

if TYPE_CHECKING:
    from textual.timer import Timer

    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import MessageRow

PREVIEW_DELAY = 0.06
"""Seconds the cursor must rest before its message is read: running past costs nothing."""


class ListSelection(Selection):
    """The marked conversations, or the one under the cursor with its newest message."""

    def __init__(
        self, screen: AppScreen, messages: MessageList, preview: Preview, changed: Callable[[], None]
    ) -> None:
        """``changed`` is called when an action may have changed what the list shows."""
        super().__init__(screen)
        self.messages = messages
        self.preview = preview
        self._changed = changed

    async def chosen_message(self) -> MessageRow | None:
        """The newest message of the conversation under the cursor."""
        row = self.messages.current
        return await self.services.mail.message(row.id) if row else None

    async def held_message(self) -> MessageRow | None:
        """The newest held message of the conversation under the cursor."""
        row = self.messages.current
        if row is None or not row.held:
            return None
        messages = await self.services.mail.thread(row.thread, self.messages.view)
        held = (each for each in reversed(messages) if holds_mail(each.account, each.folder))
        return next(held, None)

    def targets(self) -> Sequence[int]:
        """The marked conversations, else the one under the cursor."""
        return self.messages.targets()

    def view(self) -> View:
        """What the list shows."""
        return self.messages.view

    def messages_shown(self) -> Sequence[tuple[MessageRow, ParsedMessage]]:
        """The message of the preview."""
        shown = self.message_at(0)
        return () if shown is None else (shown,)

    def message_at(self, row: int) -> tuple[MessageRow, ParsedMessage] | None:
        """The message of the preview, on each of its rows."""
        if self.preview.message is None or self.preview.read is None:
            return None
        return self.preview.message, self.preview.read

    async def filed(self, gone: bool) -> None:
        """Marks are used up; the list is read again at once."""
        self.messages.set_marks(())
        self._changed()


class PreviewFollower(ScreenController):
    """Shows the message under the cursor in the preview, once the cursor rests."""

    def __init__(self, screen: AppScreen, messages: MessageList, preview: Preview) -> None:
        super().__init__(screen)
        self.messages = messages
        self.preview = preview
        self._timer: Timer | None = None

    def use_config(self) -> None:
        """Show or hide it as the settings say, with the keys in use."""
        self.preview.decide_key = self.misfin.keys.shown("decide")
        self.screen.set_class(not self.misfin.config.ui.preview, "-no-preview")

    def follow(self) -> None:
        """The cursor has moved."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.screen.set_timer(PREVIEW_DELAY, self._show)

    def come_back(self) -> None:
        """There may be room for the preview again."""
        if self.preview.display and self.preview.message is None:
            self.follow()

    def action_preview(self) -> None:
        """Show or hide the preview."""
        self.screen.toggle_class("-no-preview")
        if not self.screen.has_class("-no-preview"):
            if self.screen.has_class("-short"):
                self.misfin.say("The window is too small for a preview.", severity="warning")
            self.follow()

    @worker(group="preview", exclusive=True, description="read a message for the preview")
    async def _show(self) -> None:
        row = self.messages.current
        if not self.preview.display:
            return
        if row is None:
            self.preview.clear()
            return
        try:
            message_row = await self.services.mail.message(row.id)
            message = await self.services.mail.read(message_row)
        except MessageGoneError:
            self.preview.clear()  # moved or removed by another program: the list is about to say so
        except MisfinError as error:
            self.preview.show_problem(row, f"{error} {error.remedy}".strip())
        else:
            if self.messages.current is not None and self.messages.current.id == row.id:
                self.preview.show_message(message_row, message)


class ListActions(ScreenController):
    """What can be done with the list itself."""

    def __init__(self, screen: AppScreen, messages: MessageList, search: SearchSession) -> None:
        super().__init__(screen)
        self.messages = messages
        self.search = search

    def action_unread_only(self) -> None:
        """Show unread conversations only, or all."""
        view = self.messages.view
        self.search.open_view(replace(view, unread_only=not view.unread_only))

    def action_select(self) -> None:
        """Mark the conversation under the cursor."""
        self.messages.toggle_mark()

    @worker(group="marks", exclusive=True, description="mark all")
    async def action_select_all(self) -> None:
        """Mark every conversation of the list."""
        if not self.messages.complete:
            await self.messages.reload()
        await self.messages.mark_all()

    def action_refresh(self) -> None:
        """Look for new mail now."""
        self.services.mail.rescan()
        self.services.wake_courier()
        if self.services.config.accounts:
            self.services.fetching.look_now()
        self.misfin.say("Looking for new mail.", timeout=2)
