"""Bytes in, lines or blocks out, never more than a fixed number of them held."""

from __future__ import annotations

import re


class Buffer:
    """Collects the bytes of one message and drops what is over its ``limit``.

    Dropping is safe because one byte over the longest legal message is enough to refuse it. Looking for a
    line end goes on where it stopped, so feeding byte by byte costs no more than feeding at once.
    """

    __slots__ = ("_data", "_limit", "_seen")

    def __init__(self, limit: int) -> None:
        self._data = bytearray()
        self._limit = limit
        self._seen = 0

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Take as much of ``data`` as there is room for."""
        room = self._limit - len(self._data)
        self._data += data if len(data) <= room else memoryview(data)[:room]

    def peek(self, count: int) -> bytes:
        """The first ``count`` bytes, or fewer when there are not as many."""
        return bytes(self._data[:count])

    def search(self, one_byte: re.Pattern[bytes]) -> int:
        """Where a one-byte pattern (always the same until :meth:`take`) matches, or -1 while it does not."""
        found = one_byte.search(self._data, self._seen)
        if found is None:
            self._seen = len(self._data)
            return -1
        return found.start()

    def find(self, needle: bytes) -> int:
        """Where ``needle`` (always the same until :meth:`take`) begins, or -1 while it has not come."""
        found = self._data.find(needle, self._seen)
        if found < 0:
            self._seen = max(0, len(self._data) - len(needle) + 1)
        return found

    def take(self, count: int) -> bytes:
        """Remove and return the first ``count`` bytes, which must be there."""
        taken = bytes(self._data[:count])
        del self._data[:count]
        self._seen = 0
        return taken
