"""The course of a POP3 connection as one table (RFC 1939 §3)."""

from __future__ import annotations

from enum import Enum
from typing import Final

from misfin.errors import LocalProtocolError


class Pop3State(Enum):
    """Where a connection stands."""

    GREETING = "greeting"
    """Nothing has come from the server."""
    AUTHORIZATION = "authorization"
    STARTING_TLS = "starting TLS"
    """The server agreed to TLS: no byte of POP3 may come or go before the handshake is done."""
    TRANSACTION = "transaction"
    UPDATE = "update"
    """We have said QUIT, whose OK makes deletions real, or the server that it has had enough."""
    CLOSED = "closed"
    """The connection ended, or the server broke the protocol: nothing more may be read or written."""


class Pop3Step(Enum):
    """What moves a connection on."""

    GREETED = "greeting"
    TLS_AGREED = "agreement to TLS"
    TLS_BEGUN = "TLS handshake"
    LOGGED_IN = "login"
    QUIT = "goodbye"
    ENDED = "end of the connection"


_ENDS: Final = {Pop3Step.QUIT: Pop3State.UPDATE, Pop3Step.ENDED: Pop3State.CLOSED}

TRANSITIONS: Final[dict[Pop3State, dict[Pop3Step, Pop3State]]] = {
    Pop3State.GREETING: {
        Pop3Step.GREETED: Pop3State.AUTHORIZATION,
        **_ENDS,
    },
    Pop3State.AUTHORIZATION: {
        Pop3Step.TLS_AGREED: Pop3State.STARTING_TLS,
        Pop3Step.LOGGED_IN: Pop3State.TRANSACTION,
        **_ENDS,
    },
    Pop3State.STARTING_TLS: {
        Pop3Step.TLS_BEGUN: Pop3State.AUTHORIZATION,
        Pop3Step.ENDED: Pop3State.CLOSED,
    },
    Pop3State.TRANSACTION: {**_ENDS},
    Pop3State.UPDATE: {**_ENDS},
    Pop3State.CLOSED: {Pop3Step.ENDED: Pop3State.CLOSED},
}

AUTHORIZATION: Final = frozenset({Pop3State.AUTHORIZATION})
TRANSACTION: Final = frozenset({Pop3State.TRANSACTION})
EITHER: Final = AUTHORIZATION | TRANSACTION


class Pop3Course:
    """One walk through :data:`TRANSITIONS`."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = Pop3State.GREETING

    def happens(self, step: Pop3Step) -> None:
        """Move on; raises :class:`~misfin.errors.LocalProtocolError` where the table has no such step."""
        try:
            self.state = TRANSITIONS[self.state][step]
        except KeyError:
            raise LocalProtocolError(f"There is no {step.value} in the state {self.state.value!r}.") from None
