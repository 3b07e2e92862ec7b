"""The incoming side of a Misfin mailbox that is kept on somebody's server (docs/gmap.md)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.model.account import Account
from misfin.model.address import MisfinAddress
from misfin.post.fetching.syncsource import SyncSource
from misfin.post.sync.settings import SyncSettings

if TYPE_CHECKING:
    from misfin.post.gmap.remote import GmapRemote
    from misfin.store.seals import Seals
    from misfin.trust.identity import Identity
    from misfin.trust.pins import PinBook


@dataclass(frozen=True, slots=True)
class GmapServer:
    """Where a mailbox is: ``port`` 0 is the usual one.

    With ``trust_on_first_use`` off, a person has to look at its certificate first.
    """

    host: str
    port: int = 0
    trust_on_first_use: bool = True


@dataclass(slots=True)
class _Connected:
    """There is no lasting connection: every request has its own."""

    remote: GmapRemote
    notices: list[str] = field(default_factory=list)
    usable: bool = True

    async def close(self) -> None:
        """Nothing is open."""


class GmapSource(SyncSource):
    """A :class:`~misfin.post.source.Source` for one remote mailbox.

    ``identity`` loads the identity of the mailbox, in a thread; it may raise
    :class:`~misfin.errors.LocalError`. The rest is as for
    :class:`~misfin.post.fetching.syncsource.SyncSource`.
    """

    def __init__(
        self,
        account: Account,
        server: GmapServer,
        identity: Callable[[], Identity],
        folder: Path,
        mail: Path,
        pins: PinBook,
        seals: Seals,
        *,
        now: Callable[[], float] = time.time,
        quiet: Callable[[], Collection[str]] = tuple,
    ) -> None:
        super().__init__(account, folder, mail, now=now, quiet=quiet)
        self._directory = account.directory
        self._server = server
        self._identity = identity
        self._pins = pins
        self._seals = seals

    def _settings(self) -> SyncSettings:
        return SyncSettings(self._directory)

    async def _connect(self) -> _Connected:
        from misfin.gmap.client import GmapClient  # late: it brings TLS along
        from misfin.post.gmap.remote import GmapRemote
        from misfin.post.gmap.stamping import stamper

        identity = await asyncio.to_thread(self._identity)
        server = self._server
        client = GmapClient(
            server.host,
            server.port,
            identity,
            self._pins,
            trust_on_first_use=server.trust_on_first_use,
            now=self._now,
        )
        address = MisfinAddress.parse(self.account.address)
        return _Connected(GmapRemote(client, stamper(address, client.host, self._seals)))
