"""An HTTP/1.1 response read from bytes as they come (RFC 9112), bounded. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from misfin.errors import RemoteError

MAX_HEAD = 32 * 1024
"""Bytes of the status line and the header fields at most."""
MAX_CHUNK_LINE = 256
"""Bytes of the line before a chunk at most, its extensions included."""
_OVERHEAD = 4
"""How many times as large as its body an answer can be: a chunk of one byte takes six."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n\x00]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n\x00]*)?")
_NO_BODY = frozenset({204, 304})


class HttpError(RemoteError):
    """A server's answer that is not HTTP, is too large, or is not what was asked for."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole response: its status, the fields by name in lower case (the first of each), and the body."""

    status: int
    fields: Mapping[str, str]
    body: bytes


class _At(Enum):
    HEAD = "head"
    LENGTH = "body of a known length"
    CHUNK_LINE = "line before a chunk"
    CHUNK = "chunk"
    CHUNK_END = "line after a chunk"
    TRAILER = "fields after the last chunk"
    UNTIL_END = "body up to the end of the connection"
    DONE = "done"


class HttpReader:
    """Reads one response to a GET or POST; give it bytes until :attr:`response` is there.

    ``max_body`` is in bytes. Both methods raise :class:`HttpError`.
    """

    def __init__(self, max_body: int) -> None:
        self.response: HttpResponse | None = None
        self._max = max_body
        self._taken = 0
        self._held = bytearray()
        self._body = bytearray()
        self._at = _At.HEAD
        self._left = 0
        self._status = 0
        self._fields: dict[str, str] = {}

    def feed(self, data: bytes) -> None:
        """Take bytes from the server; those behind the end of the response are ignored."""
        self._taken += len(data)
        if self._taken > MAX_HEAD + _OVERHEAD * self._max:
            raise HttpError("The answer is too large.")
        self._held += data
        while self.response is None and self._step():
            pass

    def end(self) -> None:
        """The server has closed the connection."""
        if self.response is None and self._at is _At.UNTIL_END:
            self._finish()
        if self.response is None:
            raise HttpError("The connection was closed before the answer was complete.")

    def _step(self) -> bool:
        """Read one element; False if more bytes are needed."""
        match self._at:
            case _At.HEAD:
                return self._head()
            case _At.CHUNK_LINE:
                return self._chunk_line()
            case _At.CHUNK_END:
                return self._chunk_end()
            case _At.TRAILER:
                return self._trailer()
            case _At.DONE:
                return False
            case _:
                return self._piece()

    def _head(self) -> bool:
        found = re.search(rb"\r?\n\r?\n", self._held)
        if found is None or found.end() > MAX_HEAD:
            if len(self._held) > MAX_HEAD:
                raise HttpError("The header of the answer is too long.")
            return False
        head = bytes(self._held[: found.start()])
        del self._held[: found.end()]
        first, *lines = (line.removesuffix(b"\r") for line in head.split(b"\n"))
        status = _STATUS.fullmatch(first)
        if status is None:
            raise HttpError("The answer is not HTTP.")
        self._status = int(status[1])
        self._fields = _fields(lines)
        if self._status >= 200:  # an interim response comes before the real one
            self._begin_body()
        return True

    def _begin_body(self) -> None:
        coding = self._fields.get("transfer-encoding", "").lower()
        length = self._fields.get("content-length")
        if self._status in _NO_BODY:
            self._finish()
        elif coding:
            if coding != "chunked":
                raise HttpError("The answer has an encoding that was not asked for.")
            self._at = _At.CHUNK_LINE
        elif length is not None:
            if not _LENGTH.fullmatch(length):
                raise HttpError("The length of the answer is not a number.")
            self._expect(int(length), _At.LENGTH)
            if not self._left:
                self._finish()
        else:
            self._at = _At.UNTIL_END

    def _expect(self, length: int, at: _At) -> None:
        if len(self._body) + length > self._max:
            raise HttpError("The answer is too large.")
        self._left, self._at = length, at

    def _piece(self) -> bool:
        """As much of the body as is there."""
        wanted = len(self._held) if self._at is _At.UNTIL_END else self._left
        piece = bytes(self._held[:wanted])
        if not piece:
            return False
        del self._held[: len(piece)]
        self._body += piece
        if len(self._body) > self._max:
            raise HttpError("The answer is too large.")
        if self._at is not _At.UNTIL_END:
            self._left -= len(piece)
            if not self._left:
                if self._at is _At.LENGTH:
                    self._finish()
                else:
                    self._at = _At.CHUNK_END
        return True

    def _chunk_line(self) -> bool:
        line = self._line()
        if line is None:
            return False
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise HttpError("The answer has malformed chunks.")
        self._expect(int(found[1], 16), _At.CHUNK)
        if not self._left:
            self._at = _At.TRAILER
        return True

    def _chunk_end(self) -> bool:
        line = self._line()
        if line:
            raise HttpError("The answer has malformed chunks.")
        self._at = _At.CHUNK_END if line is None else _At.CHUNK_LINE
        return line is not None

    def _trailer(self) -> bool:
        line = self._line()
        if line == b"":
            self._finish()
        return bool(line)

    def _line(self) -> bytes | None:
        end = self._held.find(b"\n")
        if end > MAX_CHUNK_LINE or (end < 0 and len(self._held) > MAX_CHUNK_LINE):
            raise HttpError("The answer has malformed chunks.")
        if end < 0:
            return None
        line = bytes(self._held[:end]).removesuffix(b"\r")
        del self._held[: end + 1]
        return line

    def _finish(self) -> None:
        self._at = _At.DONE
        self.response = HttpResponse(self._status, self._fields, bytes(self._body))


def _fields(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise HttpError("The answer has a malformed header field.")
        name, value = field[1].decode("ascii").lower(), field[2].decode("latin-1")
        if found.setdefault(name, value) != value and name in {"content-length", "transfer-encoding"}:
            raise HttpError("The answer states two lengths.")  # one of them is a lie
    return found
