"""The course of an SMTP or LMTP session, as one table of what may be sent when and where a reply leads.

The names of the states are those of smtpproto. Three rules stand beside the table: 421 is an ordinary refusal
after which the session is over, whatever it answers; a refusal of what the table does not list, which only
happens within a group of commands sent together, changes nothing; and an acceptance of it is a violation.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class ClientState(Enum):
    """Where a session stands, as far as the server has confirmed it."""

    __hash__ = object.__hash__  # Enum's own is written in Python, and runs at every look-up in the table

    greeting_expected = "waiting for the server's greeting"
    greeting_received = "ready to say hello"
    authenticating = "logging in"
    authenticated = "logged in"
    ready = "ready"
    mailtx = "in a transaction without recipients"
    recipient_sent = "in a transaction with recipients"
    send_data = "sending the message"
    data_sent = "waiting for the answer to the message"
    finished = "over"


class Command(Enum):
    """What a client says and a server answers; the value is the verb."""

    __hash__ = object.__hash__  # as above

    GREETING = ""
    """Nothing: the server speaks first."""
    EHLO = "EHLO"
    HELO = "HELO"
    LHLO = "LHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    AUTH_DATA = "AUTH data"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    END = "."
    """The end of the message, in LMTP once for each accepted recipient."""
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"


class Next(NamedTuple):
    """Where a reply leads: 2xx, 3xx, and 4xx or 5xx. None: such a reply breaks the protocol."""

    ok: ClientState | None
    refused: ClientState
    more: ClientState | None = None

    @property
    def hoped(self) -> ClientState:
        """Where it leads if all goes well."""
        return self.more or self.ok or self.refused


_S, _C = ClientState, Command


def _idle(state: ClientState) -> dict[Command, Next]:
    """What is possible whenever a command is."""
    return {_C.NOOP: Next(state, state), _C.QUIT: Next(_S.finished, _S.finished)}


def _hello(state: ClientState) -> dict[Command, Next]:
    return {command: Next(_S.ready, state) for command in (_C.EHLO, _C.HELO, _C.LHLO)}


def _between(state: ClientState) -> dict[Command, Next]:
    """Between two messages."""
    start = {_C.MAIL: Next(_S.mailtx, state), _C.RSET: Next(state, state)}
    return {**_idle(state), **_hello(state), **start}


def _transaction(state: ClientState) -> dict[Command, Next]:
    return {
        **_idle(state),
        _C.RCPT: Next(_S.recipient_sent, state),
        _C.DATA: Next(None, state, more=_S.send_data),
        _C.RSET: Next(_S.ready, state),
    }


_LOGIN = Next(_S.authenticated, _S.ready, more=_S.authenticating)

TABLE: dict[ClientState, dict[Command, Next]] = {
    _S.greeting_expected: {_C.GREETING: Next(_S.greeting_received, _S.finished)},
    _S.greeting_received: {**_idle(_S.greeting_received), **_hello(_S.greeting_received)},
    _S.ready: {
        **_between(_S.ready),
        _C.STARTTLS: Next(_S.greeting_received, _S.ready),
        _C.AUTH: _LOGIN,
    },
    _S.authenticating: {_C.AUTH_DATA: _LOGIN},
    _S.authenticated: _between(_S.authenticated),
    _S.mailtx: _transaction(_S.mailtx),
    _S.recipient_sent: _transaction(_S.recipient_sent),
    _S.send_data: {},
    _S.data_sent: {_C.END: Next(_S.ready, _S.ready)},
    _S.finished: {},
}

GROUPED = frozenset({Command.MAIL, Command.RCPT, Command.RSET})
"""What may be followed by another command before its reply has come (RFC 2920 §3.1)."""

LAST_OF_GROUP = GROUPED | {Command.DATA, Command.NOOP, Command.QUIT}
"""What may follow those."""

NO_EHLO = frozenset({500, 501, 502, 504})
"""Refusals of EHLO by a server that may still know HELO."""
