"""The server's side of one Gemini connection: one request line in, one answer out, bounded, without I/O."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from misfin.errors import AddressError, LocalProtocolError, RemoteProtocolError
from misfin.gmap.gemini.request import MAX_URL, GeminiRequest
from misfin.model.address import normal_hostname

DEFAULT_PORT: Final = 1965
"""The port of a URL that names none."""

_URL: Final = re.compile(
    r"gemini://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::([0-9]{1,5}))?(/[!$&-;=@-Z_a-z~%]*)?"
    r"(?:\?([!$&-;=?-Z_a-z~%]*))?",
    re.IGNORECASE,
)
_META: Final = re.compile(r"[ -~]{0,500}")


class GeminiServerState(Enum):
    """The state of a transaction, as its server sees it."""

    READING = "reading"
    """The request line is due."""
    ASKED = "asked"
    """The request line is whole, or cannot be used: an answer is due."""
    ANSWERED = "answered"
    """The answer was handed out."""


_NEXT: Final = {
    GeminiServerState.READING: GeminiServerState.ASKED,
    GeminiServerState.ASKED: GeminiServerState.ANSWERED,
}


class GeminiServer:
    """One request and its answer.

    Pass what arrives to :meth:`feed_bytes` until it returns a request or raises
    :class:`~misfin.errors.RemoteProtocolError`, whose text is fit for an answer with 59; then write what
    :meth:`answer` returns. What comes after the request line is ignored. A wrong order of calls raises
    :class:`~misfin.errors.LocalProtocolError`.
    """

    def __init__(self) -> None:
        self.state = GeminiServerState.READING
        self._line = bytearray()

    def feed_bytes(self, data: bytes) -> GeminiRequest | None:
        """Process bytes from the client; the request once its line is whole, else None."""
        if self.state is not GeminiServerState.READING:
            return None
        self._line += data[: MAX_URL + 3]  # one byte more than a line may have
        end = self._line.find(b"\n")
        if end < 0 and len(self._line) <= MAX_URL + 1:
            return None
        self._step(GeminiServerState.READING)
        if not 0 <= end <= MAX_URL + 1 or self._line[end - 1 : end] != b"\r":
            raise RemoteProtocolError(f"A request is a URL of at most {MAX_URL:,} bytes and CRLF.")
        return read_request(bytes(self._line[: end - 1]))

    def answer(self, status: int, meta: str, body: bytes = b"") -> bytes:
        """The bytes of the answer, after which the connection ends. Only a success (2x) has a body."""
        if self.state is GeminiServerState.READING:
            self._step(GeminiServerState.READING)  # refused before it was read
        if not 10 <= status <= 69 or not _META.fullmatch(meta) or (body and status // 10 != 2):
            raise LocalProtocolError("This is not an answer of Gemini.")
        self._step(GeminiServerState.ASKED)
        return f"{status} {meta}\r\n".encode("ascii") + body

    def _step(self, expected: GeminiServerState) -> None:
        if self.state is not expected:
            raise LocalProtocolError(f"There is no answer to give in the state {self.state.value!r}.")
        self.state = _NEXT[expected]


def read_request(line: bytes) -> GeminiRequest:
    """The request in a line without its line end; raises :class:`~misfin.errors.RemoteProtocolError`."""
    found = _URL.fullmatch(line.decode("ascii", "replace"))
    if found is None:
        raise RemoteProtocolError("The request is not a gemini:// URL without user information and fragment.")
    try:
        host = normal_hostname(found[1])
    except AddressError:
        raise RemoteProtocolError("The request names no host.") from None
    port = DEFAULT_PORT if found[2] is None else int(found[2])
    if not 0 < port < 65536:
        raise RemoteProtocolError("The request names no port.")
    return GeminiRequest(host, port, found[3] or "/", found[4])
