"""Muting conversations: what comes later goes to the archive, read and without a notice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.model.folders import INBOX
from misfin.store.filing import Action, Undo
from misfin.store.index.muted import MUTED, muted_of, new_messages
from misfin.store.rows import View

if TYPE_CHECKING:
    from misfin_tui.services import Services


class Muting:
    """Mutes conversations; a muted one has the tag ``muted``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def toggle(self, threads: Sequence[int]) -> bool:
        """Mute conversations and archive what is in an inbox, or unmute them if all are muted; whether they
        are muted now. Undo takes it back as one action. Raises :class:`StoreError`.
        """
        from misfin_tui.messages import MailChanged

        undo = await asyncio.to_thread(self._toggle, threads)
        if undo.done:
            await asyncio.to_thread(self._services.filer.noted, undo)
        self._services.post(MailChanged())
        return undo.action is Action.TAG

    def _toggle(self, threads: Sequence[int]) -> Undo:
        filing, index = self._services.filing, self._services.index
        if index.ask(lambda db: muted_of(db, threads)) >= set(threads):
            return filing.apply(Action.UNTAG, threads, MUTED)
        tagged = filing.apply(Action.TAG, threads, MUTED)
        archived = filing.apply(Action.ARCHIVE, threads, view=View(None, INBOX))
        return Undo(Action.TAG, MUTED, (*tagged.done, *archived.done))

    def file_new(self) -> int:
        """File what came into an inbox for muted conversations; how many messages. Blocking.

        Raises :class:`StoreError`.
        """
        ids = self._services.index.ask(new_messages)
        if ids:
            for action, argument in ((Action.TAG, MUTED), (Action.READ, ""), (Action.ARCHIVE, "")):
                self._services.filing.apply(action, ids, argument)
        return len(ids)


def muting_of(services: Services) -> Muting:
    """The one of these services."""
    return services.once("muting", lambda: Muting(services))
