"""The server's side of one transaction: one request in, one response line out."""

from __future__ import annotations

import re

from misfin.errors import RemoteProtocolError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.wire.buffer import Buffer
from misfin.wire.limits import MAX_B_REQUEST, MAX_C_HEADER, MAX_REQUEST_BUFFER
from misfin.wire.request import SCHEME, MisfinRequest, defect_of, read_length, read_target
from misfin.wire.response import MisfinResponse
from misfin.wire.states import Event, ProtocolState, Transaction

_CRLF = b"\r\n"
_SEPARATOR = re.compile(rb"[ \t\r\n]")
_VERSIONS = {b" ": Version.B, b"\t": Version.C}


class ServerProtocol:
    """The server's side of one connection, independent of the transport.

    Call :meth:`feed_bytes` until it returns a request, then :meth:`send_response`, and write what
    :meth:`get_outgoing_data` returns. Illegal bytes raise :class:`~misfin.errors.RemoteProtocolError` at
    once; answer with its ``status_hint``. A connection carries one request; anything after it is ignored. A
    response may be sent before the request is complete, to refuse it or to report a time-out.
    """

    def __init__(self) -> None:
        self._transaction = Transaction()
        self._incoming = Buffer(MAX_REQUEST_BUFFER)
        self._outgoing = b""
        self._version: Version | None = None
        self._recipient: MisfinAddress | None = None
        self._length: int | None = None
        self._room = 0

    @property
    def state(self) -> ProtocolState:
        """The state of the transaction (states.py has the table)."""
        return self._transaction.state

    @property
    def recipient(self) -> MisfinAddress | None:
        """The recipient, known before the message has arrived, so that a server can refuse early."""
        return self._recipient

    @property
    def version(self) -> Version | None:
        """B or C, as soon as the separator after the address has arrived."""
        return self._version

    @property
    def header_done(self) -> bool:
        """True once a Misfin(C) header has been read: the message then has its own time limit."""
        return self._length is not None

    def feed_bytes(self, data: bytes) -> MisfinRequest | None:
        """Process bytes from the client; returns the request once it is complete, else None.

        Bytes after the request make it illegal in the same call, and are ignored in later calls
        (docs/protocol.md §1.3). Raises :class:`~misfin.errors.RemoteProtocolError`.
        """
        if not data or self.state not in {ProtocolState.IDLE, ProtocolState.REQUESTING}:
            return None
        if self.state is ProtocolState.IDLE:
            self._transaction.happens(Event.REQUEST_BEGINS)
        self._incoming.feed(data)
        try:
            request = self._maybe_request()
        except RemoteProtocolError:
            self._transaction.happens(Event.VIOLATION)
            raise
        if request:
            self._transaction.happens(Event.REQUEST_ENDS)
        return request

    def receive_eof(self) -> None:
        """Process the end of input: a complete request can still be answered, an incomplete one cannot."""
        if self.state in {ProtocolState.IDLE, ProtocolState.REQUESTING}:
            self._transaction.happens(Event.EOF)

    def send_response(self, response: MisfinResponse) -> None:
        """Queue the response as outgoing data; only once, and not if the client left before finishing."""
        data = response.to_bytes()
        self._transaction.happens(Event.RESPONSE)
        self._outgoing = data

    def get_outgoing_data(self) -> bytes:
        """The bytes to write now, returned once; ``b""`` when there are none."""
        data, self._outgoing = self._outgoing, b""
        return data

    def _maybe_target(self) -> None:
        """Read up to the first SP or TAB, which decides between B and C (docs/protocol.md §1.4)."""
        begun = self._incoming.peek(len(SCHEME))
        if not SCHEME.startswith(begun):
            raise RemoteProtocolError("The request does not begin with misfin://.")
        end = self._incoming.search(_SEPARATOR)
        if end < 0:
            if len(self._incoming) >= MAX_B_REQUEST:
                raise RemoteProtocolError("The request has no separator after the address.")
            return
        head = self._incoming.take(end + 1)
        version = _VERSIONS.get(head[-1:])
        if version is None:
            raise RemoteProtocolError("The request ends before its separator.")
        self._recipient = read_target(head[len(SCHEME) : -1])
        self._version = version
        self._room = (MAX_B_REQUEST if version is Version.B else MAX_C_HEADER) - len(head)

    def _maybe_line(self, too_long: str) -> bytes | None:
        """The rest of the line, without its CRLF, once it has arrived."""
        end = self._incoming.find(_CRLF)
        if end + len(_CRLF) > self._room or (end < 0 and len(self._incoming) >= self._room):
            raise RemoteProtocolError(too_long)
        return self._incoming.take(end + len(_CRLF))[: -len(_CRLF)] if end >= 0 else None

    def _maybe_message(self) -> bytes | None:
        if self._version is Version.B:
            return self._maybe_line(f"The request is longer than {MAX_B_REQUEST} bytes.")
        if self._length is None:
            digits = self._maybe_line(f"The request header is longer than {MAX_C_HEADER} bytes.")
            if digits is None:
                return None
            self._length = read_length(digits)
        return self._incoming.take(self._length) if len(self._incoming) >= self._length else None

    def _maybe_request(self) -> MisfinRequest | None:
        if self._version is None:
            self._maybe_target()
        if self._version is None or self._recipient is None:
            return None
        message = self._maybe_message()
        if message is None:
            return None
        if len(self._incoming):
            raise RemoteProtocolError("There are bytes after the end of the message.")
        if defect := defect_of(message, self._version):
            raise RemoteProtocolError(f"The message is not well-formed: {defect}.")
        return MisfinRequest(self._recipient.mailbox, self._recipient.hostname, message, self._version)
