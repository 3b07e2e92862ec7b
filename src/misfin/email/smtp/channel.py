"""A connection to a mail server and the machine that speaks over it: asyncio's half of the work."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from misfin.email.smtp.errors import SMTPCertificateError, SMTPConnectionLost, SMTPRemoteViolation
from misfin.email.smtp.protocol import SMTPClientProtocol
from misfin.email.smtp.response import SMTPResponse
from misfin.email.smtp.states import ClientState
from misfin.email.tlsfailures import tls_failure
from misfin.net.dialing import Endpoint

_MAX_UNREAD = 256 * 1024  # bytes; the server is not read from while more wait to be looked at
_CLOSE_TIMEOUT = 2.0


class Channel(asyncio.Protocol):
    """One connection, with its :class:`~misfin.email.smtp.protocol.SMTPClientProtocol`.

    What goes wrong on the way is a :class:`~misfin.email.smtp.errors.SMTPConnectionLost`; what is not SMTP a
    :class:`~misfin.email.smtp.errors.SMTPRemoteViolation`. The connection is of no use after either.
    """

    def __init__(
        self, endpoint: Endpoint, *, lmtp: bool = False, trace: Callable[[str], None] | None = None
    ) -> None:
        self.smtp = SMTPClientProtocol(lmtp=lmtp, trace=trace)
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._eof = False
        self._error: Exception | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._news = asyncio.Event()
        self._gone = asyncio.Event()

    # ---- what asyncio calls ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > _MAX_UNREAD and self._transport is not None:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._eof = True
        self._news.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._eof = True
        self._error = exc
        self._news.set()
        self._may_write.set()
        self._gone.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    # ---- opening and closing ---------------------------------------------------------------------

    async def open(self, sock: socket.socket, context: ssl.SSLContext | None, timeout: float) -> None:
        """Begin on a connected socket, which is ours from now on; with TLS at once if there is a context."""
        loop = asyncio.get_running_loop()
        hostname = self._endpoint.hostname.strip("[]") if context else None
        try:
            async with asyncio.timeout(timeout):
                await loop.create_connection(lambda: self, sock=sock, ssl=context, server_hostname=hostname)
        except BaseException as error:
            sock.close()
            if (failure := tls_failure(error, self._endpoint, timeout, SMTPCertificateError)) is not None:
                raise failure from error
            raise

    async def start_tls(self, context: ssl.SSLContext, timeout: float) -> None:
        """Go on over TLS; the server has just agreed to that."""
        assert self._transport is not None
        if self._unread:  # came in the clear after the answer: it must not count as come through TLS
            raise SMTPRemoteViolation("The server sent more than its answer to STARTTLS.")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(
                    self._transport, self, context, server_hostname=self._endpoint.hostname.strip("[]")
                )
        except BaseException as error:
            self.abort()
            if (failure := tls_failure(error, self._endpoint, timeout, SMTPCertificateError)) is not None:
                raise failure from error
            raise
        assert transport is not None
        self._transport = transport

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER), if there is TLS."""
        found = self._transport and self._transport.get_extra_info("ssl_object")
        der: bytes | None = found.getpeercert(binary_form=True) if found else None
        return der

    async def close(self, timeout: float) -> None:
        """Say goodbye if nothing is under way, and close; never longer than ``timeout`` and a little."""
        if self.usable():
            self.smtp.quit()
            with suppress(SMTPConnectionLost, SMTPRemoteViolation):
                await self.flush(timeout)
                await self.response(timeout)
        if self._transport is not None:
            self._transport.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self._gone.wait()
            self._transport.abort()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    # ---- talking ---------------------------------------------------------------------------------

    def usable(self) -> bool:
        """Whether a command can be sent now: nothing is under way, and the server has not left meanwhile."""
        with suppress(SMTPRemoteViolation):
            self.smtp.feed_bytes(self._take())
        return not self._eof and self.smtp.idle

    async def call(self, method: Callable[..., None], *args: object, timeout: float) -> SMTPResponse:
        """Call a method of the machine, send what it queued, and wait for the response."""
        self.interrupted()
        method(*args)
        await self.flush(timeout)
        return await self.response(timeout)

    async def flush(self, timeout: float) -> None:
        """Write what the machine has queued, and wait until there is room for more."""
        data = self.smtp.get_outgoing_data()
        if not data:
            return
        if self._transport is None or self._gone.is_set():
            raise self._lost()
        self._transport.write(data)
        if self._may_write.is_set():
            return
        try:
            async with asyncio.timeout(timeout):
                await self._may_write.wait()
        except TimeoutError:
            raise SMTPConnectionLost(f"{self._endpoint.name} took nothing for {timeout:g} seconds.") from None

    async def response(self, timeout: float) -> SMTPResponse:
        """The next response."""
        response = self.smtp.feed_bytes(self._take())
        if response is not None:
            return response
        try:
            async with asyncio.timeout(timeout):
                while response is None:
                    if self.smtp.state is ClientState.finished:
                        raise self._lost()
                    await self.flush(timeout)  # a reply can queue a command: EHLO refused, HELO follows
                    await self._wait()
                    response = self.smtp.feed_bytes(self._take())
        except TimeoutError:
            raise SMTPConnectionLost(
                f"{self._endpoint.name} did not answer within {timeout:g} seconds."
            ) from None
        return response

    def interrupted(self) -> SMTPResponse | None:
        """What the server has said without being asked: its goodbye, or None.

        For whenever no answer is awaited. Raises where it said something else, or left.
        """
        response = self.smtp.feed_bytes(self._take())
        if response is None and self._eof:
            raise self._lost()
        return response

    def _take(self) -> bytes:
        data = bytes(self._unread)
        if data:
            self._unread.clear()
            if self._transport is not None and not self._eof:
                self._transport.resume_reading()
        return data

    async def _wait(self) -> None:
        """Until something has come. Raises when nothing more can."""
        while not self._unread:
            if self._eof:
                with suppress(SMTPConnectionLost):
                    self.smtp.receive_eof()
                raise self._lost()
            self._news.clear()
            await self._news.wait()

    def _lost(self) -> SMTPConnectionLost:
        lost = SMTPConnectionLost(f"{self._endpoint.name} closed the connection.")
        lost.__cause__ = self._error
        return lost
