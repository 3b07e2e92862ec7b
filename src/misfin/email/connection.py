"""A connection to a mail server with asyncio: bytes both ways, with TLS at once or as soon as both agree.

For engines without I/O. Whoever drives one must forget what it knew before TLS.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from misfin.email.account import MailServer, Protection
from misfin.email.certificates import CertificateRefusedError, problem_of
from misfin.errors import ConnectError, DeliveryTimeoutError, HandshakeError, RemoteProtocolError
from misfin.net.dialing import Endpoint, Lookup, dial

_MAX_UNREAD = 256 * 1024  # bytes; the server is not read from while more wait to be looked at
_CLOSE_TIMEOUT = 2.0


def endpoint_of(server: MailServer) -> Endpoint:
    """The server as :mod:`misfin.net.dialing` names it."""
    return Endpoint(server.host, server.port)


class MailConnection(asyncio.Protocol):
    """One connection to one server. What fails is one of :class:`~misfin.errors.DeliveryError`'s kinds.

    ``timeout`` is in seconds, for connecting, for the handshake and for each read.
    """

    def __init__(self, server: MailServer, *, timeout: float = 30.0) -> None:
        self._server = server
        self._endpoint = endpoint_of(server)
        self._timeout = timeout
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._eof = False
        self._news = asyncio.Event()
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
        self._gone.set()

    # ---- opening

    async def open(self, context: ssl.SSLContext) -> None:
        """Look the server up, connect, and begin TLS where the server wants it from the first byte.

        Raises :class:`~misfin.email.certificates.CertificateRefusedError`, without its certificate.
        """
        addresses = await Lookup(self._endpoint).addresses(self._timeout)
        sock = await dial(self._endpoint, addresses, self._timeout)
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
            raise self._meant(error) from error

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
            raise self._meant(error) from error
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def _meant(self, error: BaseException) -> BaseException:
        facts, name = self._endpoint.facts, self._endpoint.name
        match error:
            case TimeoutError():
                text = f"{name} did not complete the TLS handshake within {self._timeout:g} seconds."
                return DeliveryTimeoutError(text, **facts)
            case ssl.SSLCertVerificationError():
                return CertificateRefusedError(problem_of(error.verify_code), error.verify_message, **facts)
            case OSError():
                return HandshakeError(f"There is no TLS connection to {name}.", **facts)
        return error

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

    async def read(self) -> bytes:
        """What has come; ``b""`` at the end. Raises :class:`~misfin.errors.DeliveryTimeoutError`."""
        try:
            async with asyncio.timeout(self._timeout):
                while not self._unread and not self._eof:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise DeliveryTimeoutError(
                f"{self._endpoint.name} did not answer within {self._timeout:g} seconds.",
                **self._endpoint.facts,
            ) from None
        data = bytes(self._unread)
        self._unread.clear()
        if self._transport is not None and not self._eof:
            self._transport.resume_reading()
        return data

    def lost(self) -> ConnectError:
        """The error for a server that left in the middle."""
        return ConnectError(f"{self._endpoint.name} closed the connection.", **self._endpoint.facts)

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
        if self._transport is not None:
            self._transport.abort()
