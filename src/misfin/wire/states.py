"""The states of one Misfin transaction, as one table for both client and server.

Two rules keep it readable: every change of state goes through :meth:`Transaction.happens`, and nothing here
knows whether it runs in a client or a server. A pair not in the table is a bug in the calling program.
"""

from __future__ import annotations

from enum import Enum

from misfin.errors import LocalProtocolError


class ProtocolState(Enum):
    """The state of a transaction."""

    IDLE = "idle"
    """No byte of the request has been sent or received."""
    REQUESTING = "requesting"
    """Part of the request has been sent or received."""
    ANSWERING = "answering"
    """The request is complete; the answer is due."""
    BROKEN = "broken"
    """One side broke the protocol; only an answer saying so may follow."""
    DONE = "done"
    """The answer has been given: nothing else may happen on this connection."""
    CUT = "cut"
    """The connection ended before that."""


class Event(Enum):
    """What can happen in a transaction."""

    REQUEST_BEGINS = "request begins"
    REQUEST_ENDS = "request ends"
    RESPONSE = "response"
    VIOLATION = "violation"
    EOF = "eof"


# A response may come before the request is whole: a refusal or a time-out notice need not wait for it.
TRANSITIONS: dict[ProtocolState, dict[Event, ProtocolState]] = {
    ProtocolState.IDLE: {
        Event.REQUEST_BEGINS: ProtocolState.REQUESTING,
        Event.RESPONSE: ProtocolState.DONE,
        Event.VIOLATION: ProtocolState.BROKEN,
        Event.EOF: ProtocolState.CUT,
    },
    ProtocolState.REQUESTING: {
        Event.REQUEST_ENDS: ProtocolState.ANSWERING,
        Event.RESPONSE: ProtocolState.DONE,
        Event.VIOLATION: ProtocolState.BROKEN,
        Event.EOF: ProtocolState.CUT,
    },
    ProtocolState.ANSWERING: {
        Event.RESPONSE: ProtocolState.DONE,
        Event.VIOLATION: ProtocolState.BROKEN,
        Event.EOF: ProtocolState.CUT,
    },
    ProtocolState.BROKEN: {
        Event.RESPONSE: ProtocolState.DONE,
        Event.EOF: ProtocolState.CUT,
    },
    ProtocolState.DONE: {},
    ProtocolState.CUT: {},
}


class Transaction:
    """One pass through :data:`TRANSITIONS`."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = ProtocolState.IDLE

    def happens(self, event: Event) -> None:
        """Change state; raises :class:`~misfin.errors.LocalProtocolError` if the table has no such step."""
        try:
            self.state = TRANSITIONS[self.state][event]
        except KeyError:
            raise LocalProtocolError(
                f"There is no {event.value!r} in the state {self.state.value!r}."
            ) from None

    @property
    def over(self) -> bool:
        """True when nothing more can happen."""
        return not TRANSITIONS[self.state]
