"""A bounded buffer: bytes in, lines or blocks out."""

from __future__ import annotations

import re


class Buffer:
    """Collects the bytes of one message and drops anything over its ``limit``.

    Dropping is safe because one byte over the longest legal message is enough to refuse it. Each search for
    a line end resumes where the last one stopped, so feeding byte by byte costs no more than feeding at once.
    """

    __slots__ = ("_data", "_limit", "_seen")

    def __init__(self, limit: int) -> None:
        self._data = bytearray()
        self._limit = limit
        self._seen = 0

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Add as much of ``data`` as there is room for."""
        room = self._limit - len(self._data)
        self._data += data if len(data) <= room else memoryview(data)[:room]

    def peek(self, count: int) -> bytes:
        """The first ``count`` bytes, or fewer if there are not that many."""
        return bytes(self._data[:count])

    def search(self, one_byte: re.Pattern[bytes]) -> int:
        """The position of a one-byte pattern (the same in every call until :meth:`take`), or -1."""
        found = one_byte.search(self._data, self._seen)
        if found is None:
            self._seen = len(self._data)
            return -1
        return found.start()

    def find(self, needle: bytes) -> int:
        """The position of ``needle`` (the same in every call until :meth:`take`), or -1."""
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
