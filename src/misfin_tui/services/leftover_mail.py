"""Mail of accounts that are gone: it stays on disk until somebody deletes it for good."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import LocalError, StoreError
from misfin.model.folders import INBOX

if TYPE_CHECKING:
    from misfin_tui.services import Services


@dataclass(frozen=True, slots=True)
class LeftoverMail:
    """What is left of an account; ``attic`` are messages that were deleted on its server before."""

    folder: Path
    messages: int
    folders: int
    size: int
    attic: int


class LeftoverMails:
    """Work is done in threads; any method may raise :class:`~misfin.errors.StoreError`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def directories(self) -> tuple[str, ...]:
        """The directories of mail that belong to no account any more."""
        return await asyncio.to_thread(self.read_directories)

    async def measure(self, directory: str) -> LeftoverMail:
        """What would be deleted. Raises :class:`~misfin.errors.LocalError` if an account uses it."""
        return await asyncio.to_thread(self._measure, directory)

    async def delete(self, directory: str) -> None:
        """Delete it for good. Raises :class:`~misfin.errors.LocalError` if an account uses it."""
        await asyncio.to_thread(self._delete, directory)
        self._services.mail.rescan()

    def read_directories(self) -> tuple[str, ...]:
        """The same as :meth:`directories`, in this thread."""
        book, config = self._services.account_book, self._services.config
        claimed = {*config.accounts, *self._services.identity_store.names()}
        there = [each for each in self._services.store.accounts() if each not in claimed]
        found = [each for each in there if book.at(each) is None]
        if any("@" in each for each in found) and any(
            each.problem for each in self._services.identity_store.all()
        ):  # a file that cannot be used may be the identity of any address
            found = [each for each in found if "@" not in each]
        return tuple(found)

    # ---- in a thread

    def _left(self, directory: str) -> Path:
        if directory not in self.read_directories():
            raise LocalError(f"{directory} is not the mail of a removed account; nothing was changed.")
        return self._services.store.folder(directory, INBOX).path

    def _measure(self, directory: str) -> LeftoverMail:
        home, store = self._left(directory), self._services.store
        folders = store.folders(directory)
        kept = [entry.path for folder in folders for entry in store.folder(directory, folder).list()]
        size = 0
        for path in kept:
            with suppress(OSError):
                size += path.stat().st_size
        attic = self._services.profile.attic / directory
        in_attic = sum(1 for part in ("cur", "new") for _ in (attic / part).glob("*"))
        return LeftoverMail(home, len(kept), len(folders), size, in_attic)

    def _delete(self, directory: str) -> None:
        home, profile = self._left(directory), self._services.profile
        try:
            # The state of sync goes first: with it, what is missing here would look like deletions.
            for suffix in ("", "-wal", "-shm"):
                (profile.sync / f"{directory}.db{suffix}").unlink(missing_ok=True)
            for folder in (profile.attic / directory, home):
                if folder.exists():
                    shutil.rmtree(folder)
        except OSError as error:
            raise StoreError(
                f"The mail in {home} could not be deleted: {error.strerror or error}.",
                remedy="Check who may write there. If it is a link to another place, delete that place.",
            ) from error
