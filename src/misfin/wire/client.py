"""The sending side of one transaction: a request out, one response line in."""

from __future__ import annotations

from misfin.errors import LocalProtocolError, RemoteProtocolError
from misfin.model.status import is_redirect, is_success
from misfin.wire.buffer import Buffer
from misfin.wire.limits import MAX_RESPONSE, MAX_RESPONSE_BUFFER
from misfin.wire.request import MisfinRequest
from misfin.wire.response import MisfinResponse
from misfin.wire.states import Event, ProtocolState, Transaction


class ClientProtocol:
    """A client's half of one connection, to be driven with bytes from any transport.

    :meth:`send_request`, write what :meth:`get_outgoing_data` gives, then :meth:`feed_bytes` until it returns
    a response, or :meth:`receive_eof`. :class:`~misfin.errors.RemoteProtocolError` says that what came is no
    answer; if :attr:`request_sent` is true by then, the outcome is unknown and the request must not be
    repeated (docs/protocol.md §2). :class:`~misfin.errors.LocalProtocolError` is a wrong order of calls.
    """

    def __init__(self) -> None:
        self._transaction = Transaction()
        self._incoming = Buffer(MAX_RESPONSE_BUFFER)
        self._outgoing = b""
        self._request_sent = False

    @property
    def state(self) -> ProtocolState:
        """Where the transaction stands (states.py has the table)."""
        return self._transaction.state

    @property
    def request_sent(self) -> bool:
        """True once the whole request was handed out: from then on it may have arrived."""
        return self._request_sent

    def send_request(self, request: MisfinRequest) -> None:
        """Write the request into the outgoing bytes, once. Raises as :meth:`MisfinRequest.to_bytes`."""
        data = request.to_bytes()  # first: what cannot be written must not change the state
        self._transaction.happens(Event.REQUEST_BEGINS)
        self._outgoing = data

    def get_outgoing_data(self) -> bytes:
        """What has to be written now, once; ``b""`` when there is nothing."""
        data, self._outgoing = self._outgoing, b""
        if data:
            self._request_sent = True
            self._transaction.happens(Event.REQUEST_ENDS)
        return data

    def feed_bytes(self, data: bytes) -> MisfinResponse | None:
        """Take bytes from the server; the response once its line is whole, else None.

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
        """Take the end of what the server sends: the response if one can be made out, as ``truncated``.

        None when it was returned before. Raises :class:`~misfin.errors.RemoteProtocolError` without one.
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
            raise LocalProtocolError("The transaction is over; no more bytes can be taken.")

    def _answered(self, line: bytes, *, truncated: bool) -> MisfinResponse:
        try:
            response = MisfinResponse.from_line(
                line.decode("utf-8", "replace").rstrip("\r\n"), truncated=truncated
            )
        except RemoteProtocolError as e:
            raise self._violation(str(e)) from None
        # Refusals may come early (a full server, a time-out); nobody can have accepted what was not yet sent.
        early = not self._request_sent and (is_success(response.status) or is_redirect(response.status))
        if early:
            raise self._violation("The server answered before it was asked.")
        self._transaction.happens(Event.RESPONSE)
        self._outgoing = b""  # refused before it was asked: the message need not leave any more
        return response

    def _violation(self, message: str) -> RemoteProtocolError:
        self._transaction.happens(Event.VIOLATION)
        self._outgoing = b""  # what was not handed out yet stays at home
        return RemoteProtocolError(message)
