"""A message on its way after DATA and back: line ends, dots, and how it ends (RFC 5321 §4.5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from misfin.email.smtp.errors import SMTPArgumentError
from misfin.email.smtp.limits import MAX_TEXT_LINE

_END = b"\r\n.\r\n"


class LineEnds:
    """Makes every line end CRLF, piece by piece: bare CR and bare LF too.

    Servers disagree about what a bare one is; where two of them do, one message could be read as two.
    """

    __slots__ = ("_column", "_cr")

    def __init__(self) -> None:
        self._cr = False
        self._column = 0

    def feed(self, chunk: bytes) -> bytes:
        """The chunk with its line ends made CRLF; a CR at its end waits for what follows.

        Raises :class:`~misfin.email.smtp.errors.SMTPArgumentError` for a line over 998 bytes.
        """
        if self._cr:
            chunk = b"\r" + chunk
        self._cr = chunk.endswith(b"\r")
        if self._cr:
            chunk = chunk[:-1]
        if not chunk.count(b"\r\n") == chunk.count(b"\n") == chunk.count(b"\r"):
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        self._measure(chunk)
        return chunk

    def finish(self) -> bytes:
        """What is missing to the end of the last line."""
        missing = b"\r\n" if self._cr or self._column else b""
        self._cr, self._column = False, 0
        return missing

    def _measure(self, chunk: bytes) -> None:
        first, *others = chunk.split(b"\r\n")
        longest = self._column + len(first)
        self._column = longest
        if others:
            longest = max(longest, max(map(len, others)))
            self._column = len(others[-1])
        if longest > MAX_TEXT_LINE:
            raise SMTPArgumentError(
                f"The message has a line of more than {MAX_TEXT_LINE} bytes, which cannot be sent as it is."
            )


class DotStuffer:
    """Turns a message into what follows DATA, piece by piece."""

    __slots__ = ("_at_start", "_ends")

    def __init__(self) -> None:
        self._ends = LineEnds()
        self._at_start = True

    def feed(self, chunk: bytes) -> bytes:
        """What to send for this piece. Raises as :meth:`LineEnds.feed`."""
        chunk = self._ends.feed(chunk)
        if not chunk:
            return b""
        stuffed = chunk.replace(b"\n.", b"\n..")
        if self._at_start and chunk.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_start = chunk.endswith(b"\n")
        return stuffed

    def finish(self) -> bytes:
        """The end of the last line, where it is missing, and the final dot."""
        return self._ends.finish() + b".\r\n"


class DotUnstuffer:
    """What follows DATA turned back into the message, piece by piece.

    Only CRLF, dot, CRLF ends it: other line ends are part of the message, whatever stands between them.
    """

    __slots__ = ("_held", "_lead", "done", "rest")

    def __init__(self) -> None:
        # The line end of the DATA command counts: a message may begin with a dot, or be empty.
        self._held = b"\r\n"
        self._lead = 2
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """The next piece of the message; once ``done``, ``rest`` is what came behind its end."""
        data = self._held + data
        end = data.find(_END)
        if end >= 0:
            self.done = True
            self.rest = data[end + len(_END) :]
            self._held = b""
            body = data[: end + 2]
        else:
            held = next(n for n in range(len(_END) - 1, -1, -1) if data.endswith(_END[:n]))
            self._held = data[len(data) - held :]
            body = data[: len(data) - held]
        lead, self._lead = self._lead, max(0, self._lead - len(body))
        return body.replace(b"\r\n.", b"\r\n")[lead:]


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What a server may have to know before it gets a message.

    ``size`` counts bytes with CRLF line ends and without stuffing, as RFC 1870 does. ``eight_bit``: there are
    bytes over 127; ``utf8_header``: some of them are in the header, which needs SMTPUTF8 (RFC 6531).
    """

    size: int
    eight_bit: bool
    utf8_header: bool


def survey(chunks: Iterable[bytes]) -> MessageFacts:
    """Look through a message. Raises as :meth:`LineEnds.feed`."""
    ends = LineEnds()
    size, eight_bit, utf8_header, tail = 0, False, False, b"\r\n"
    in_header = True
    for chunk in chunks:
        chunk = ends.feed(chunk)
        size += len(chunk)
        eight_bit = eight_bit or not chunk.isascii()
        if in_header:
            window = tail + chunk
            end = window.find(b"\r\n\r\n")
            in_header = end < 0
            utf8_header = utf8_header or not window[: end if end >= 0 else None].isascii()
            tail = window[-3:]
    return MessageFacts(size + len(ends.finish()), eight_bit, utf8_header)
