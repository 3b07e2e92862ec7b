"""The receiver: passes checked messages to a handler, and stops without losing any.

It knows nothing about Maildir or settings: a ``deliver`` callable stores messages, and a
:class:`~misfin.net.directory.Directory` says what is served (docs/decisions.md §1).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from misfin.net import budget
from misfin.net.directory import Directory
from misfin.net.exchange import Exchange
from misfin.net.figures import ReceiverFigures
from misfin.net.incoming import CheckResult, Checks, HandlerOutcome, Incoming, accepted
from misfin.net.limits import Admission, Limits, LimitSettings
from misfin.net.server import TlsServer
from misfin.net.server_tls import ServerTls
from misfin.net.service import ReceiverSettings

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Awaitable, Callable, Sequence

    from misfin.model.address import MisfinAddress
    from misfin.net.incoming import Handler
    from misfin.net.served import ServedConnection

__all__ = [
    "CheckResult",
    "Checks",
    "Directory",
    "HandlerOutcome",
    "Incoming",
    "LimitSettings",
    "Limits",
    "Receiver",
    "ReceiverSettings",
    "accepted",
]


class Receiver(TlsServer[Exchange]):
    """A Misfin server for the mailboxes of a directory.

    ``deliver`` is awaited once per message that passed the checks, on the event loop; its answer is sent to
    the sender. If it raises, the answer is 41. It must answer 20 only for a message that is safely stored.
    ``blocked`` says whether an address is blocked from writing here; it is called on the event loop and must
    be quick. ``outdated`` is called for each request before anything is decided about it: it returns None, or
    what to wait for because ``directory`` and ``blocked`` are about to change. ``now`` gives Unix seconds.
    ``figures`` are where it counts.

    One connection carries one message (docs/protocol.md §1.1): anything after it is ignored.
    """

    settings: ReceiverSettings

    def __init__(
        self,
        deliver: Handler,
        directory: Directory,
        settings: ReceiverSettings | None = None,
        *,
        limits: Limits[ServedConnection] | None = None,
        blocked: Callable[[MisfinAddress], bool] | None = None,
        outdated: Callable[[], Awaitable[None] | None] | None = None,
        now: Callable[[], float] = time.time,
        figures: ReceiverFigures | None = None,
    ) -> None:
        self.deliver = deliver
        settings = settings or ReceiverSettings()
        super().__init__(limits or Limits(LimitSettings(), allowed=_allowed()), settings, settings.proxy)
        self.blocked = blocked
        self.outdated = outdated
        self.now = now
        self.figures = figures or ReceiverFigures()
        self.use(directory)

    def use(self, directory: Directory) -> None:
        """Serve ``directory`` from now on; connections already open keep the certificate they saw.

        Raises :class:`~misfin.errors.IdentityError` for an identity TLS cannot use; the old directory then
        stays in use.
        """
        self.tls = ServerTls(directory.default, None if directory.shows_one else directory.certificate_for)
        self.directory = directory

    async def start(self, sockets: Sequence[socket.socket] | None = None) -> list[tuple[str, int]]:
        """Listen on every address of the settings, or on ``sockets``; see :meth:`TlsServer.listen_on`."""
        return await self.listen_on(self.settings.listen, sockets)

    def connection_from(self, address: str) -> Exchange | None:
        """See :meth:`TlsServer.connection_from`."""
        connection = super().connection_from(address)
        self.figures.open_now = self.connections
        return connection

    def closed(self, connection: ServedConnection) -> None:
        """See :meth:`TlsServer.closed`."""
        super().closed(connection)
        self.figures.open_now = self.connections

    def _note_admission(self, admission: Admission) -> None:
        self.figures.admitted(admission)

    def _new_connection(self, loop: asyncio.AbstractEventLoop, address: str) -> Exchange:
        return Exchange(self, loop, address)


def _allowed() -> int:
    return budget.connections_allowed(budget.file_limit(), budget.memory_limit())
