"""Bytes in, answers and pieces of message bodies out; nothing here knows what an answer means.

An answer is a line that may hold literals: ``{5}`` at the end of a line says that 5 bytes of anything follow,
and then the line goes on (RFC 3501 §4.3). Lines end with CRLF only: a lone LF can stand in the subject of a
stranger, and whoever takes it for a line end lets him write answers.
"""

from __future__ import annotations

import re

from misfin.email.imap.limits import MAX_LINE, MAX_LITERALS, MAX_UID_LINE
from misfin.email.imap.uids import MAX_UID
from misfin.errors import RemoteProtocolError
from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class Streamed:
    """Stands in an answer for a literal of ``size`` bytes that was handed on in pieces."""

    size: int


@dataclass(frozen=True, slots=True)
class FetchPiece:
    """Some bytes of a message body, as they come; the :class:`Fetch` they belong to follows the last one.

    ``number`` is the message's place in the mailbox, ``uid`` its UID where the server has said it by now;
    ``name`` is the item (``"BODY[]"``), ``origin`` its start where a part was asked for; ``size`` is that of
    all pieces together.
    """

    number: int
    uid: int | None
    name: str
    origin: int | None
    size: int
    data: bytes
    last: bool


Answer = list[bytes | Streamed]
"""Lines without line ends and ``{n}``, each followed by its literal: line, literal, line, ..., line."""

_MARKER = 24  # the longest "~{n+}"
_LITERAL = re.compile(rb"~?\{(\d{1,20})\+?\}\Z")
# Free text may end like that, and no literal follows: an answer to a command, a "+", or one of these.
_MAY_HOLD_LITERALS = re.compile(rb"\* ++(?!(?:OK|NO|BAD|BYE|PREAUTH)\b)", re.IGNORECASE)
_MAY_BE_LONG = re.compile(rb"\* ++(?:SEARCH|ESEARCH|VANISHED)\b", re.IGNORECASE)
# No bracket within the brackets: else a line of many "BODY[" would be looked through again for each of them.
_BODY_NAME = r"(?:BODY\[[^\[\]\"]*\]|BINARY\[[0-9.]*\]|RFC822(?:\.TEXT|\.HEADER)?)"
BODY_NAME = _BODY_NAME.encode("ascii")
"""The items of FETCH whose values are bodies or parts of them."""
_BODY_FOLLOWS = re.compile(rb"(?:\(| )(" + BODY_NAME + rb")(?:<(\d{1,18})>)? *\Z", re.IGNORECASE)
_FETCH = re.compile(
    # The UID only where nothing but plain items stands before it: a stranger's subject may say "UID 7" too.
    rb"\* +(\d{1,10}) +FETCH +\("
    rb"(?:(?:(?:FLAGS|MODSEQ) +\([^()\"]*\)|INTERNALDATE +\"[^\"\\]*\"|RFC822\.SIZE +\d+) +)*"
    rb"(?:UID +(\d{1,10})\b)?",
    re.IGNORECASE,
)


