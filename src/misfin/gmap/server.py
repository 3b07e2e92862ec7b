"""The server of mailboxes. It knows nothing about mail on disk: a callable answers (post/gmap/host.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from misfin.gmap.asked import GmapAnswer
from misfin.gmap.connection import TIMES, GmapConnection
from misfin.net.server import TlsServer

if TYPE_CHECKING:
    import asyncio

    from misfin.gmap.gemini import GeminiRequest
    from misfin.net.limits import Limits
    from misfin.net.proxy import ProxyTrust
    from misfin.net.served import ServedConnection, ServingTimes
    from misfin.net.server_tls import ServerTls

Answering = Callable[["GeminiRequest", bytes | None, str], Awaitable[GmapAnswer]]
"""Answers a request, from the certificate (DER) that the client proved to own, and its IP address."""


class GmapListener(TlsServer[GmapConnection]):
    """Serves requests with ``answer``, presenting what ``tls`` has."""

    def __init__(
        self,
        answer: Answering,
        tls: ServerTls,
        limits: Limits[ServedConnection],
        proxy: ProxyTrust | None = None,
        times: ServingTimes = TIMES,
    ) -> None:
        super().__init__(limits, times, proxy)
        self.tls = tls
        self.answer = answer

    def _new_connection(self, loop: asyncio.AbstractEventLoop, address: str) -> GmapConnection:
        return GmapConnection(self, loop, address)
