"""The incoming side of an e-mail account: fetched once, or kept in sync until told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.email.account import EmailAccount
from misfin.errors import StoreError
from misfin.post.fetching.connecting import Connected, connect
from misfin.post.fetching.mailbox import SyncedMailbox
from misfin.post.fetching.progress import Progress
from misfin.post.source import Inbox, Report, SourceState, SourceStatus
from misfin.post.sync.lock import AlreadySyncingError
from misfin.post.sync.settings import PassResult

if TYPE_CHECKING:
    from misfin.email.mailline import Trace
    from misfin.trust.pins import PinBook

_PASSES: Final = 100
"""Passes in a row for one fetch: each has to have done something."""
_ASK_AGAIN: Final = 5.0
"""Seconds after which to ask again for what another process holds."""
_LONGEST_WAIT: Final = 20.0
"""Seconds to wait for a decision that needs some time to pass."""


class EmailSource:
    """A :class:`~misfin.post.source.Source` for one e-mail account.

    ``folder`` keeps what both sides had (docs/sync.md §3), ``mail`` is the directory of the account's mail.
    ``now`` is the wall clock. ``trace`` gets what is said with the server, without secrets and messages.
    """

    def __init__(
        self,
        account: EmailAccount,
        folder: Path,
        mail: Path,
        pins: PinBook,
        *,
        now: Callable[[], float] = time.time,
        trace: Trace | None = None,
    ) -> None:
        self.account = account
        self._folder = folder
        self._mail = mail
        self._pins = pins
        self._now = now
        self._trace = trace
        self._look_now = asyncio.Event()

    def look_now(self) -> None:
        """A person asks: check at once, also after a failure that only a person could correct."""
        self._look_now.set()

    async def run(self, inbox: Inbox, stop: asyncio.Event) -> None:
        """Keep both sides in sync until ``stop`` is set; see :meth:`misfin.post.source.Source.run`."""
        from misfin.post.fetching.live import LiveAccount  # late: not for fetching once
        from misfin.post.fetching.localchanges import LocalChanges

        mailbox = await self._opened(inbox, stop)
        if mailbox is None:
            return
        try:
            changed = asyncio.Event()
            live = LiveAccount(
                mailbox,
                inbox,
                self._connect,
                look_now=self._look_now,
                changed=changed,
                stop=stop,
                wall=self._now,
            )
            with LocalChanges(self._mail, changed.set):
                await live.run()
        finally:
            await asyncio.to_thread(mailbox.close)
            inbox.report(SourceStatus(self.account.name, SourceState.STOPPED, "not fetching"))

    async def _opened(self, inbox: Inbox, stop: asyncio.Event) -> SyncedMailbox | None:
        """The account's state, as soon as no other process has it; None where we are stopped before."""
        while not stop.is_set():
            try:
                return await asyncio.to_thread(SyncedMailbox, self._folder, self.account, self._now)
            except AlreadySyncingError as error:
                inbox.report(SourceStatus(self.account.name, SourceState.WAITING, str(error)))
            except StoreError as error:
                inbox.report(SourceStatus(self.account.name, SourceState.FAILED, f"not fetching: {error}"))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _ASK_AGAIN)
        return None

    async def once(self, inbox: Inbox) -> Report:
        """Fetch until both sides are in sync. Raises as :func:`~misfin.post.fetching.connecting.connect`."""
        mailbox = await asyncio.to_thread(SyncedMailbox, self._folder, self.account, self._now)
        try:
            return await self._until_in_step(mailbox, inbox)
        finally:
            await asyncio.to_thread(mailbox.close)

    async def _connect(self) -> Connected:
        return await connect(self.account, self._pins, now=self._now, trace=self._trace)

    async def _until_in_step(self, mailbox: SyncedMailbox, inbox: Inbox) -> Report:
        arrived = changed = 0
        progress = Progress(self.account.name, inbox.report)
        result = PassResult(again=True)
        connected = await self._connect()
        notices = [*connected.notices]
        try:
            for _ in range(_PASSES):
                if not connected.usable:
                    connected = await self._connect()
                result = await mailbox.once(
                    connected.remote, inbox, on_plan=progress.begin, on_arrival=progress.arrived
                )
                arrived += result.arrived
                changed += result.here + result.there
                notices += result.notices
                if not result.again and result.again_in is None:
                    break
                if not result.again and result.again_in is not None:
                    await asyncio.sleep(min(result.again_in, _LONGEST_WAIT))
        finally:
            await connected.close()
        asking = tuple(folder.local for folder in result.asking)
        return Report(arrived, result.problems, changed, tuple(notices), asking)
