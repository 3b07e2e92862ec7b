"""Bytes in, lines and messages out; dots that the protocol added are taken away.

Lines end with CRLF only. A lone LF can stand in a message, and a dot between two of them is a part of it.
"""

from __future__ import annotations

from typing import Final

from misfin.email.pop3.limits import MAX_ANSWER
from misfin.errors import RemoteProtocolError

_END: Final = b"\r\n.\r\n"
_STUFFED: Final = b"\r\n.."
_UNSTUFFED: Final = b"\r\n."


class Pop3Reader:
    """What a server sends, cut into lines, or into the pieces of a message after :meth:`begin_message`."""

    __slots__ = ("_at", "_buffer", "_fresh", "_left", "_searched")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # where what was not taken begins
        self._searched = 0  # up to where no line end was found
        self._fresh = False  # the message's first byte has not been looked at
        self._left = 0  # bytes the message may still have

    def __len__(self) -> int:
        """Bytes received and not yet taken."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._buffer += data

    def line(self) -> bytes | None:
        """The next line, without its end, None when it is not whole; raises RemoteProtocolError."""
        end = self._buffer.find(b"\r\n", max(self._at, self._searched))
        if (len(self) if end < 0 else end - self._at) > MAX_ANSWER:
            raise RemoteProtocolError("The server's answer is too long.")
        if end < 0:
            self._searched = max(self._at, len(self._buffer) - 1)
            self._tidy()
            return None
        line = self._cut(end)
        self._at += 2
        return line

    def begin_message(self, max_bytes: int) -> None:
        """From here on a message comes, of at most so many bytes."""
        self._fresh = True
        self._left = max_bytes

    def piece(self) -> tuple[bytes, bool] | None:
        """The next bytes of the message, and whether they are the last; raises RemoteProtocolError."""
        start = b""
        if self._fresh:
            if len(self) < 3:  # ".\r\n" alone is an empty message
                self._tidy()
                return None
            if self._buffer.startswith(b".\r\n", self._at):
                self._at += 3
                return b"", True
            if self._buffer.startswith(b"..", self._at):
                self._at += 1
                start = b"."
                self._at += 1
            self._fresh = False
        end = self._buffer.find(_END, self._at)
        if end >= 0:
            data = start + self._cut(end + 2).replace(_STUFFED, _UNSTUFFED)
            self._at += 3
        else:
            data = start + self._cut(len(self._buffer) - self._undecided()).replace(_STUFFED, _UNSTUFFED)
            self._tidy()
        self._left -= len(data)
        if self._left < 0:
            raise RemoteProtocolError("The message is longer than the server may send.")
        return (data, end >= 0) if data or end >= 0 else None

    def _undecided(self) -> int:
        """How many of the last bytes may be the beginning of a line that starts with a dot."""
        for count in range(min(4, len(self)), 0, -1):
            if self._buffer.endswith(_END[:count]):
                return count
        return 0

    def _cut(self, end: int) -> bytes:
        with memoryview(self._buffer) as view:
            cut = bytes(view[self._at : end])
        self._at = end
        return cut

    def _tidy(self) -> None:
        del self._buffer[: self._at]
        self._searched = max(0, self._searched - self._at)
        self._at = 0
