"""One request to the server of mailboxes, and its answer (docs/gmap.md §4)."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from misfin.errors import RemoteProtocolError
from misfin.gmap.asked import UNAVAILABLE, GmapAnswer
from misfin.gmap.gemini import GeminiServer
from misfin.net.limits import Admission
from misfin.net.served import ServedConnection, Serving, ServingTimes

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from misfin.gmap.gemini import GeminiRequest
    from misfin.net.tls import TlsSession

logger = logging.getLogger("misfin.gmap")

TIMES: Final = ServingTimes(header_timeout=15.0)
_ANSWER_TIMEOUT: Final = 30.0
"""Seconds until a client must have taken the whole answer."""


class GmapService(Serving, Protocol):
    """The server of mailboxes, as its connections see it."""

    answer: Callable[[GeminiRequest, bytes | None, str], Awaitable[GmapAnswer]]
    """Does what a request asks for, with the certificate (DER) that the client owns and its IP address."""


class GmapConnection(ServedConnection):
    """The protocol object of one connection to the server of mailboxes."""

    __slots__ = ("_engine", "_service")

    max_received = 256 * 1024

    def __init__(self, service: GmapService, loop: asyncio.AbstractEventLoop, address: str) -> None:
        super().__init__(service, loop, address)
        self._service = service
        self._engine = GeminiServer()

    def _feed(self, plaintext: bytes, session: TlsSession) -> None:
        try:
            request = self._engine.feed_bytes(plaintext)
        except RemoteProtocolError as error:
            self._respond(GmapAnswer(59, str(error)))
            return
        if request is None:
            return
        if self.admission is Admission.SLOW_DOWN:
            self._slow_down()
        else:
            self._work(partial(self._do, request, session.peer_der))

    async def _do(self, request: GeminiRequest, der: bytes | None) -> None:
        try:
            answer = await self._service.answer(request, der, self._peer_address)
        except Exception:  # whatever it is, the client gets an answer, and this server goes on
            logger.exception("A request for a mailbox could not be answered.")
            answer = UNAVAILABLE
        self._respond(answer)

    def _slow_down(self) -> None:
        self._respond(GmapAnswer(44, str(self._service.limits.retry_after())))

    def _respond(self, answer: GmapAnswer) -> None:
        if self._may_answer():
            self._answer(self._engine.answer(answer.status, answer.meta, answer.body), _ANSWER_TIMEOUT)
