"""Notes which accounts have a draft open, for the process that keeps them in sync with their servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from misfin.errors import StoreError

if TYPE_CHECKING:
    from misfin.post.open_drafts import OpenDrafts
    from misfin_tui.services import Services

logger = logging.getLogger("misfin.sync")


class Composing:
    """The accounts of every open composer. Use it on the app's loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: dict[object, set[str]] = {}
        self._notes: OpenDrafts | None = None
        self._writing: asyncio.Task[None] | None = None
        self._noted: frozenset[str] = frozenset()

    def opened(self, composer: object, account: str) -> None:
        """A composer writes, or wrote before its sender was changed, from this account (its directory)."""
        accounts = self._services.config.accounts
        if account in accounts and (accounts[account].imap or accounts[account].pop3):
            self._open.setdefault(composer, set()).add(account)
            self._note()

    def closed(self, composer: object) -> None:
        """A composer was closed; what is left of its draft may be uploaded now."""
        if self._open.pop(composer, None) is not None:
            self._note()

    def _note(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while (accounts := self._accounts()) != self._noted:
            try:
                await asyncio.to_thread(self._complete, self._noted - accounts)
                accounts = self._accounts()  # one may have been opened meanwhile
                await asyncio.to_thread(self._set, accounts)
            except StoreError as error:
                logger.warning("Open drafts could not be noted; they may be uploaded half written: %s", error)
            closed, self._noted = self._noted - accounts, accounts
            if closed:
                self._services.fetching.look_now()

    def _accounts(self) -> frozenset[str]:
        return frozenset[str]().union(*self._open.values())

    def _complete(self, accounts: Collection[str]) -> None:
        """Put the files of drafts into them, before they go to the server."""
        for name in accounts:
            account = self._services.config.accounts.get(name)
            if account is not None and account.imap:
                from misfin.post.email.whole_drafts import complete_drafts  # late: it writes MIME

                box = self._services.draft_box
                complete_drafts(self._services.store, box.files, name, (account.name, account.address))

    def _set(self, accounts: frozenset[str]) -> None:
        from misfin.post.open_drafts import OpenDrafts  # late: most people have no such account

        if self._notes is None:
            self._notes = OpenDrafts(self._services.profile.runtime)
        self._notes.set(accounts)
