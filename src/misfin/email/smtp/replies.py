"""What a server says, read from bytes that may come in any pieces and never held without bound."""

from __future__ import annotations

import re
from typing import NamedTuple

from misfin.email.smtp.errors import SMTPRemoteViolation
from misfin.email.smtp.limits import MAX_REPLY, MAX_REPLY_LINE, MAX_REPLY_LINES, MAX_UNREAD

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)


class ReplyLines(NamedTuple):
    """A reply as it came: the code, and each line's text."""

    code: int
    lines: tuple[str, ...]


class ReplyParser:
    """Bytes in, replies out.

    Lines end with CRLF or a bare LF. What is not a reply, or is too long for one, is reported once everything
    before it was taken, and nothing is read after it.
    """

    __slots__ = ("_code", "_fault", "_held", "_lines", "_overflow", "_ready", "_seen", "_size")

    def __init__(self) -> None:
        self._held = bytearray()
        self._seen = 0
        self._overflow = False
        self._code = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._ready: ReplyLines | None = None
        self._fault = ""

    @property
    def empty(self) -> bool:
        """True when everything received was taken: no reply, nor a part of one."""
        return not (self._held or self._lines or self._ready or self._fault)

    def feed(self, data: bytes) -> None:
        """Take bytes; they are looked at when a reply is asked for."""
        room = MAX_UNREAD - len(self._held)
        self._overflow = self._overflow or len(data) > room
        self._held += data if len(data) <= room else memoryview(data)[:room]

    def ready(self) -> bool:
        """Whether :meth:`take` has something to give or to raise."""
        while self._ready is None and not self._fault:
            end = self._held.find(b"\n", self._seen)
            if end < 0:
                self._seen = len(self._held)
                if self._overflow or self._seen >= MAX_REPLY_LINE:
                    self._fault = f"The server sent a line of more than {MAX_REPLY_LINE:,} bytes."
                break
            line = bytes(self._held[:end])
            del self._held[: end + 1]
            self._seen = 0
            self._read(line, end + 1)
        return self._ready is not None or bool(self._fault)

    def take(self) -> ReplyLines | None:
        """The next reply, or None while it is not whole.

        Raises :class:`~misfin.email.smtp.errors.SMTPRemoteViolation`, from then on every time.
        """
        self.ready()
        reply, self._ready = self._ready, None
        if reply is None and self._fault:
            raise SMTPRemoteViolation(self._fault)
        return reply

    def _read(self, line: bytes, length: int) -> None:
        self._size += length
        found = _LINE.fullmatch(line.removesuffix(b"\r")) if length <= MAX_REPLY_LINE else None
        if length > MAX_REPLY_LINE:
            self._fault = f"The server sent a line of more than {MAX_REPLY_LINE:,} bytes."
        elif found is None:
            self._fault = f"The server sent something that is not a reply: {_shown(line)}"
        elif self._lines and found[1] != self._code:
            self._fault = f"The server changed the code within a reply: {_shown(line)}"
        elif len(self._lines) >= MAX_REPLY_LINES or self._size > MAX_REPLY:
            self._fault = "The server sent a reply without end."
        else:
            self._code = found[1]
            self._lines.append(found[3] or b"")
            if found[2] != b"-":
                lines = tuple(text.decode("utf-8", "replace") for text in self._lines)
                self._ready = ReplyLines(int(self._code), lines)
                self._lines, self._size = [], 0


def _shown(line: bytes) -> str:
    """A line for an error message: not endless, and harmless on a terminal."""
    return ascii(line[:80].decode("utf-8", "replace"))
