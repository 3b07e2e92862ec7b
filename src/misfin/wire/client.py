"""The client's side of one transaction: a request out, one response line in."""

from __future__ import annotations

from misfin.errors import LocalProtocolError, RemoteProtocolError
from misfin.model.status import is_redirect, is_success
from misfin.wire.buffer import Buffer
from misfin.wire.limits import MAX_RESPONSE, MAX_RESPONSE_BUFFER
from misfin.wire.request import MisfinRequest
from misfin.wire.response import MisfinResponse
from misfin.wire.states import Event, ProtocolState, Transaction


class ClientProtocol:
    """The client's side of one connection, independent of the transport.

    Call :meth:`send_request`, write what :meth:`get_outgoing_data` returns, then call :meth:`feed_bytes`
    until it returns a response, or :meth:`receive_eof`. :class:`~misfin.errors.RemoteProtocolError` means
    that the bytes are not a valid answer; if :attr:`request_sent` is true by then, the outcome is unknown and
    the request must not be repeated (docs/protocol.md §2). :class:`~misfin.errors.LocalProtocolError` means
    a wrong order of calls.
    """

    def __init__(self) -> None:
        self._transaction = Transaction()
        self._incoming = Buffer(MAX_RESPONSE_BUFFER)
        self._outgoing = b""
        self._request_sent = False

    @property
    def state(self) -> ProtocolState:
        """The state of the transaction (states.py has the table)."""
        return self._transaction.state

    @property
    def request_sent(self) -> bool:
        """True once the whole request has been handed out: from then on it may have arrived."""
        return self._request_sent

    def send_request(self, request: MisfinRequest) -> None:
        """Queue the request as outgoing data, once. Raises as :meth:`MisfinRequest.to_bytes`."""
        data = request.to_bytes()  # first: a request that cannot be written must not change the state
        self._transaction.happens(Event.REQUEST_BEGINS)
        self._outgoing = data

    def get_outgoing_data(self) -> bytes:
        """The bytes to write now, returned once; ``b""`` when there are none."""
        data, self._outgoing = self._outgoing, b""
        if data:
            self._request_sent = True
            self._transaction.happens(Event.REQUEST_ENDS)
        return data

    def feed_bytes(self, data: bytes) -> MisfinResponse | None:
        """Process bytes from the server; returns the response once its line is complete, else None.

        Bytes after the response are ignored. A bare LF ends the line too; the response is then ``truncated``.
        """
        if self.state is ProtocolState.DONE:
            return None
        self._may_still_receive()
        self._incoming.feed(data)
        end = self._incoming.find(b"\n")
        if end < 0 or end >= MAX_RESPONSE:
            if len(self._incoming) > MAX_RESPONSE:
                raise self._violation("The server's answer is longer than 2,048 bytes.")
            return None
        line = self._incoming.take(end + 1)
        return self._answered(line, truncated=not line.endswith(b"\r\n"))

    def receive_eof(self) -> MisfinResponse | None:
        """Process the end of input: returns the response if there is a readable one, marked ``truncated``.

        None if it was returned before. Raises :class:`~misfin.errors.RemoteProtocolError` if there is none.
        """
        if self.state is ProtocolState.DONE:
            return None
        self._may_still_receive()
        line = self._incoming.take(len(self._incoming))
        if line:
            return self._answered(line, truncated=True)
        self._transaction.happens(Event.EOF)
        self._outgoing = b""
        raise RemoteProtocolError("The server closed the connection without an answer.")

    def _may_still_receive(self) -> None:
        if self.state in {ProtocolState.BROKEN, ProtocolState.CUT}:
            raise LocalProtocolError("The transaction is over; no more bytes can be processed.")

    def _answered(self, line: bytes, *, truncated: bool) -> MisfinResponse:
        try:
            response = MisfinResponse.from_line(
                line.decode("utf-8", "replace").rstrip("\r\n"), truncated=truncated
            )
        except RemoteProtocolError as e:
            raise self._violation(str(e)) from None
        # Refusals may come early (a full server, a time-out), but nothing can be accepted before it was sent.
        early = not self._request_sent and (is_success(response.status) or is_redirect(response.status))
        if early:
            raise self._violation("The server answered before the request was sent.")
        self._transaction.happens(Event.RESPONSE)
        self._outgoing = b""  # refused early: the request need not be sent any more
        return response

    def _violation(self, message: str) -> RemoteProtocolError:
        self._transaction.happens(Event.VIOLATION)
        self._outgoing = b""  # what has not been handed out yet is not sent
        return RemoteProtocolError(message)
