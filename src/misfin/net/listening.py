"""Accepts connections on one socket: a few per iteration of the event loop, fewer when files run out."""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING

from misfin.net.budget import ACCEPTED_AT_ONCE

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable

logger = logging.getLogger("misfin.receiver")

_ONE_FAILED = {errno.ECONNABORTED, errno.EPROTO, errno.EPERM}
"""Errors that mean only this connection has failed; the next may be fine."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
"""Seconds to pause after the system could not provide a connection; doubled while it cannot."""
_SAY_AGAIN = 60.0
"""Seconds between two log lines with the same cause."""


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
