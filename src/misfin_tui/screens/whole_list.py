"""What is done with a list as a whole: sort it, mark it read, select what a search finds in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin.store.rows import Order
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from misfin_tui.screens.message_actions import MessageActions
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.widgets.message_list import MessageList

ORDERS = (
    (Order.NEWEST, "Newest first", "the default"),
    (Order.OLDEST, "Oldest first", ""),
    (Order.SENDER, "Sender", "A to Z, newest first for each"),
    (Order.SUBJECT, "Subject", "A to Z, ignoring Re:"),
    (Order.SIZE, "Size", "largest first"),
)


class WholeListActions(ScreenController):
    """Actions on all of the list that is shown."""

    def __init__(
        self,
        screen: AppScreen,
        messages: MessageList,
        actions: MessageActions,
        prompts: Prompts,
        titles_changed: Callable[[], None],
    ) -> None:
        super().__init__(screen)
        self.messages = messages
        self.actions = actions
        self.prompts = prompts
        self._titles_changed = titles_changed

    @worker(group="sort", exclusive=True, description="sort the list")
    async def action_sort(self) -> None:
        """Sort this folder, now and from now on."""
        from misfin_tui.dialogs.prompt import ChooseDialog  # late: not for the first frame

        view, mail = self.messages.view, self.services.mail
        offers = [(order.value, label, hint) for order, label, hint in ORDERS]
        title = f"Sort {view.folder or 'what a search finds'} by"
        chosen = await self.screen.app.push_screen_wait(
            ChooseDialog(title, offers, chosen=mail.order_of(view))
        )
        if chosen is None or Order(chosen) is mail.order_of(view):
            return
        try:
            self.misfin.use_config(await mail.sort(view, Order(chosen)))
        except (MisfinError, OSError) as error:
            self.misfin.report(error, "The folder could not be sorted.")
            return
        await self.messages.reload()
        self._titles_changed()

    @worker(group="file", description="mark all as read")
    async def action_read_all(self) -> None:
        """Mark everything in the list as read, after a question that says how much."""
        from misfin_tui.dialogs.confirm import ConfirmDialog  # late: not for the first frame
        from misfin_tui.widgets.facts import many

        view = self.messages.view
        try:
            number = await self.services.mail.unread(view)
        except MisfinError as error:
            self.misfin.report(error)
            return
        if not number:
            self.misfin.say("Everything here is already read.", timeout=2)
            return
        where = "that this search finds" if view.query else f"in {view.folder or 'all folders'}"
        question = f"Mark {many(number, 'unread message')} {where} as read?"
        if await self.screen.app.push_screen_wait(
            ConfirmDialog("Mark all as read", question, yes="Mark read")
        ):
            await self.actions.file_view("read", replace(view, unread_only=True))

    @worker(group="join", exclusive=True, description="join conversations")
    async def action_join(self) -> None:
        """Join the selected conversations."""
        from misfin_tui.services.regrouping import regrouper_of  # late: not for the first frame

        targets = self.messages.targets()
        try:
            await regrouper_of(self.services).join(targets)
        except MisfinError as error:
            self.misfin.report(error)
            return
        self.messages.set_marks(())
        key = self.misfin.keys.shown("undo")
        self.misfin.say(f"{len(targets):,} conversations joined.  {key} undo", about="filing")

    @worker(group="marks", exclusive=True, description="select what a search finds")
    async def action_select_matching(self) -> None:
        """Select every conversation of the list that a search finds too."""
        from misfin_tui.widgets.facts import many  # late: not for the first frame
        from misfin_tui.widgets.searchbox import SEARCH_WORDS

        view, mail, answer = self.messages.view, self.services.mail, ""
        while True:
            answer = await self.prompts.ask("Select what matches", answer, help=SEARCH_WORDS) or ""
            if not answer.strip():
                return
            try:
                found = await mail.matching(view, mail.as_typed(answer))
            except MisfinError as error:
                self.misfin.report(error)  # then ask again
                continue
            if view == self.messages.view:
                self.messages.set_marks(self.messages.marks | set(found))
                self.messages.focus()
                self.misfin.say(f"{many(len(found), 'conversation')} selected.", timeout=3)
            return
