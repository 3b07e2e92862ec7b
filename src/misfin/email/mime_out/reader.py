"""A message that is made while it is read, as a file without a buffer: no copy of it in memory or on disk."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class MessageReader(io.RawIOBase):
    """Reads what ``pieces`` gives, of ``size`` bytes. Seeking back begins it again from its beginning."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], size: int) -> None:
        super().__init__()
        self._pieces = pieces
        self._size = size
        self._at = 0
        self._coming: Iterator[bytes] = iter(())
        self._held = b""
        self._made = 0
        """Where what was made so far ends; ``_held`` is the last of it."""
        self._rewind()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place: at once where that is ahead or just read, else by making it again."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer).cast("B")
        data = self._take(len(room))
        room[: len(data)] = data
        return len(data)

    def _take(self, size: int) -> bytes:
        if self._at < self._made - len(self._held):
            self._rewind()
        while self._at >= self._made:
            piece = next(self._coming, None)
            if piece is None:
                return b""
            self._held = piece
            self._made += len(piece)
        start = self._at - (self._made - len(self._held))
        data = self._held[start : start + size]
        self._at += len(data)
        return data

    def _rewind(self) -> None:
        close = getattr(self._coming, "close", None)
        if close is not None:
            close()
        self._coming = self._pieces()
        self._held, self._made = b"", 0

    def close(self) -> None:
        """Close an attached file that is just being read."""
        close = getattr(self._coming, "close", None)
        if close is not None and not self.closed:
            close()
        super().close()
