"""The loop of a server: listens, gives every network its share, and stops without cutting anybody off."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from misfin.net.accepted import AcceptedTransport
from misfin.net.limits import Admission
from misfin.net.listening import Listener, listen
from misfin.net.served import ServedConnection, logger

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Iterable

    from misfin.net.limits import Limits
    from misfin.net.proxy import ProxyGate, ProxyTrust
    from misfin.net.served import ServingTimes
    from misfin.net.server_tls import ServerTls

ConnectionT = TypeVar("ConnectionT", bound=ServedConnection)


class TlsServer(ABC, Generic[ConnectionT]):
    """What accepts connections and keeps count of them; for one event loop.

    ``tls`` may be replaced at any time; connections keep what they began with. ``proxy`` are balancers that
    say whose connections they pass on (proxy.py).
    """

    tls: ServerTls
    settings: ServingTimes

    def __init__(
        self,
        limits: Limits[ServedConnection],
        settings: ServingTimes,
        proxy: ProxyTrust | None = None,
    ) -> None:
        self.limits = limits
        self.settings = settings
        self._proxy = proxy
        self._gate: ProxyGate | None = None
        self._listeners: list[Listener] = []
        self._connections: set[ServedConnection] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @abstractmethod
    def _new_connection(self, loop: asyncio.AbstractEventLoop, address: str) -> ConnectionT:
        """The protocol object for a connection from an IP address."""

    def _note_admission(self, admission: Admission) -> None:
        """Count a connection; nothing is counted where nobody looks."""

    async def listen_on(
        self, addresses: Iterable[tuple[str, int]], sockets: Iterable[socket.socket] | None = None
    ) -> list[tuple[str, int]]:
        """Listen on every address; returns the (host, port) pairs actually bound.

        ``sockets`` listen already (:func:`~misfin.net.listening.listen`) and are closed in the end; the
        addresses are then not used. Raises :class:`~misfin.errors.ListenError`, and then listens on none of
        them.
        """
        loop = self._running_loop()
        take: Callable[[socket.socket, str], None] = self._take
        if self._proxy is not None:
            from misfin.net.proxy import ProxyGate  # late: few servers are behind a balancer

            take = self._gate = ProxyGate(self._proxy, loop, take)
        for each in await listen(addresses) if sockets is None else sockets:
            self._listeners.append(Listener(each, loop, take, self._make_room))
        return [listener.address for listener in self._listeners]

    async def stop(self) -> None:
        """Stop listening, finish requests in progress and close the rest. Returns when nothing is left.

        Waits up to ``stop_timeout`` for requests whose handler is running, so that they get an answer.
        """
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._gate is not None:
            self._gate.close()
        if self.settings.grace:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.settings.grace):
                    await self._rest()
        for connection in tuple(self._connections):
            connection.stop()
        try:
            async with asyncio.timeout(self.settings.stop_timeout):
                await self._rest()
        except TimeoutError:
            logger.warning("%d connections did not close in time.", len(self._connections))
        for task in self._work:
            task.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        if self._work:
            await asyncio.wait(self._work)

    async def _rest(self) -> None:
        """Wait until no connection is left, and no request is being answered."""
        while self._connections or self._work:
            self._quiet.clear()
            await self._quiet.wait()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    # ---- for connections --------------------------------------------------------------------------

    def connection_from(self, address: str) -> ConnectionT | None:
        """The protocol object for a new connection from ``address``; None if it must be closed at once.

        Another connection may be closed to make room for it.
        """
        loop = self._running_loop()
        connection = self._new_connection(loop, address)
        connection.admission, gives_way = self.limits.admit(connection, address, loop.time())
        self._note_admission(connection.admission)
        if gives_way is not None:
            gives_way.give_way()
        if connection.admission is Admission.REFUSE:
            return None
        self._connections.add(connection)
        return connection

    def closed(self, connection: ServedConnection) -> None:
        """Note that a connection has ended."""
        self.limits.left(connection)
        self._connections.discard(connection)
        self._quiet.set()

    def spawn(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run the handler of one request; it is not cancelled if the client disconnects."""
        self._work.add(self._running_loop().create_task(self._run(work)))

    # A task leaves the set itself: a callback would cost one more turn of the event loop.

    async def _run(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        finally:
            task = asyncio.current_task(self._loop)
            if task is not None:
                self._work.discard(task)
            self._quiet.set()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of this server; asyncio's own function makes a system call each time."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _take(self, stream: socket.socket, address: str) -> None:
        connection = self.connection_from(address)
        if connection is None:
            stream.close()
            return
        try:
            AcceptedTransport(self._running_loop(), stream, connection)
        except OSError:  # the system cannot watch another one
            stream.close()
            connection.connection_lost(None)

    def _make_room(self) -> None:
        gives_way = self.limits.make_room()
        if gives_way is not None:
            gives_way.give_way()
