"""A screen that shows messages: its menu, its links and attachments, the key line."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from textual import on, work

from misfin_tui.screens.base import AppScreen
from misfin_tui.screens.prompts import Prompts
from misfin_tui.screens.selection import Selection
from misfin_tui.widgets.gemtext_view import GemtextView
from misfin_tui.widgets.message_view import MessageView

if TYPE_CHECKING:
    from textual import events

    from misfin_tui.widgets.searchbox import Prompt

RIGHT = 3
"""The right button of the mouse."""


class MessageScreen(AppScreen):
    """A screen that shows messages. Each one has a selection of its own kind and the actions on it."""

    DEFAULT_CSS = """
    MessageScreen ToastRack.-asking { margin-bottom: 3; }
    MessageScreen:ansi > .screen--selection { background: ansi_default; text-style: reverse; }
    """
    selection: Selection
    prompts: Prompts

    @property
    def idle_actions(self) -> Collection[str]:
        """Actions that do not apply right now: the key line leaves them out."""
        return ()

    def action_slide(self, halves: int) -> None:
        """To a side of the message shown, by halves of its window."""
        self.query_one(MessageView).slide(halves)

    def on_click(self, event: events.Click) -> None:
        """The right button: everything that can be done here."""
        if event.button == RIGHT and not self.is_modal:
            event.stop()
            self._open_menu(event.screen_x, event.screen_y)

    @work(group="menu", exclusive=True, description="choose an action")
    async def _open_menu(self, x: int, y: int) -> None:
        """Offer the actions of this screen at a place of it, and do what is chosen."""
        from misfin_tui.dialogs.menu import MenuDialog  # late: not for the first frame
        from misfin_tui.screens.applying import idle_now
        from misfin_tui.widgets.actions import ON_A_ROW, actions_of, grouped, runner
        from misfin_tui.widgets.sidebar import FOLDER_ACTIONS, Sidebar

        idle = {*self.idle_actions, *await idle_now(self.selection)}
        nearest = FOLDER_ACTIONS if isinstance(self.focused, Sidebar) else ON_A_ROW
        pages = grouped((each for each in actions_of(self) if each.method not in idle), nearest)
        chosen = await self.app.push_screen_wait(MenuDialog(pages, (x, y)))
        if chosen is not None:
            await runner(self, chosen)()

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        """Something was typed into the answer to a question."""
        event.stop()
        self.prompts.changed(event)

    # ---- links and attachments

    @on(GemtextView.LinkChosen)
    def _link_chosen(self, event: GemtextView.LinkChosen) -> None:
        event.stop()
        self.follow_link(event.target)

    @work(group="follow", exclusive=True, description="follow a link")
    async def follow_link(self, target: str) -> None:
        """Go where it leads."""
        from misfin_tui.screens import links  # late: not for the first frame

        await links.follow(self.selection, self.prompts, target)

    @on(MessageView.AttachmentChosen)
    def _attachment_chosen(self, event: MessageView.AttachmentChosen) -> None:
        event.stop()
        self._offer_attachments(event.row, event.number - 1)

    @work(group="attachments", exclusive=True, description="save or open attachments")
    async def _offer_attachments(self, row: int, at: int) -> None:
        from misfin_tui.screens import attachments  # late: not for the first frame

        if (found := self.selection.message_at(row)) is not None:
            await attachments.offer(self.prompts, *found, at)
