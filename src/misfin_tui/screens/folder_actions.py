"""Creates, renames and removes the folder that the sidebar's cursor is on."""

from __future__ import annotations

from misfin.errors import MisfinError
from misfin.store.rows import View
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.inbox_search import SearchSession
from misfin_tui.screens.prompts import Prompts
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.sidebar import Sidebar, SidebarEntry, SidebarKind


class FolderActions(ScreenController):
    """What can be done with folders. The server follows at the next sync."""

    def __init__(self, screen: AppScreen, sidebar: Sidebar, prompts: Prompts, search: SearchSession) -> None:
        super().__init__(screen)
        self.sidebar = sidebar
        self.prompts = prompts
        self.search = search

    @property
    def idle_actions(self) -> list[str]:
        """Those that make no sense where the sidebar's cursor is."""
        if not self.sidebar.has_focus or not self._account:
            return ["new_folder", "rename_folder", "remove_folder"]
        return [] if self._own_folder else ["rename_folder", "remove_folder"]

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
        """Remove the folder under the sidebar's cursor, which has to be empty."""
        entry = self._own_folder
        if entry is None:
            self._point("a folder of your own")
            return
        try:
            await self.services.folders.remove(entry.group, entry.label)
        except MisfinError as error:
            self.misfin.report(error)
        else:
            self._leave(entry, self.search.home)
            self.misfin.say(f"{entry.label} was removed here. A folder on the server stays there.")

    def _leave(self, entry: SidebarEntry, to: View) -> None:
        """The list shows something else than a folder that is gone."""
        if entry.view == self.search.messages.view:
            self.search.open_view(to)

    def _point(self, at: str) -> None:
        self.misfin.say(f"Go to {at} in the sidebar first.", severity="warning")


SEARCHES = "searches"
"""The group of the saved searches in the sidebar."""
