"""PROXY protocol, version 2: what a balancer says of a connection before its first byte, and who may say it.

Only connections from trusted addresses are asked for it, and from them it is required: without it, or with
anything else in its place, the connection is closed. All others are served as they come. Exactly the header
is read from the socket, so TLS finds its first byte where it should be.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from misfin.errors import RemoteProtocolError

logger = logging.getLogger("misfin.receiver")

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Take = Callable[[socket.socket, str], None]
"""What serves a connection, given its socket and the IP address of the other side."""

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
FIXED: Final = 16
"""Bytes up to where the addresses begin."""
MAX_HEADER: Final = 4096
"""Bytes of a whole header: addresses have 36, and what balancers add some hundred."""
MAX_WAITING: Final = 64
"""Connections whose header has not come yet; for another one, the oldest is closed."""
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESSES: Final = {0x11: 4, 0x21: 16}
"""TCP over IPv4 and IPv6: bytes of one address. Two addresses and two ports follow each other."""
_NO_ADDRESS: Final = frozenset({0x00, 0x31})
"""Unspecified, and Unix sockets: the connection counts as the balancer's own."""


@dataclass(frozen=True, slots=True)
class ProxyTrust:
    """Which addresses are those of balancers, and how many seconds their header may take."""

    sources: tuple[Network, ...]
    timeout: float = 5.0

    def covers(self, address: str) -> bool:
        """Whether a connection from this IP address has to begin with a header."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:  # a Unix socket
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in each for each in self.sources)


def missing(data: bytes) -> int:
    """How many bytes of a header are still to come, as far as is known; 0 once it is whole.

    Raises :class:`~misfin.errors.RemoteProtocolError` as soon as it cannot be one that is understood here.
    """
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise RemoteProtocolError("it does not begin with a PROXY header of version 2")
    if len(data) < FIXED:
        return FIXED - len(data)
    if data[12] not in (_LOCAL, _PROXY):
        raise RemoteProtocolError("its PROXY header has an unknown version or command")
    length = int.from_bytes(data[14:16], "big")
    if FIXED + length > MAX_HEADER:
        raise RemoteProtocolError(f"its PROXY header has over {MAX_HEADER} bytes")
    return FIXED + length - len(data)


def source_of(header: bytes) -> str | None:
    """The IP address that a whole header names; None if it names none, because it is the balancer's own.

    Raises :class:`~misfin.errors.RemoteProtocolError` for a header that makes no sense here.
    """
    if header[12] == _LOCAL or header[13] in _NO_ADDRESS:
        return None
    size = _ADDRESSES.get(header[13])
    if size is None:
        raise RemoteProtocolError("its PROXY header is not about a TCP connection")
    if len(header) < FIXED + 2 * size + 4:
        raise RemoteProtocolError("its PROXY header ends before its addresses do")
    return str(ipaddress.ip_address(header[FIXED : FIXED + size]))


class ProxyGate:
    """Stands between a :class:`~misfin.net.listening.Listener` and ``take``; for one event loop."""

    def __init__(self, trust: ProxyTrust, loop: asyncio.AbstractEventLoop, take: Take) -> None:
        self._trust = trust
        self._loop = loop
        self._take = take
        self._waiting: dict[_Waiting, None] = {}

    def __call__(self, connection: socket.socket, address: str) -> None:
        """Serve a connection that was accepted, once it is known whose it is."""
        if not self._trust.covers(address):
            self._take(connection, address)
            return
        connection.setblocking(False)
        waiting = _Waiting(connection, address)
        if self._read(waiting):  # a balancer sends it with the first packet
            return
        if len(self._waiting) >= MAX_WAITING:
            self._refuse(next(iter(self._waiting)), "others came meanwhile")
        waiting.timer = self._loop.call_later(
            self._trust.timeout, self._refuse, waiting, "its PROXY header took too long"
        )
        self._waiting[waiting] = None
        self._loop.add_reader(connection, self._read, waiting)

    def close(self) -> None:
        """Close what has not said yet whose it is."""
        for waiting in tuple(self._waiting):
            self._leave(waiting)
            waiting.connection.close()

    def _read(self, waiting: _Waiting) -> bool:
        """Take what has come; False if it has to wait for more."""
        try:
            while wanted := missing(waiting.data):
                data = waiting.connection.recv(wanted)
                if not data:
                    raise ConnectionResetError("it ended before its PROXY header did")
                waiting.data += data
            source = source_of(waiting.data)
        except (BlockingIOError, InterruptedError):
            return False
        except (OSError, RemoteProtocolError) as error:
            self._refuse(waiting, str(error))
            return True
        self._leave(waiting)
        self._take(waiting.connection, source or waiting.address)
        return True

    def _refuse(self, waiting: _Waiting, why: str) -> None:
        self._leave(waiting)
        waiting.connection.close()
        if waiting.data or "took" in why:  # a health check connects and says nothing
            logger.warning("A connection from the balancer %s was closed: %s.", waiting.address, why)

    def _leave(self, waiting: _Waiting) -> None:
        self._waiting.pop(waiting, None)
        self._loop.remove_reader(waiting.connection)
        if waiting.timer is not None:
            waiting.timer.cancel()


class _Waiting:
    """A connection whose header is still to come."""

    def __init__(self, connection: socket.socket, address: str) -> None:
        self.connection = connection
        self.address = address
        self.data = b""
        self.timer: asyncio.TimerHandle | None = None
