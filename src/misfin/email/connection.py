"""A connection to a mail server with asyncio: bytes both ways, with TLS at once or as soon as both agree.

For engines without I/O. Whoever drives one must forget what it knew before TLS.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.email.account import MailServer, Protection
from misfin.email.tlsfailures import tls_failure
from misfin.errors import ConnectError, DeliveryTimeoutError, RemoteProtocolError
from misfin.net.dialing import Endpoint, Lookup, dial

if TYPE_CHECKING:
    from misfin.net.head_start import HeadStart

_MAX_UNREAD = 256 * 1024  # bytes; the server is not read from while more wait to be looked at
_CLOSE_TIMEOUT = 2.0
_HEAD_START = 2.0  # seconds to wait for a connection that was begun before


def endpoint_of(server: MailServer) -> Endpoint:
    """The server as :mod:`misfin.net.dialing` names it."""
    return Endpoint(server.host, server.port)


class MailConnection(asyncio.Protocol):
    """One connection to one server. What fails is one of :class:`~misfin.errors.DeliveryError`'s kinds.

    ``timeout`` is in seconds, for connecting, for the handshake and for each read. ``begun`` is a connection
    to the server that is being made already.
    """

    def __init__(self, server: MailServer, *, timeout: float = 30.0, begun: HeadStart | None = None) -> None:
        self._begun = begun
        self._server = server
        self._endpoint = endpoint_of(server)
        self._timeout = timeout
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._eof = False
        self._news = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._gone = asyncio.Event()

    # ---- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there, or has TLS now."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._unread += data
        if len(self._unread) > _MAX_UNREAD and self._transport is not None:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> None:
        """Nothing more will come."""
        self._eof = True
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        self._eof = True
        self._news.set()
        self._may_write.set()
        self._gone.set()

    def pause_writing(self) -> None:
        """The server does not keep up with what we send."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._may_write.set()

    # ---- opening

    async def open(self, context: ssl.SSLContext) -> None:
        """Look the server up, connect, and begin TLS where the server wants it from the first byte.

        Raises :class:`~misfin.email.certificates.CertificateRefusedError`, without its certificate.
        """
        sock = await self._connected()
        _keep_alive(sock)
        at_once = self._server.protection is Protection.TLS
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.get_running_loop().create_connection(
                    lambda: self,
                    sock=sock,
                    ssl=context if at_once else None,
                    server_hostname=self._server.host if at_once else None,
                )
        except BaseException as error:
            sock.close()
            if (failure := tls_failure(error, self._endpoint, self._timeout)) is not None:
                raise failure from error
            raise

    async def _connected(self) -> socket.socket:
        begun, self._begun = self._begun, None
        if begun is not None and (begun.host, begun.port) == (self._server.host, self._server.port):
            sock = await asyncio.to_thread(begun.take, _HEAD_START)
            if sock is not None:
                return sock
        addresses = await Lookup(self._endpoint).addresses(self._timeout)
        return await dial(self._endpoint, addresses, self._timeout)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on over TLS; the server has just agreed to that. Raises as :meth:`open`."""
        assert self._transport is not None
        if self._unread:  # came in the clear behind the agreement: it must not count as come through TLS
            self.abort()
            raise RemoteProtocolError("The server sent more than its agreement to TLS.")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                transport = await loop.start_tls(
                    self._transport, self, context, server_hostname=self._server.host
                )
        except BaseException as error:
            self.abort()
            if (failure := tls_failure(error, self._endpoint, self._timeout)) is not None:
                raise failure from error
            raise
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @property
    def tls(self) -> str:
        """The version of TLS, as ``TLSv1.3``; empty without."""
        found = self._transport and self._transport.get_extra_info("ssl_object")
        return str(found.version() or "") if found else ""

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER), if there is TLS."""
        found = self._transport and self._transport.get_extra_info("ssl_object")
        der: bytes | None = found.getpeercert(binary_form=True) if found else None
        return der

    # ---- talking

    def write(self, data: bytes) -> None:
        """Send; nothing where the connection is gone: the next :meth:`read` reports it."""
        if data and self._transport is not None and not self._gone.is_set():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until there is room for more. Raises :class:`~misfin.errors.DeliveryTimeoutError`."""
        if self._may_write.is_set():
            return
        try:
            async with asyncio.timeout(self._timeout):
                await self._may_write.wait()
        except TimeoutError:
            raise self.late(self._timeout) from None

    async def read(self, timeout: float | None = None) -> bytes:
        """What has come; ``b""`` at the end. ``timeout`` instead of the connection's own, if it is given.

        Raises :class:`~misfin.errors.DeliveryTimeoutError`.
        """
        seconds = self._timeout if timeout is None else timeout
        if not self._unread and not self._eof:
            try:
                async with asyncio.timeout(seconds):
                    while not self._unread and not self._eof:
                        self._news.clear()
                        await self._news.wait()
            except TimeoutError:
                raise self.late(seconds) from None
        data = bytes(self._unread)
        self._unread.clear()
        if self._transport is not None and not self._eof:
            self._transport.resume_reading()
        return data

    @property
    def gone(self) -> bool:
        """Whether it is known to be over."""
        return self._eof

    def late(self, seconds: float) -> DeliveryTimeoutError:
        """The error for a server that says nothing for so long."""
        return DeliveryTimeoutError(
            f"{self._endpoint.name} did not answer within {seconds:g} seconds.", **self._endpoint.facts
        )

    def lost(self) -> ConnectError:
        """The error for a server that left in the middle."""
        return ConnectError(f"{self._endpoint.name} closed the connection.", **self._endpoint.facts)

    async def leave(self) -> None:
        """Close it as soon as what was written is on its way, without waiting for the other side."""
        if self._transport is not None and not self._gone.is_set():
            self._transport.set_write_buffer_limits(high=0)
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self._may_write.wait()
            self._transport.abort()

    async def close(self) -> None:
        """Close it; never longer than two seconds."""
        if self._transport is not None:
            self._transport.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self._gone.wait()
            self._transport.abort()

    def abort(self) -> None:
        """Cut it at once."""
        self._eof = True
        if self._transport is not None:
            self._transport.abort()


def _keep_alive(sock: socket.socket) -> None:
    """Have the system notice a server that vanished: within two minutes, or 30 s if it owes us something."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
