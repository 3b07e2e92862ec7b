"""Creates, renames and removes folders, in threads; the server follows at the next sync."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misfin_tui.services import Services


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
