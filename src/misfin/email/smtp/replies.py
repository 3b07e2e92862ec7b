"""What a server says, read from bytes that may come in any pieces and never held without bound."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from misfin.email.smtp.errors import SMTPRemoteViolation, SMTPResponseError
from misfin.email.smtp.limits import MAX_REPLY, MAX_REPLY_LINE, MAX_REPLY_LINES, MAX_UNREAD
from misfin.model.safetext import plain

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?:[ \t]+|$)")


class EnhancedCode(NamedTuple):
    """The status code of RFC 3463 that may begin a reply's text, such as ``5.1.1``."""

    kind: int
    subject: int
    detail: int

    def __str__(self) -> str:
        return f"{self.kind}.{self.subject}.{self.detail}"


@dataclass(frozen=True)
class SMTPResponse:
    """One reply of the server.

    ``message`` is its text, lines joined by LF, bytes that are not UTF-8 replaced; it is a stranger's text.
    ``command`` names what it answers: the verb, ``"."`` for the message itself, ``""`` for the greeting and
    for what nobody asked. ``recipient`` is the address of an answered RCPT, and of each answer after the
    message in LMTP.
    """

    code: int
    message: str
    command: str = field(default="", compare=False)
    recipient: str | None = field(default=None, compare=False)

    def is_error(self) -> bool:
        """Whether it refuses, for now or for good."""
        return self.code >= 400

    @property
    def is_temporary(self) -> bool:
        """Whether it refuses for now: the same may be accepted later."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """Whether it refuses for good."""
        return self.code >= 500

    @property
    def enhanced(self) -> EnhancedCode | None:
        """The enhanced status code, if there is one and it says the same as ``code``."""
        found = _ENHANCED.match(self.message)
        if found is None or found[1] != str(self.code)[0]:
            return None
        return EnhancedCode(*map(int, found.groups()))

    @property
    def text(self) -> str:
        """``message`` without the enhanced status codes at the beginning of its lines."""
        return "\n".join(_ENHANCED.sub("", line, count=1) for line in self.message.split("\n"))

    def raise_as_exception(self) -> NoReturn:
        """Raise it as a :class:`~misfin.email.smtp.errors.SMTPResponseError`."""
        raise SMTPResponseError(f"{self.code} {plain(self.message, one_line=True)}", self)


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
