"""Answers ``GET /metrics`` on this machine, and nothing else: just enough HTTP for Prometheus.

One request per connection, bounded in bytes, time and number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from misfin.errors import ListenError

if TYPE_CHECKING:
    import socket

_MOST: Final = 8
"""Connections at the same time; another one is closed at once."""
_MAX_HEAD: Final = 8192
_PATIENCE: Final = 5.0
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Read = Callable[[], Iterable[str]]
"""Gives the lines, each without its line end; called on the event loop."""


class MetricsServer:
    """Listens on one address; for one event loop."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._servers: list[asyncio.Server] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int, listening: Sequence[socket.socket] = ()) -> tuple[str, int]:
        """Listen, on ``listening`` if there are any; returns the address really bound.

        Raises :class:`~misfin.errors.ListenError`.
        """
        places: list[dict[str, Any]] = [{"sock": each} for each in listening] or [
            {"host": host, "port": port}
        ]
        try:
            for place in places:
                self._servers.append(await asyncio.start_server(self._serve, limit=_MAX_HEAD, **place))
        except OSError as error:
            raise ListenError(host, port, error) from error
        found: tuple[str, int] = self._servers[0].sockets[0].getsockname()[:2]
        return found

    async def stop(self) -> None:
        """Stop listening, and cut what is open."""
        for server in self._servers:
            server.close()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._serving) >= _MOST:
            writer.transport.abort()
            return
        self._serving.add(task)
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with asyncio.timeout(_PATIENCE):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head.split(b"\r\n", 1)[0]))
                    await writer.drain()
                    writer.write_eof()
                    await reader.read(_MAX_HEAD)  # closing now could destroy the answer
        except asyncio.CancelledError:
            pass  # we are stopping
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    def _answer(self, asked: bytes) -> bytes:
        method, _, rest = asked.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != b"/metrics":
            return _response("404 Not Found", "The figures are at /metrics.\n")
        if method != b"GET":
            return _response("405 Method Not Allowed", "Only GET is answered.\n")
        return _response("200 OK", "".join(f"{line}\n" for line in self._read()))


def _response(status: str, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    return f"{head}\r\n".encode() + body