class ResponseReader:
    """Cuts what a server sends into answers, within limits.

    :meth:`feed`, then :meth:`take` until it returns None. ``literals`` is how many bytes the literals of one
    answer may have together, ``stream`` whether bodies in FETCH answers come as pieces; both can be changed
    at any time.
    """

    __slots__ = (
        "_at", "_buffer", "_held", "_left", "_length", "_parts", "_piece", "_searched", "_size",
        "literals", "stream",
    )  # fmt: skip

    def __init__(self) -> None:
        self.literals = MAX_LITERALS
        self.stream = False
        self._buffer = bytearray()
        self._at = 0  # where what was not taken begins
        self._searched = 0  # up to where no line end was found
        self._parts: Answer = []
        self._length = 0  # of the lines in parts
        self._held = 0  # bytes of literals of this answer
        self._left = -1  # bytes to come of the literal that is being read, -1 outside
        self._size = 0  # of that literal
        self._piece: tuple[int, int | None, str, int | None] | None = None  # it is streamed: to where

    def __len__(self) -> int:
        """Bytes received and not yet taken; those of an unfinished answer count."""
        return len(self._buffer) - self._at

    @property
    def within(self) -> bool:
        """True in the middle of an answer."""
        return bool(self._parts) or len(self) > 0

    @property
    def within_body(self) -> bool:
        """True in the middle of a literal."""
        return self._left > 0

    def feed(self, data: bytes) -> None:
        """Take bytes; call :meth:`take` until None after it."""
        self._buffer += data

    def take(self) -> Answer | FetchPiece | None:
        """The next answer or piece of a body, None when more bytes are needed; raises RemoteProtocolError."""
        while True:
            if self._left >= 0:
                if self._piece is not None:
                    return self._next_piece()
                if len(self) < self._left:
                    self._tidy()
                    return None
                self._parts.append(self._cut(self._left))
                self._left = -1
            end = self._buffer.find(b"\r\n", max(self._at, self._searched))
            self._check_length(end)
            if end < 0:
                self._searched = max(self._at, len(self._buffer) - 1)
                self._tidy()
                return None
            line = self._cut(end - self._at)
            self._at += 2
            if line[-1:] == b"}" and (marker := self._marker(line)) is not None:
                self._length += len(line)  # with the marker: a line of nothing but literals has an end too
                self._begin_literal(line[: marker.start()], int(marker[1]))
                continue
            parts = self._parts
            parts.append(line)
            self._parts, self._length, self._held = [], 0, 0
            return parts

    def _marker(self, line: bytes) -> re.Match[bytes] | None:
        if not self._parts and not _MAY_HOLD_LITERALS.match(line):
            return None
        return _LITERAL.search(line, max(0, len(line) - _MARKER))

    def _begin_literal(self, line: bytes, size: int) -> None:
        self._held += size
        if self._held > self.literals:
            raise RemoteProtocolError(
                f"The server announces {size:,} bytes where at most {self.literals:,} were to be expected."
            )
        self._parts.append(line)
        self._left = self._size = size
        self._piece = self._target() if self.stream else None

    def _target(self) -> tuple[int, int | None, str, int | None] | None:
        first, last = self._parts[0], self._parts[-1]
        assert isinstance(first, bytes)
        assert isinstance(last, bytes)
        fetch, name = _FETCH.match(first), _BODY_FOLLOWS.search(last)
        if fetch is None or name is None:
            return None
        uid = int(fetch[2]) if fetch[2] and 0 < int(fetch[2]) <= MAX_UID else None
        item = name[1].decode("ascii", "replace").upper()
        return int(fetch[1]), uid, item, int(name[2]) if name[2] else None

    def _next_piece(self) -> FetchPiece | None:
        assert self._piece is not None
        count = min(self._left, len(self))
        if not count and self._left:
            self._tidy()
            return None
        data = self._cut(count)
        self._left -= count
        piece = FetchPiece(*self._piece, self._size, data, not self._left)
        if not self._left:
            self._parts.append(Streamed(self._size))
            self._left, self._piece = -1, None
        return piece

    def _check_length(self, end: int) -> None:
        """Refuse a line that is too long, whether or not its end has come."""
        length = self._length + (len(self) if end < 0 else end - self._at)
        if length <= MAX_LINE:
            return
        first = self._parts[0] if self._parts else bytes(self._buffer[self._at : self._at + 20])
        assert isinstance(first, bytes)
        if length > MAX_UID_LINE or not _MAY_BE_LONG.match(first):
            raise RemoteProtocolError("The server's answer is too long.")

    def _cut(self, count: int) -> bytes:
        with memoryview(self._buffer) as view:
            cut = bytes(view[self._at : self._at + count])
        self._at += count
        return cut

    def _tidy(self) -> None:
        del self._buffer[: self._at]
        self._searched = max(0, self._searched - self._at)
        self._at = 0
