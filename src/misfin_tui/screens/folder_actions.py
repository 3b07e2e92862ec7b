"""Creates, renames, removes and empties the folder that the sidebar's cursor is on."""

from __future__ import annotations

from collections.abc import Callable, Collection

from misfin.errors import MisfinError
from misfin.model.folders import JUNK, TRASH
from misfin.store.rows import View
from misfin_tui.host import AccountAction
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.inbox_search import SearchSession
from misfin_tui.screens.prompts import Prompts
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.sidebar import Sidebar, SidebarEntry, SidebarKind


class FolderActions(ScreenController):
    """What can be done with folders. The server follows at the next sync."""

    def __init__(
        self,
        screen: AppScreen,
        sidebar: Sidebar,
        prompts: Prompts,
        search: SearchSession,
        removed: Callable[[], Collection[str]],
    ) -> None:
        """``removed`` are the directories of removed accounts."""
        super().__init__(screen)
        self._removed = removed
        self.sidebar = sidebar
        self.prompts = prompts
        self.search = search

    @property
    def idle_actions(self) -> list[str]:
        """Those that make no sense where the sidebar's cursor is."""
        idle = [] if self._emptied is not None else ["empty_folder"]
        if not self.sidebar.has_focus or not self.services.folders.abilities(self._account).change:
            return [*idle, "new_folder", "rename_folder", "remove_folder"]
        if self._removable:
            gone = ["new_folder"] if self._account in self._removed() else []
            return [*idle, *gone, "rename_folder"]
        return idle if self._own_folder else [*idle, "rename_folder", "remove_folder"]

    @property
    def _removable(self) -> bool:
        """Whether the cursor is on an e-mail account, or on one that was removed."""
        entry = self.sidebar.current
        if entry is None or entry.kind is not SidebarKind.HEADING:
            return False
        return entry.group in self.misfin.config.accounts or entry.group in self._removed()

    @property
    def _account(self) -> str:
        """The account under the cursor, or the one that the list shows."""
        entry = self.sidebar.current
        if entry is not None and entry.kind is not SidebarKind.SEARCH and entry.group != SEARCHES:
            return entry.group
        return ""

    @property
    def _own_folder(self) -> SidebarEntry | None:
        """The folder under the cursor, if it is not one that every account has."""
        entry = self.sidebar.current
        if entry is None or entry.kind is not SidebarKind.FOLDER or not entry.group:
            return None
        return entry if self.services.folders.can_change(entry.label) else None

    @property
    def _emptied(self) -> View | None:
        """The trash or junk under the sidebar's cursor, or else the one that the list shows."""
        entry = self.sidebar.current if self.sidebar.has_focus else None
        view = entry.view if entry is not None else self.search.messages.view
        if view is None or view.query or not view.account or not view.folder:
            return None
        return view if view.folder in EMPTIED else None

    @worker(group="folders", exclusive=True, description="create a folder")
    async def action_new_folder(self) -> None:
        """Create a folder in the account that the sidebar's cursor is in."""
        account = self._account
        if not account:
            self._point("an account")
            return
        name = await self.prompts.ask("New folder", help=f"in {account}; Lists/Crew is a folder inside Lists")
        if name and name.strip():
            try:
                await self.services.folders.create(account, name.strip())
            except MisfinError as error:
                self.misfin.report(error)
            else:
                self.misfin.say(f"{name.strip()} is now a folder of {account}.")

    @worker(group="folders", exclusive=True, description="rename a folder")
    async def action_rename_folder(self) -> None:
        """Rename the folder under the sidebar's cursor."""
        entry = self._own_folder
        if entry is None:
            self._point("a folder of your own")
            return
        name = await self.prompts.ask(f"Rename {entry.label} to", entry.label, help=f"in {entry.group}")
        if name and name.strip() not in ("", entry.label):
            try:
                await self.services.folders.rename(entry.group, entry.label, name.strip())
            except MisfinError as error:
                self.misfin.report(error)
            else:
                self._leave(entry, View(entry.group, name.strip()))
                self.misfin.say(f"{entry.label} is now called {name.strip()}.")

    @worker(group="folders", exclusive=True, description="remove a folder")
    async def action_remove_folder(self) -> None:
        """Remove the folder under the sidebar's cursor, which has to be empty; or the account."""
        entry = self._own_folder
        if self._removable and self._account in self._removed():
            from misfin_tui.screens.account_actions import delete_leftover_mail  # late: few ever do this

            await delete_leftover_mail(self.screen.app, self._account)
            return
        if self._removable:
            self.misfin.with_account(AccountAction.REMOVE, self._account)
            return
        if entry is None:
            self._point("a folder of your own")
            return
        try:
            await self.services.folders.remove(entry.group, entry.label)
        except MisfinError as error:
            self.misfin.report(error)
        else:
            self._leave(entry, self.search.home)
            there = self.services.folders.abilities(entry.group).on_server
            stays = " here. The folder on the server stays there" if there else ""
            self.misfin.say(f"{entry.label} was removed{stays}.")

    @worker(group="folders", exclusive=True, description="empty a folder")
    async def action_empty_folder(self) -> None:
        """Delete everything in the trash or junk for good, after asking with the number."""
        view = self._emptied
        if view is None or view.account is None or view.folder is None:
            self.misfin.say("Go to a Trash or Junk folder first.", severity="warning")
            return
        account, folder = view.account, view.folder
        try:
            keys = await self.services.folders.keys(account, folder)
            if not keys:
                self.misfin.say(f"{folder} is empty.")
                return
            if await self._sure(account, folder, len(keys)):
                count = await self.services.folders.empty(account, folder, keys)
                self.misfin.say(f"{_messages(count)} deleted from {folder}.")
        except MisfinError as error:
            self.misfin.report(error)

    async def _sure(self, account: str, folder: str, count: int) -> bool:
        from misfin_tui.dialogs.confirm import ConfirmDialog  # late: not for the first frame

        there = " and on the server" if self.services.folders.abilities(account).on_server else ""
        question = f"{_messages(count)} of {account} will be deleted here{there}. This cannot be undone."
        dialog = ConfirmDialog(f"Empty {folder}?", question, yes=f"Delete {count:,}", danger=True)
        answer = await self.screen.app.push_screen_wait(dialog)
        return answer is True

    def _leave(self, entry: SidebarEntry, to: View) -> None:
        """The list shows something else than a folder that is gone."""
        if entry.view == self.search.messages.view:
            self.search.open_view(to)

    def _point(self, at: str) -> None:
        self.misfin.say(f"Go to {at} in the sidebar first.", severity="warning")


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


EMPTIED = frozenset({TRASH, JUNK})
"""Folders in which everything may be deleted at once."""
SEARCHES = "searches"
"""The group of the saved searches in the sidebar."""
