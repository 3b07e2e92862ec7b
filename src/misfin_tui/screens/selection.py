"""What is selected on a screen that shows messages: what its actions and its links work on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.store.rows import View
from misfin_tui.screens.base import ScreenController

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import ConversationRow, MessageRow


class Selection(ScreenController):
    """Each screen that shows messages has one of its own kind."""

    async def chosen_message(self) -> MessageRow | None:
        """The message to answer or forward."""
        raise NotImplementedError

    async def held_message(self) -> MessageRow | None:
        """The held message to decide about."""
        raise NotImplementedError

    def targets(self) -> Sequence[int]:
        """The conversations to file, flag or tag."""
        raise NotImplementedError

    def conversation_size(self) -> int:
        """How many messages are shown of the conversation that the message to answer belongs to."""
        return 1

    def view(self) -> View:
        """The list they are seen from: filing one takes what that list shows of it."""
        raise NotImplementedError

    def quoted(self) -> str | None:
        """The lines a reply is to quote, None for all of them."""
        return None

    def messages_shown(self) -> Sequence[tuple[MessageRow, ParsedMessage]]:
        """The messages on the screen, as far as they were read."""
        raise NotImplementedError

    def message_at(self, row: int) -> tuple[MessageRow, ParsedMessage] | None:
        """The message that a row of the screen's document belongs to."""
        raise NotImplementedError

    async def open_message(self, found: ConversationRow) -> None:
        """Show the message a row was found by, in its conversation."""
        message = await self.services.mail.message(found.id)
        self.misfin.open_thread(found, found.id, View(message.account, message.folder))

    async def filed(self, gone: bool) -> None:
        """An action was done; ``gone`` when the targets left the folder shown."""
        raise NotImplementedError
