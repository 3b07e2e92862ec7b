"""The other ways to read a mail: its text as plain text or HTML, and in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.thread_view import ThreadView
from misfin_tui.wording.message import text_kind

if TYPE_CHECKING:
    from misfin_tui.widgets.thread_document import Part


class MessageVersions(ScreenController):
    """The actions on the versions of the message in focus."""

    def __init__(self, screen: AppScreen, thread: ThreadView) -> None:
        super().__init__(screen)
        self.thread = thread

    @worker(group="version", exclusive=True, description="show another version of a message")
    async def action_next_version(self) -> None:
        """Show the next of the versions that the message offers: plain text, HTML, …"""
        part = self.thread.document.current
        if part is None or part.message is None:
            return
        offered = part.message.alternatives
        if not offered:
            self.misfin.say("The sender sent only one version of this text.", severity="warning")
            return
        at = offered.index(part.message.alternative) if part.message.alternative in offered else -1
        await self._show(part, offered[(at + 1) % len(offered)])

    async def _show(self, part: Part, version: str) -> None:
        try:
            message = await self.services.mail.read(part.row, prefer=version)
        except MisfinError as error:
            self.misfin.report(error)
            return
        part.prefer = version
        self.thread.message_read(part, message)
        if message.alternative == version:
            count, number = len(message.alternatives), message.alternatives.index(version) + 1
            self.misfin.say(f"Shown as {text_kind(version)} ({number} of {count}).", timeout=3)
        else:
            self.misfin.say(f"There is no text in the version as {text_kind(version)}.", severity="warning")

    @worker(group="version", exclusive=True, description="open a message in a browser")
    async def action_open_in_browser(self) -> None:
        """Open the message in a browser, from a private file that loads and runs nothing."""
        part = self.thread.document.current
        if part is None:
            return
        try:
            await self.services.attached.open_page(part.row)
        except MisfinError as error:
            self.misfin.report(error)
        else:
            self.misfin.say("Opened in your browser. Nothing is loaded from elsewhere.", timeout=5)
