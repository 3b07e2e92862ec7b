"""The incoming side of an account kept in sync with a server: fetched once, or until told to stop."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from misfin.errors import MisfinError, StoreError
from misfin.post.fetching.connection import SyncConnection
from misfin.post.fetching.progress import Progress
from misfin.post.source import Inbox, Report, SourceState, SourceStatus
from misfin.post.sync.lock import AlreadySyncingError
from misfin.post.sync.settings import PassResult, SyncSettings

if TYPE_CHECKING:
    from misfin.post.fetching.mailbox import SyncedMailbox

_PASSES: Final = 100
"""Passes in a row for one fetch: each has to have done something."""
_ASK_AGAIN: Final = 5.0
"""Seconds after which to ask again for what another process holds."""
_LONGEST_WAIT: Final = 20.0
"""Seconds to wait for a decision that needs some time to pass."""


class Named(Protocol):
    """What an account is called."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def address(self) -> str:
        """Its address."""


class SyncSource(ABC):
    """A :class:`~misfin.post.source.Source` for one account; its kinds know how to connect.

    ``folder`` keeps what both sides had (docs/sync.md §3), ``mail`` is the directory of the account's mail.
    ``now`` is the wall clock. ``quiet`` says, before each pass and in a thread, which folders are to be left
    alone: those in which a person is writing.
    """

    def __init__(
        self,
        account: Named,
        folder: Path,
        mail: Path,
        *,
        now: Callable[[], float],
        quiet: Callable[[], Collection[str]],
    ) -> None:
        self.account = account
        self._folder = folder
        self._mail = mail
        self._now = now
        self._quiet = quiet
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
                quiet=self._quiet,
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
                return await asyncio.to_thread(self._open)
            except AlreadySyncingError as error:
                inbox.report(SourceStatus(self.account.name, SourceState.WAITING, str(error)))
            except StoreError as error:
                inbox.report(SourceStatus(self.account.name, SourceState.FAILED, f"not fetching: {error}"))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _ASK_AGAIN)
        return None

    async def once(self, inbox: Inbox) -> Report:
        """Fetch until both sides are in sync. Raises what connecting raises."""
        connecting = asyncio.create_task(self._connect())  # the server takes its time, and so do we
        try:
            mailbox = await asyncio.to_thread(self._open)
        except BaseException:
            connecting.cancel()
            with suppress(asyncio.CancelledError, MisfinError):
                await (await connecting).close()
            raise
        try:
            return await self._until_in_step(mailbox, inbox, await connecting)
        finally:
            await asyncio.to_thread(mailbox.close)

    def _open(self) -> SyncedMailbox:
        from misfin.post.fetching.mailbox import SyncedMailbox  # late: while the server answers

        return SyncedMailbox(self._folder, self.account.name, self._settings(), self._now)

    @abstractmethod
    async def _connect(self) -> SyncConnection:
        """Connect and learn what the server can do."""

    @abstractmethod
    def _settings(self) -> SyncSettings:
        """How the account is kept in sync. In a thread."""

    async def _until_in_step(self, mailbox: SyncedMailbox, inbox: Inbox, connected: SyncConnection) -> Report:
        arrived = changed = 0
        progress = Progress(self.account.name, inbox.report)
        result = PassResult(again=True)
        notices = [*connected.notices]
        try:
            for _ in range(_PASSES):
                if not connected.usable:
                    connected = await self._connect()
                result = await mailbox.once(
                    connected.remote,
                    inbox,
                    quiet=await asyncio.to_thread(self._quiet),
                    on_plan=progress.begin,
                    on_arrival=progress.arrived,
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
