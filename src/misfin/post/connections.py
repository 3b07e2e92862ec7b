"""The connections a courier keeps: at most one per route, closed when nothing was due on it for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.post.transport import RouteConnection

logger = logging.getLogger("misfin.courier")

_CLOSING = 5.0
"""Seconds a connection gets to end properly."""


@dataclass(frozen=True, slots=True)
class _Kept:
    connection: RouteConnection
    until: float


class Connections:
    """Open connections that no job uses just now. Lives on one event loop."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.settings = 0
        """Which settings new connections are opened with; see :meth:`renew`."""

    def take(self, route: str) -> RouteConnection | None:
        """The connection kept for a route, if there is one that still works."""
        kept = self._kept.pop(route, None)
        if kept is None:
            return None
        if kept.until > time.monotonic() and kept.connection.alive:
            return kept.connection
        self.close(kept.connection)
        return None

    def keep(self, route: str, connection: RouteConnection, seconds: float, settings: int) -> None:
        """Keep a connection for the next job of its route, for so many seconds; 0 closes it at once.

        So does ``settings``, under which it was used, where these are others by now.
        """
        fresh = settings == self.settings
        if seconds > 0 and fresh and connection.alive and route not in self._kept:
            self._kept[route] = _Kept(connection, time.monotonic() + seconds)
        else:
            self.close(connection)

    def renew(self) -> None:
        """Settings have changed: close in the background what is kept, and keep nothing that is in use."""
        self.settings += 1
        for route in list(self._kept):
            self.close(self._kept.pop(route).connection)

    def close_idle(self) -> None:
        """Close in the background what has been idle for too long."""
        now = time.monotonic()
        for route, kept in list(self._kept.items()):
            if kept.until <= now:
                del self._kept[route]
                self.close(kept.connection)

    def close(self, connection: RouteConnection) -> None:
        """Close one in the background."""
        task = asyncio.create_task(_close(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close_all(self) -> None:
        """Close everything, and wait for that, within a limit."""
        for route in list(self._kept):
            self.close(self._kept.pop(route).connection)
        if self._closing:
            await asyncio.wait(self._closing, timeout=_CLOSING * 2)


async def _close(connection: RouteConnection) -> None:
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await connection.close()
    except Exception:  # it is of no use any more, and nobody waits for it
        logger.exception("A connection could not be closed.")
