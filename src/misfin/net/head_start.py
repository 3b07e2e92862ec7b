"""Begins to connect in a thread, while what will talk over the connection is still being loaded.

A mail server may need as long to answer a new connection as this program needs to load what speaks to it.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Final

_PATIENCE: Final = 10.0
"""Seconds for connecting; whoever takes the connection waits less, and then makes one of its own."""
_FRESH: Final = 15.0
"""Seconds after which a server may be about to close a connection on which nothing was said."""


class HeadStart:
    """A connection to ``host:port`` that is being made. If that fails, :meth:`take` has nothing."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._lock = threading.Lock()
        self._found: socket.socket | None = None
        self._over = False
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._connect, name="head-start", daemon=True)
        self._thread.start()

    def take(self, seconds: float) -> socket.socket | None:
        """The connection, once, after waiting for it so long; it is then the caller's. Blocks.

        Nothing where it was begun too long ago to be of use.
        """
        self._thread.join(seconds)
        found = self._end()
        if found is not None and time.monotonic() - self._begun > _FRESH:
            found.close()
            return None
        return found

    def close(self) -> None:
        """Close it, unless it was taken. Never waits."""
        found = self._end()
        if found is not None:
            found.close()

    def _end(self) -> socket.socket | None:
        with self._lock:
            found, self._found, self._over = self._found, None, True
        return found

    def _connect(self) -> None:
        with suppress(OSError, UnicodeError, OverflowError):
            found = socket.create_connection((self.host, self.port), _PATIENCE)
            with self._lock:
                if not self._over:
                    found.setblocking(False)
                    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._found = found
                    return
            found.close()
