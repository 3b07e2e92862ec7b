"""What a receiver does for its lists and away messages, as one part: handlers, and sending while needed.

Nothing is imported or opened for it before a command has made the file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.post.hosting.books import HostBooks

if TYPE_CHECKING:
    from misfin.net.incoming import Handler
    from misfin.post.hosting.sending import HostSending
    from misfin.post.hosting.settings import HostingSettings
    from misfin.post.source import Inbox
    from misfin.store.identities import IdentityStore
    from misfin.store.mail.maildir import MailStore
    from misfin.store.seals import Seals
    from misfin.trust.pins import PinBook

logger = logging.getLogger("misfin.hosting")


class HostDuties:
    """For one event loop: :meth:`look` now and then, and :meth:`close` in the end.

    Where several processes receive, only one of them ``sends`` what all of them put into the books.
    """

    def __init__(
        self,
        settings: HostingSettings,
        identities: IdentityStore,
        pins: PinBook,
        store: MailStore,
        inbox: Inbox,
        seals: Seals,
        *,
        sends: bool = True,
        now: Callable[[], float],
    ) -> None:
        self.books = HostBooks(settings.file)
        self._settings = settings
        self._identities = identities
        self._pins = pins
        self._store = store
        self._inbox = inbox
        self._seals = seals
        self._sends = sends
        self._now = now
        self._sending: HostSending | None = None
        self._task: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Follow what a person changed, and begin to send once there may be something.

        Raises :class:`~misfin.errors.StoreError`.
        """
        async with self._looking:
            await asyncio.to_thread(self.books.refresh)
            wanted = self.books.hosted.lists or self.books.hosted.away
            if self._sends and self._task is None and wanted:
                self._sending = await asyncio.to_thread(self._make)
                self._task = asyncio.create_task(self._sending.run())

    def _make(self) -> HostSending:
        from misfin.post.hosting.sending import HostSending  # late: most receivers send nothing

        return HostSending(
            self._settings,
            self.books,
            self._identities,
            self._pins,
            self._store,
            self._inbox,
            now=self._now,
        )

    def before_storing(self, deliver: Handler) -> Handler:
        """What happens to a message whose sender was checked, before and after ``deliver`` stores it."""
        from misfin.post.hosting.away import AwayHandler
        from misfin.post.hosting.lists import ListHandler

        return ListHandler(AwayHandler(deliver, self.books, self._wake), self.books, self._seals, self._wake)

    def before_checking(self, deliver: Handler) -> Handler:
        """What happens before anybody is asked about the sender."""
        from misfin.post.hosting.blocking import BlockingHandler

        return BlockingHandler(deliver, lambda: self.books.hosted)

    async def close(self) -> None:
        """Stop sending, and close the file."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self.books.close)

    def _wake(self) -> None:
        if self._sending is not None:
            self._sending.wake()
