"""Creates, renames, removes and empties folders, in threads; the server follows at the next sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misfin_tui.services import Services


@dataclass(frozen=True, slots=True)
class FolderAbilities:
    """``change``: folders can be created, renamed and removed. ``on_server``: the server has them too."""

    change: bool
    on_server: bool


class Folders:
    """Folders of accounts. ``account`` is the directory of its mail.

    Every method raises :class:`~misfin.errors.StoreError` where it cannot be done, with a sentence that says
    why.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def can_change(self, folder: str) -> bool:
        """Whether a folder may be renamed and removed."""
        from misfin.store.mail.folder_changes import can_change

        return can_change(folder)

    def abilities(self, account: str) -> FolderAbilities:
        """What can be done with the folders of an account."""
        found = self._services.config.accounts.get(account)
        return FolderAbilities(change=bool(account), on_server=bool(found and found.imap))

    async def keys(self, account: str, folder: str) -> list[str]:
        """The keys of what a folder holds now."""
        maildir = self._services.store.folder(account, folder)
        return await asyncio.to_thread(lambda: [entry.key for entry in maildir.list()])

    async def empty(self, account: str, folder: str, keys: Sequence[str]) -> int:
        """Delete these messages of a folder for good, here and on the server; returns how many there were."""
        from misfin.store.mail.emptying import empty

        maildir = self._services.store.folder(account, folder)
        try:
            return await asyncio.to_thread(empty, maildir, keys)
        finally:
            self._services.mail.rescan()

    async def create(self, account: str, name: str) -> None:
        """Create a folder."""
        from misfin.store.mail.folder_changes import create_folder

        await self._do(lambda: create_folder(self._services.store, account, name))

    async def rename(self, account: str, old: str, new: str) -> None:
        """Rename a folder."""
        from misfin.store.mail.folder_changes import rename_folder

        await self._do(lambda: rename_folder(self._services.store, account, old, new))

    async def remove(self, account: str, name: str) -> None:
        """Remove an empty folder."""
        from misfin.store.mail.folder_changes import remove_folder

        await self._do(lambda: remove_folder(self._services.store, account, name))

    async def _do(self, work: Callable[[], None]) -> None:
        await asyncio.to_thread(work)
        self._services.mail.rescan()
