"""An account's local mail and its sync state, opened by one process at a time, which runs the passes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from misfin.email.account import EmailAccount, period_days
from misfin.errors import StoreError
from misfin.post.source import Inbox
from misfin.post.sync.lock import SyncLock
from misfin.post.sync.passes import run_pass
from misfin.post.sync.remote import Remote
from misfin.post.sync.settings import PassResult, SyncMemory, SyncSettings
from misfin.post.sync.state import SyncState, is_damaged, open_state

_DAY: Final = 86400.0


def settings_of(account: EmailAccount) -> SyncSettings:
    """How an account is kept in sync, from its settings."""
    return SyncSettings(
        account.name,
        keep=_seconds(account.keep),
        keep_folders={folder: _seconds(period) for folder, period in account.keep_folders},
        fetch_up_to=account.fetch_up_to,
        leave=0.0 if account.pop3_leave == "delete" else _seconds(account.pop3_leave),
    )


def _seconds(period: str) -> float | None:
    days = period_days(period)
    return None if days is None else days * _DAY


class SyncedMailbox:
    """The local half of the account ``name``, while this process keeps it in sync.

    Opening takes the account's lock; raises :class:`~misfin.post.sync.lock.AlreadySyncingError` and
    :class:`~misfin.errors.StoreError`. Blocks; the passes do not.
    """

    def __init__(
        self, folder: Path, name: str, settings: SyncSettings, now: Callable[[], float] = time.time
    ) -> None:
        self.name = name
        self.settings = settings
        self.memory = SyncMemory()
        self._now = now
        self._path = folder / f"{name}.db"
        self._lock = SyncLock(folder, name)
        try:
            self.state: SyncState = open_state(self._path, now())
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the state and give the lock back."""
        self.state.close()
        self._lock.release()

    async def once(
        self,
        remote: Remote,
        inbox: Inbox,
        *,
        only: Collection[bytes] | None = None,
        quiet: Collection[str] = (),
        on_plan: Callable[[int], object] = lambda _count: None,
        on_arrival: Callable[[int], object] = lambda _count: None,
    ) -> PassResult:
        """One pass. Raises :class:`~misfin.errors.RemoteError` and :class:`~misfin.errors.StoreError`.

        A state that turns out to be damaged is put aside and built again by the next pass, which is at once.
        """
        try:
            return await run_pass(
                remote,
                self.state,
                inbox,
                self.settings,
                self.memory,
                only=only,
                quiet=quiet,
                now=self._now,
                on_plan=on_plan,
                on_arrival=on_arrival,
            )
        except StoreError as error:
            if not is_damaged(error):
                raise
            await asyncio.to_thread(self._renew)
            return PassResult(again=True)

    def _renew(self) -> None:
        self.state.close()
        self.state = open_state(self._path, self._now(), damaged=True)
