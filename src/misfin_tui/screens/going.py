"""Going somewhere else by a key: to the next unread conversation, another folder, or another account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from misfin.errors import MisfinError
from misfin.model.folders import INBOX
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.sidebar import SidebarKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from misfin.store.rows import ConversationRow, View
    from misfin_tui.screens.inbox_search import SearchSession
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.widgets.message_list import MessageList
    from misfin_tui.widgets.pages import Source
    from misfin_tui.widgets.sidebar import Sidebar, SidebarEntry

_BATCH = 500  # rows looked through at once


class ReadingList(Protocol):
    """A list of conversations with a cursor, as :class:`~misfin_tui.widgets.message_list.MessageList` is."""

    source: Source
    view: View
    cursor: int

    @property
    def total(self) -> int:
        """How many conversations it has."""

    async def step(self, by: int) -> ConversationRow | None:
        """Move the cursor; the conversation under it then, None at the ends of the list."""


async def go_to_unread(listed: ReadingList) -> ConversationRow | None:
    """Move the cursor to the next conversation with something unread, at the end again from the top.

    None when there is no other. Raises what the list's source raises.
    """
    start, total = listed.cursor, listed.total
    for first, end in ((start + 1, total), (0, min(start, total))):
        for offset in range(first, end, _BATCH):
            rows = await listed.source.conversations(listed.view, offset, min(_BATCH, end - offset))
            for index, row in enumerate(rows, offset):
                if row.unread:
                    return await listed.step(index - listed.cursor)
    return None


class NextUnread(ScreenController):
    """The action that goes to what is unread, in the list and in a conversation."""

    def __init__(
        self, screen: AppScreen, listed: ReadingList, show: Callable[[ConversationRow], object] | None = None
    ) -> None:
        """``show`` shows the conversation found, where going there does not."""
        super().__init__(screen)
        self._listed = listed
        self._show = show

    @worker(group="neighbour", exclusive=True, description="find the next unread conversation")
    async def action_next_unread(self) -> None:
        """The next conversation with something unread."""
        try:
            row = await go_to_unread(self._listed)
        except MisfinError as error:
            self.misfin.report(error)
            return
        if row is None:
            self.misfin.say("Nothing else here is unread.", timeout=2)
        elif self._show is not None:
            self._show(row)


class GoingActions(ScreenController):
    """The actions of the inbox that show something else."""

    def __init__(
        self,
        screen: AppScreen,
        messages: MessageList,
        sidebar: Sidebar,
        prompts: Prompts,
        search: SearchSession,
        choose: Callable[[SidebarEntry], None],
    ) -> None:
        super().__init__(screen)
        self.messages = messages
        self.sidebar = sidebar
        self.prompts = prompts
        self.search = search
        self._choose = choose
        self.said_home = True
        """What :meth:`at_home` was when the keys were last named."""

    def at_home(self) -> bool:
        """Whether there is nothing to go back to: then the key for that ends the program."""
        left = self.messages.marks or self.search.active or self.messages.view != self.search.home
        return not left and (self.screen.focused is None or self.screen.focused is self.messages)

    def other_words(self) -> Mapping[str, tuple[str, str]]:
        """What actions are called now where they do something else than usual: label and sentence."""
        self.said_home = self.at_home()
        return {"back": ("Quit", "Quit the program.")} if self.said_home else {}

    @worker(group="go", exclusive=True, description="go to a folder")
    async def action_go_to_folder(self) -> None:
        """Ask for a folder or a saved search by the beginning of its name, and show it."""
        places = self._named()
        answer = await self.prompts.ask(
            "Go to", help="the beginning of a folder's name", offers=[name for name, _ in places]
        )
        typed = (answer or "").strip().casefold()
        if not typed:
            return
        for fits in (str.__eq__, str.startswith, str.__contains__):
            for name, entry in places:
                if fits(name.casefold(), typed):
                    self._choose(entry)
                    return
        self.misfin.say("No folder has such a name.", severity="warning", timeout=3)

    def action_next_folder(self) -> None:
        """The next folder of the sidebar."""
        self._folder(1)

    def action_previous_folder(self) -> None:
        """The folder before in the sidebar."""
        self._folder(-1)

    def action_next_account(self) -> None:
        """The inbox of the next account."""
        inboxes = [
            entry for entry in self._folders() if entry.group and entry.view and entry.view.folder == INBOX
        ]
        if len(inboxes) < 2:
            self.misfin.say("There is only one account.", timeout=2)
            return
        accounts = [entry.group for entry in inboxes]
        shown = self.messages.view.account or ""
        at = accounts.index(shown) + 1 if shown in accounts else 0
        self._choose(inboxes[at % len(inboxes)])

    def _folder(self, by: int) -> None:
        folders = self._folders()
        views = [entry.view for entry in folders]
        if not folders:
            return
        at = views.index(self.messages.view) + by if self.messages.view in views else 0
        self._choose(folders[at % len(folders)])

    def _folders(self) -> Sequence[SidebarEntry]:
        """The lines of the sidebar that show a folder."""
        return [entry for entry in self.sidebar.places() if entry.kind is SidebarKind.FOLDER]

    def _named(self) -> list[tuple[str, SidebarEntry]]:
        """Every line that can be chosen; those of other accounts than the one shown say whose they are."""
        account = self.messages.view.account or next((e.group for e in self._folders() if e.group), "")
        mine: list[tuple[str, SidebarEntry]] = []
        others: list[tuple[str, SidebarEntry]] = []
        for entry in self.sidebar.places():
            if entry.kind is SidebarKind.SEARCH or entry.group in ("", account):
                mine.append((entry.label, entry))
            else:
                others.append((f"{entry.label} ({entry.group})", entry))
        return mine + others
