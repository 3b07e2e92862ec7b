"""The incoming side of an e-mail account."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.email.account import EmailAccount
from misfin.post.fetching.connecting import Connected, connect
from misfin.post.fetching.syncsource import SyncSource

if TYPE_CHECKING:
    from misfin.email.mailline import Trace
    from misfin.net.head_start import HeadStart
    from misfin.post.sync.settings import SyncSettings
    from misfin.trust.pins import PinBook


class EmailSource(SyncSource):
    """A :class:`~misfin.post.source.Source` for one e-mail account.

    ``folder``, ``mail``, ``now`` and ``quiet`` as for :class:`~misfin.post.fetching.syncsource.SyncSource`.
    ``trace`` gets what is said with the server, without secrets and messages. ``begun`` is a connection to
    the server that is being made already.
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
        begun: HeadStart | None = None,
        quiet: Callable[[], Collection[str]] = tuple,
    ) -> None:
        super().__init__(account, folder, mail, now=now, quiet=quiet)
        self._email = account
        self._begun = begun
        self._pins = pins
        self._trace = trace

    def _settings(self) -> SyncSettings:
        from misfin.post.fetching.mailbox import settings_of  # late: while the server answers

        return settings_of(self._email)

    async def _connect(self) -> Connected:
        begun, self._begun = self._begun, None
        return await connect(self._email, self._pins, now=self._now, trace=self._trace, begun=begun)
