"""What only servers have, below the conversations of a list: a search goes on there by itself.

The servers are asked once typing has stopped, and only those that are connected anyway: without a network
nothing is tried, and a password that was refused is not sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from misfin.errors import MisfinError
from misfin.store.evidence import Evidence
from misfin.store.rows import ConversationRow, View
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.pages import Tail

if TYPE_CHECKING:
    from misfin_tui.services.server_search import ServerMessage
    from misfin_tui.widgets.message_list import MessageList

RESTS: Final = 1.0
"""Seconds for which a search that is being typed has to stay the same before servers are asked."""
SETTLES: Final = 0.5
"""Seconds for which a list has to stay the same before it is compared with what its servers have."""


class ServerRows(ScreenController):
    """The lines below the conversations of a list that are on servers only."""

    def __init__(
        self,
        screen: AppScreen,
        messages: MessageList,
        say: Callable[[str, str], None],
        changed: Callable[[], None],
    ) -> None:
        """``say`` sets a piece of news of the status line; ``changed`` is called for another tail."""
        super().__init__(screen)
        self.messages = messages
        self._say = say
        self._changed = changed
        self._view: View | None = None
        """What is, or was, searched for on the servers."""
        self._asking = False
        """Whether they have not answered yet."""
        self._found: tuple[ServerMessage, ...] = ()
        self._more = 0
        """Messages found there beyond those."""

    def loaded(self, *, typing: bool) -> None:
        """The list was read; ``typing``: its search is still being written."""
        view = self.messages.view
        if view == self._view and self._asking:
            return
        self.screen.workers.cancel_group(self.screen, "server rows")
        if view == self._view:
            self._show()
            self._compare(view)
            return
        if self._view is not None:
            self._view, self._asking, self._found, self._more = None, False, (), 0
            self._say("server", "")
        if view.unread_only:
            return
        if not view.query:
            self._count(view)
        elif self.misfin.config.ui.search_servers:
            self._view, self._asking = view, True
            self._ask(view, RESTS if typing else 0.0)

    @property
    def chosen(self) -> ServerMessage | None:
        """The message under the cursor, if it is one of these."""
        at = self.messages.at_tail
        return self._found[at] if 0 <= at < len(self._found) else None

    def open(self) -> None:
        """Fetch and open the message under the cursor; the line after the last one shows all there is."""
        if (message := self.chosen) is not None:
            self._open(message)
        elif self.messages.at_tail >= 0:
            self.misfin.open_on_server(self.messages.view)

    @worker(group="server rows", exclusive=True, description="search on the servers")
    async def _ask(self, view: View, rest: float) -> None:
        await asyncio.sleep(rest)
        syncing = await asyncio.to_thread(lambda: self.services.syncing)  # its first use imports a lot
        search = syncing.server_search
        if not search.accounts(view):
            self._asking = False
            return
        self._say("server", "asking the server")
        found = None
        try:
            found = await search.search_connected(view)
            problem = "not searched on the server" if found.problems else ""
        except MisfinError:  # what a server cannot search for: ctrl+s says why
            problem = "not searched on the server"
        self._asking = False
        self._say("server", problem)
        if found is not None:
            self._found, self._more = found.messages, found.total - len(found.messages)
            self._show()

    @worker(group="server rows", exclusive=True, description="count what is on the server only")
    async def _count(self, view: View) -> None:
        await asyncio.sleep(SETTLES)
        syncing = await asyncio.to_thread(lambda: self.services.syncing)
        try:
            left = await syncing.server_search.left(view)
        except MisfinError:
            return  # the sync screen says so
        if self.messages.view == view:
            self.messages.set_tail(Tail(note=_note(left)))

    @worker(group="server rows", exclusive=True, description="leave out what has arrived")
    async def _compare(self, view: View) -> None:
        await asyncio.sleep(SETTLES)
        try:
            self._found = await self.services.syncing.server_search.still_there(self._found)
        except MisfinError:
            return  # as above
        self._show()

    @worker(group="open", exclusive=True, description="fetch a message from the server")
    async def _open(self, message: ServerMessage) -> None:
        self.misfin.say("Fetching the message.", timeout=2)
        found = await self.screen.attempt(self.services.syncing.server_search.open(message))
        if found is not None and self.screen.standing:
            self._found = tuple(each for each in self._found if each != message)
            self._show()
            self.misfin.open_thread(found, found.id, View(message.account, message.found.folder))

    def _show(self) -> None:
        if self._view is None or self.messages.view != self._view:
            return
        self.messages.set_tail(Tail(tuple(map(_row, self._found)), _note(self._more)))
        self._changed()


def _note(number: int) -> str:
    messages = "message" if number == 1 else "messages"
    return f"{number:,} more {messages} on the server: enter shows them" if number > 0 else ""


def _row(message: ServerMessage) -> ConversationRow:
    found = message.found
    return ConversationRow(
        thread=-1,
        message=-1,
        id="",
        participants=found.sender or "(no sender)",
        subject=f"(on the server) {found.subject or '(no subject)'}",
        snippet=f"in {message.account}/{found.folder}",
        count=1,
        unread=int(found.unread),
        starred=False,
        date=found.date,
        evidence=Evidence.UNPROVEN,
        tags=(),
        attachment=False,
        held=False,
    )
