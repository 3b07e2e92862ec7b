"""The receiver: listens, passes checked messages to a handler, and stops without losing any.

It knows nothing about Maildir or settings: a ``deliver`` callable stores messages, and a
:class:`~misfin.net.directory.Directory` says what is served (docs/decisions.md §1).
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from typing import TYPE_CHECKING

from misfin.errors import ListenError
from misfin.net import budget
from misfin.net.directory import Directory
from misfin.net.exchange import Exchange, logger
from misfin.net.incoming import CheckResult, Checks, HandlerOutcome, Incoming, accepted
from misfin.net.limits import Admission, Limits, LimitSettings
from misfin.net.listening import Listener
from misfin.net.service import ReceiverSettings, ServedConnection
from misfin.net.tls import ServerTls

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from misfin.model.address import MisfinAddress
    from misfin.net.incoming import Handler

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

_BACKLOG = 512
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class Receiver:
    """A Misfin server for the mailboxes of a directory.

    ``deliver`` is awaited once per message that passed the checks, on the event loop; its answer is sent to
    the sender. If it raises, the answer is 41. It must answer 20 only for a message that is safely stored.
    ``blocked`` says whether an address is blocked from writing here; it is called on the event loop and must
    be quick. ``now`` gives Unix seconds.

    One connection carries one message (docs/protocol.md §1.1): anything after it is ignored.
    """

    def __init__(
        self,
        deliver: Handler,
        directory: Directory,
        settings: ReceiverSettings | None = None,
        *,
        limits: Limits[ServedConnection] | None = None,
        blocked: Callable[[MisfinAddress], bool] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.deliver = deliver
        self.settings = settings or ReceiverSettings()
        self.limits: Limits[ServedConnection] = limits or Limits(LimitSettings(), allowed=_allowed())
        self.blocked = blocked
        self.now = now
        self._listeners: list[Listener] = []
        self._connections: set[ServedConnection] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._beginning: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.use(directory)

    def use(self, directory: Directory) -> None:
        """Serve ``directory`` from now on; connections already open keep the certificate they saw.

        Raises :class:`~misfin.errors.IdentityError` for an identity TLS cannot use; the old directory then
        stays in use.
        """
        self.tls = ServerTls(directory.default, None if directory.shows_one else directory.certificate_for)
        self.directory = directory

    async def start(self) -> list[tuple[str, int]]:
        """Listen on every address of the settings; returns the (host, port) pairs actually bound.

        ``::`` may fail on a machine without IPv6 as long as there is another address. Raises
        :class:`~misfin.errors.ListenError`, and then listens on none of them.
        """
        loop = self._running_loop()
        missing: ListenError | None = None
        try:
            for host, port in self.settings.listen:
                try:
                    found = await _bind(loop, host, port)
                except (OSError, OverflowError) as error:
                    missing = ListenError(host, port, error)
                    if host != "::" or getattr(error, "errno", None) not in _NO_IPV6:
                        raise missing from error
                    logger.info("%s", missing)
                else:
                    for each in found:
                        self._listeners.append(Listener(each, loop, self._take, self._make_room))
            if missing is not None and not self._listeners:
                raise missing
        except BaseException:
            self._close_listeners()
            raise
        return [listener.address for listener in self._listeners]

    async def stop(self) -> None:
        """Stop listening, finish messages in progress and close the rest. Returns when nothing is left.

        Waits up to ``stop_timeout`` for messages whose handler is running, so that senders get an answer.
        """
        self._close_listeners()
        for connection in tuple(self._connections):
            connection.stop()
        try:
            async with asyncio.timeout(self.settings.stop_timeout):
                while self._connections or self._work:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            logger.warning("%d connections did not close in time.", len(self._connections))
        for task in self._work:
            task.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        if self._work:
            await asyncio.wait(self._work)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    # ---- for exchanges ----------------------------------------------------------------------------

    def exchange_with(self, address: str) -> Exchange | None:
        """The protocol object for a new connection from ``address``; None if it must be closed at once.

        Another connection may be closed to make room for it.
        """
        loop = self._running_loop()
        exchange = Exchange(self, loop, address)
        exchange.admission, gives_way = self.limits.admit(exchange, address, loop.time())
        if gives_way is not None:
            gives_way.give_way()
        if exchange.admission is Admission.REFUSE:
            return None
        self._connections.add(exchange)
        return exchange

    def closed(self, connection: ServedConnection) -> None:
        """Note that a connection has ended."""
        self.limits.left(connection)
        self._connections.discard(connection)
        self._quiet.set()

    def spawn(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run the handler of one message; it is not cancelled if the sender disconnects."""
        self._work.add(self._running_loop().create_task(self._run(work)))

    # Tasks leave their set themselves: a callback would cost one more turn of the event loop each.

    async def _run(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        finally:
            self._leave(self._work)
            self._quiet.set()

    async def _begin(self, exchange: Exchange, connection: socket.socket) -> None:
        try:
            await self._running_loop().connect_accepted_socket(lambda: exchange, connection)
        except OSError:  # it ended before it began
            connection.close()
            exchange.connection_lost(None)
        finally:
            self._leave(self._beginning)

    def _leave(self, tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.current_task(self._loop)
        if task is not None:
            tasks.discard(task)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of this receiver; asyncio's own function makes a system call each time."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _take(self, connection: socket.socket, address: str) -> None:
        exchange = self.exchange_with(address)
        if exchange is None:
            connection.close()
            return
        self._beginning.add(self._running_loop().create_task(self._begin(exchange, connection)))

    def _make_room(self) -> None:
        gives_way = self.limits.make_room()
        if gives_way is not None:
            gives_way.give_way()

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


async def _bind(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of a host. Raises as :meth:`asyncio.loop.create_server` does."""
    server = await loop.create_server(asyncio.Protocol, host or None, port, start_serving=False)
    try:
        sockets = [each.dup() for each in server.sockets]
        try:
            for each in sockets:
                each.listen(_BACKLOG)
        except BaseException:
            for each in sockets:
                each.close()
            raise
        return sockets
    finally:
        server.close()


def _allowed() -> int:
    return budget.connections_allowed(budget.file_limit(), budget.memory_limit())
