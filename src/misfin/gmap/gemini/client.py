"""The client's side of one Gemini connection: bytes to events, bounded, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from misfin.errors import LocalProtocolError, RemoteProtocolError
from misfin.gmap.gemini.request import GeminiRequest
from misfin.gmap.gemini.response import MAX_HEADER, GeminiHeader
from misfin.gmap.gemini.states import GeminiState, GeminiStep, following


@dataclass(frozen=True, slots=True)
class GeminiBody:
    """The next bytes of the body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class GeminiEnd:
    """The answer is whole."""


GeminiEvent: TypeAlias = GeminiHeader | GeminiBody | GeminiEnd


class GeminiClient:
    """One request and its answer; Gemini has one of each on a connection.

    Call :meth:`send_request`, write what :meth:`get_outgoing_data` returns, then pass what arrives to
    :meth:`feed_bytes`, and the end of the connection to :meth:`receive_eof`. ``max_body`` bounds the body, in
    bytes. :class:`~misfin.errors.RemoteProtocolError` ends the transaction;
    :class:`~misfin.errors.LocalProtocolError` means a wrong order of calls.
    """

    def __init__(self, *, max_body: int) -> None:
        self.state = GeminiState.IDLE
        self._max_body = max_body
        self._outgoing = b""
        self._line = bytearray()
        self._received = 0

    def send_request(self, request: GeminiRequest) -> None:
        """Queue the request, once. Raises as :meth:`GeminiRequest.to_bytes`."""
        data = request.to_bytes()  # first: a request that cannot be written must not change the state
        self._step(GeminiStep.REQUEST_QUEUED)
        self._outgoing = data

    def get_outgoing_data(self) -> bytes:
        """The bytes to write now, returned once."""
        data, self._outgoing = self._outgoing, b""
        if data:
            self._step(GeminiStep.REQUEST_SENT)
        return data

    def feed_bytes(self, data: bytes) -> list[GeminiEvent]:
        """Process bytes from the server. What comes after a header without a body is ignored.

        Raises :class:`~misfin.errors.RemoteProtocolError` for a header that is not one, for a success before
        the request was sent, and for a body over the limit.
        """
        self._may_still_receive()
        if self.state is GeminiState.DONE or not data:
            return []
        if self.state is GeminiState.BODY:
            return self._body(data)
        end = data.find(b"\n")
        self._line += data[: end + 1] if end >= 0 else data[: MAX_HEADER + 1]
        if len(self._line) > MAX_HEADER:
            raise self._violation("The first line of the server's answer is too long.")
        if end < 0:
            return []
        header = self._header()
        events: list[GeminiEvent] = [header]
        if not header.has_body:
            return [*events, GeminiEnd()]
        rest = data[end + 1 :]
        return events + (self._body(rest) if rest else [])

    def receive_eof(self, *, complete: bool) -> list[GeminiEvent]:
        """Process the end of the connection. ``complete``: TLS said that it is the end.

        Without that somebody on the way may have cut the connection, and what has come is not the whole
        answer. Raises :class:`~misfin.errors.RemoteProtocolError` then, and if no answer came.
        """
        self._may_still_receive()
        if self.state is GeminiState.DONE:
            return []
        if self.state is not GeminiState.BODY:
            raise self._violation("The server closed the connection without an answer.")
        if not complete:
            raise self._violation("The connection was cut before the server's answer had ended.")
        self._step(GeminiStep.END)
        return [GeminiEnd()]

    def _header(self) -> GeminiHeader:
        try:
            header = GeminiHeader.from_line(bytes(self._line))
        except RemoteProtocolError as error:
            raise self._violation(str(error)) from None
        if not header.has_body:
            self._step(GeminiStep.HEADER_ALONE)
            self._outgoing = b""
        elif self.state is GeminiState.ANSWERING:
            self._step(GeminiStep.HEADER_WITH_BODY)
        else:
            raise self._violation("The server answered before the request was sent.")
        return header

    def _body(self, data: bytes) -> list[GeminiEvent]:
        self._received += len(data)
        if self._received > self._max_body:
            raise self._violation(f"The server's answer is larger than {self._max_body:,} bytes.")
        return [GeminiBody(data)]

    def _step(self, step: GeminiStep) -> None:
        self.state = following(self.state, step)

    def _may_still_receive(self) -> None:
        if self.state is GeminiState.BROKEN:
            raise LocalProtocolError("The transaction is over; no more bytes can be processed.")

    def _violation(self, message: str) -> RemoteProtocolError:
        self._step(GeminiStep.VIOLATION)
        self._outgoing = b""
        return RemoteProtocolError(message)
