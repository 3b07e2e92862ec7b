"""A mailbox on somebody's server: each request is a Gemini request on a connection of its own.

The server's certificate is judged before a byte of the request or our certificate is sent
(:func:`misfin.net.connection.open_trusted`), and our certificate goes to the configured host and port only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from misfin.errors import ConnectError, HandshakeError, RemoteProtocolError
from misfin.gmap import requests
from misfin.gmap.errors import (
    GmapError,
    GmapTimeoutError,
    MovedElsewhereError,
    NoSuchMessageError,
    NotForUsError,
    SlowDownError,
)
from misfin.gmap.gemini import GeminiBody, GeminiClient, GeminiEnd, GeminiHeader, GeminiRequest
from misfin.gmap.gemini.response import MAX_HEADER
from misfin.model.address import normal_hostname
from misfin.model.safetext import plain
from misfin.model.status import delay_of
from misfin.net.connection import open_trusted
from misfin.net.dialing import Endpoint, Timeouts

if TYPE_CHECKING:
    from misfin.net.connection import Connection
    from misfin.net.tls import TlsResumption
    from misfin.trust.identity import Identity
    from misfin.trust.pins import PinBook

DEFAULT_PORT: Final = 1958
OTHER_PORT: Final = 1960
"""Where servers listen that answer 59 on :data:`DEFAULT_PORT`, because only Misfin is spoken there."""
MAX_CONNECTIONS: Final = 4
TIMEOUT: Final = 15.0
"""Seconds for each phase of a request; the answer may take so long in all."""
_MAX_WORDS: Final = 64 * 1024
"""Bytes of an answer that is only looked at for its status."""
_BAD_REQUEST: Final = 59


class GmapClient:
    """One mailbox, opened with the key and certificate of ``identity``.

    ``port`` 0 is the default port, and :data:`OTHER_PORT` if that one answers 59. ``connect`` is where to
    connect instead of the host's own address. With ``trust_on_first_use`` off, a server that nobody has met
    is refused until a person has looked at its certificate. ``now`` is the clock (Unix seconds) by which
    certificates are judged. At most :data:`MAX_CONNECTIONS` requests are under way at once; others wait.

    Every request raises what :func:`~misfin.net.connection.open_trusted` raises,
    :class:`~misfin.errors.RemoteProtocolError` for an answer that cannot be used, and
    :class:`~misfin.gmap.errors.GmapError` and its kinds for one that says no. For one event loop.
    """

    def __init__(
        self,
        host: str,
        port: int,
        identity: Identity,
        pins: PinBook,
        *,
        connect: tuple[str, int] | None = None,
        timeout: float = TIMEOUT,
        trust_on_first_use: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.host = normal_hostname(host)
        self.port = port or DEFAULT_PORT
        self.requests = 0
        """How many requests were made."""
        self._may_change_port = not port
        self._identity = identity
        self._pins = pins
        self._connect = connect
        self._timeout = timeout
        self._trust_on_first_use = trust_on_first_use
        self._now = now
        self._resume: tuple[int, TlsResumption] | None = None
        self._may_resume = True
        self._free = asyncio.Semaphore(MAX_CONNECTIONS)

    # ---- what can be asked

    async def ids(self, tag: str = "", since: datetime | None = None) -> list[str]:
        """The ids of the messages with a tag, in no particular order; without a tag of all but the trash.

        An unknown tag has none. ``since``: only those received at or after that time.
        """
        data = await self._fetch(requests.list_path(tag, since), None, requests.MAX_LIST)
        return requests.read_ids(data)

    async def message(self, message: str) -> bytes:
        """A message as it was received: gemmail with its metadata.

        Raises :class:`~misfin.gmap.errors.NoSuchMessageError` for one that is not there (any more), and
        :class:`~misfin.gmap.errors.GmapError` with status 40 for one the server keeps encrypted.
        """
        return await self._fetch(requests.message_path(message), None, requests.MAX_MESSAGE)

    async def tag(self, message: str, tag: str) -> None:
        """Add a tag, which the message may have already; raises NoSuchMessageError."""
        await self._fetch(requests.tag_path(tag), requests.query_of(message), _MAX_WORDS)

    async def untag(self, message: str, tag: str) -> None:
        """Remove a tag, which the message need not have; raises NoSuchMessageError."""
        await self._fetch(requests.untag_path(tag), requests.query_of(message), _MAX_WORDS)

    async def delete(self, message: str) -> None:
        """Delete a message for good, which must be tagged Trash; raises NoSuchMessageError otherwise, too."""
        await self._fetch(requests.DELETE, requests.query_of(message), _MAX_WORDS)

    # ---- one request

    async def _fetch(self, path: str, query: str | None, limit: int) -> bytes:
        async with self._free:
            header, body = await self._ask(path, query, limit, self.port)
            if header.status == _BAD_REQUEST and self._may_change_port and self.port == DEFAULT_PORT:
                other = await self._ask(path, query, limit, OTHER_PORT)
                if other[0].status != _BAD_REQUEST:
                    self.port = OTHER_PORT
                    header, body = other
            if header.status // 10 == 2:
                self._may_change_port = False
        if header.status // 10 != 2:
            raise self._refusal(header)
        if not header.media_type.startswith("text/"):
            raise RemoteProtocolError(f"{self.host} answered with {plain(header.media_type, one_line=True)}.")
        return _in_utf8(body, header.charset)

    async def _ask(self, path: str, query: str | None, limit: int, port: int) -> tuple[GeminiHeader, bytes]:
        engine = GeminiClient(max_body=limit)
        engine.send_request(GeminiRequest(self.host, port, path, query))
        self.requests += 1
        connection = await self._connected(port, limit + MAX_HEADER + 1)
        header, body = None, bytearray()
        try:
            async with asyncio.timeout(self._timeout):
                connection.send(engine.get_outgoing_data())
                while True:
                    data = await connection.receive()
                    whole = not connection.cut_off
                    for event in engine.feed_bytes(data) if data else engine.receive_eof(complete=whole):
                        match event:
                            case GeminiHeader():
                                header = event
                            case GeminiBody():
                                body += event.data
                            case GeminiEnd():
                                assert header is not None
                                if self._may_resume and (found := connection.resumption) is not None:
                                    self._resume = (port, found)
                                return header, bytes(body)
        except TimeoutError:
            raise GmapTimeoutError(
                f"{self.host}:{port} did not answer within {self._timeout:g} seconds."
            ) from None
        finally:
            await connection.close()

    async def _connected(self, port: int, most: int) -> Connection:
        """A connection to the server, resumed where there was one; ``most`` bytes are kept unread."""
        quick = min(self._timeout, TIMEOUT)

        async def opened(resume: TlsResumption | None) -> Connection:
            return await open_trusted(
                Endpoint(self.host, port, self._connect),
                identity=self._identity,
                pins=self._pins,
                now=self._now,
                timeouts=Timeouts(quick, quick, quick, self._timeout),
                trust_on_first_use=self._trust_on_first_use,
                max_unread=most,
                resume=resume,
            )

        resume = self._resume[1] if self._resume is not None and self._resume[0] == port else None
        try:
            return await opened(resume)
        except (ConnectError, HandshakeError):
            if resume is None:
                raise
        # A server on OpenSSL that asks for certificates and names no session context breaks off such a
        # handshake, by which nothing of the request has left. Other requests are under way: what they bring
        # back is not kept after this (see _ask), so one is enough to end it for all.
        connection = await opened(None)
        self._resume, self._may_resume = None, False
        return connection

    def _refusal(self, header: GeminiHeader) -> GmapError:
        status, words = header.status, plain(header.meta, one_line=True)[:200]
        said = f" It says: {status} {words}".rstrip()
        match status:
            case 44:
                seconds = delay_of(header.meta)
                return SlowDownError(f"{self.host} asks to wait {seconds} seconds.", seconds=seconds)
            case 51:
                return NoSuchMessageError(f"{self.host} has no such message.{said}", status=status)
            case 60 | 61 | 62:
                return NotForUsError(
                    f"{self.host} does not accept the certificate of this mailbox.{said}",
                    status=status,
                    remedy="Check the account's identity, or ask the server's operator to register it.",
                )
        if status // 10 == 3:
            return MovedElsewhereError(
                f"{self.host} says that the mailbox is elsewhere.{said}",
                status=status,
                target=words,
                remedy="The certificate is not sent there: change `host` and `port` if it is right.",
            )
        return GmapError(f"{self.host} refused the request.{said}", status=status)


def _in_utf8(body: bytes, charset: str) -> bytes:
    if charset in ("utf-8", "utf8", "us-ascii"):
        return body
    try:
        return body.decode(charset, "replace").encode("utf-8", "replace")
    except LookupError:
        return body  # whoever reads it says what was wrong with it
