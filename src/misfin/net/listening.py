"""Sockets that listen, and accepting connections on them: a few at once, fewer when files run out."""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import TYPE_CHECKING

from misfin.errors import ListenError
from misfin.net.budget import ACCEPTED_AT_ONCE

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

logger = logging.getLogger("misfin.receiver")

_BACKLOG = 512
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_ONE_FAILED = {errno.ECONNABORTED, errno.EPROTO, errno.EPERM}
"""Errors that mean only this connection has failed; the next may be fine."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
"""Seconds to pause after the system could not provide a connection; doubled while it cannot."""
_SAY_AGAIN = 60.0
"""Seconds between two log lines with the same cause."""


async def listen(addresses: Iterable[tuple[str, int]]) -> list[socket.socket]:
    """Sockets that listen on every (host, port) pair; an empty host means every address of the machine.

    ``::`` may fail on a machine without IPv6 as long as there is another address. Raises
    :class:`~misfin.errors.ListenError`, and then listens on none of them.
    """
    opened: list[socket.socket] = []
    missing: ListenError | None = None
    try:
        for host, port in addresses:
            try:
                opened += await _bind(host, port)
            except (OSError, OverflowError) as error:
                missing = ListenError(host, port, error)
                if host != "::" or getattr(error, "errno", None) not in _NO_IPV6:
                    raise missing from error
                logger.info("%s", missing)
        if missing is not None and not opened:
            raise missing
    except BaseException:
        for each in opened:
            each.close()
        raise
    return opened


async def _bind(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of a host. Raises as :meth:`asyncio.loop.create_server` does."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, host or None, port, start_serving=False)
    try:
        sockets = [each.dup() for each in server.sockets]
        try:
            for each in sockets:
                each.listen(_BACKLOG)
        except BaseException:
            for each in sockets:
                each.close()
            raise
        return sockets
    finally:
        server.close()


class Listener:
    """Hands accepted sockets to ``take``, with the IP address of the other side.

    ``make_room`` is called when the system has no resources for another connection.
    """

    def __init__(
        self,
        listening: socket.socket,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[socket.socket, str], None],
        make_room: Callable[[], None],
    ) -> None:
        self._socket = listening
        self._loop = loop
        self._take = take
        self._make_room = make_room
        self._pause = _FIRST_PAUSE
        self._again: asyncio.TimerHandle | None = None
        self._said: dict[int, float] = {}
        self.address: tuple[str, int] = listening.getsockname()[:2]
        listening.setblocking(False)
        loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Stop accepting and release the address."""
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        # Not all at once: each accepted connection uses a file before another has been closed for it.
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _ONE_FAILED:
                    continue
                self._back_off(error)
                return
            self._pause = _FIRST_PAUSE
            self._take(connection, peer[0] if isinstance(peer, tuple) else "")

    def _back_off(self, error: OSError) -> None:
        """Pause; otherwise the system would report the same connection again at once, forever."""
        now = self._loop.time()
        cause = error.errno or 0
        if now - self._said.get(cause, -_SAY_AGAIN) >= _SAY_AGAIN:
            self._said[cause] = now
            logger.warning("New connections have to wait: %s.", error.strerror)
        self._make_room()
        self._loop.remove_reader(self._socket)
        self._again = self._loop.call_later(self._pause, self._resume)
        self._pause = min(_LONGEST_PAUSE, self._pause * 2)

    def _resume(self) -> None:
        self._again = None
        self._loop.add_reader(self._socket, self._accept)
