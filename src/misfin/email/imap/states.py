"""The course of an IMAP connection as one table (RFC 3501 §3), and what a command may do to it."""

from __future__ import annotations

from enum import Enum
from typing import Final

from misfin.errors import LocalProtocolError


class ImapState(Enum):
    """Where a connection stands."""

    GREETING = "greeting"
    """Nothing has come from the server."""
    NOT_AUTHENTICATED = "not authenticated"
    STARTING_TLS = "starting TLS"
    """The server agreed to TLS: no byte of IMAP may come or go before the handshake is done."""
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    IDLE = "idle"
    """The server says what changes, by itself; no mailbox is selected."""
    IDLE_SELECTED = "idle in a mailbox"
    LOGGING_OUT = "logging out"
    """One side has said goodbye."""
    CLOSED = "closed"
    """The connection ended, or the server broke the protocol: nothing more may be read or written."""


class ImapStep(Enum):
    """What moves a connection on."""

    GREETED = "greeting"
    PREAUTHENTICATED = "greeting of a connection that is logged in"
    TLS_AGREED = "agreement to TLS"
    TLS_BEGUN = "TLS handshake"
    LOGGED_IN = "login"
    SELECTED = "selection of a mailbox"
    DESELECTED = "end of a selection"
    IDLING = "beginning of IDLE"
    IDLED = "end of IDLE"
    GOODBYE = "goodbye"
    ENDED = "end of the connection"


_ENDS: Final = {ImapStep.GOODBYE: ImapState.LOGGING_OUT, ImapStep.ENDED: ImapState.CLOSED}

# A SELECT that fails leaves no mailbox selected, whatever was selected before (RFC 3501 §6.3.1).
TRANSITIONS: Final[dict[ImapState, dict[ImapStep, ImapState]]] = {
    ImapState.GREETING: {
        ImapStep.GREETED: ImapState.NOT_AUTHENTICATED,
        ImapStep.PREAUTHENTICATED: ImapState.AUTHENTICATED,
        **_ENDS,
    },
    ImapState.NOT_AUTHENTICATED: {
        ImapStep.TLS_AGREED: ImapState.STARTING_TLS,
        ImapStep.LOGGED_IN: ImapState.AUTHENTICATED,
        **_ENDS,
    },
    ImapState.STARTING_TLS: {
        ImapStep.TLS_BEGUN: ImapState.NOT_AUTHENTICATED,
        ImapStep.ENDED: ImapState.CLOSED,
    },
    ImapState.AUTHENTICATED: {
        ImapStep.SELECTED: ImapState.SELECTED,
        ImapStep.DESELECTED: ImapState.AUTHENTICATED,
        ImapStep.IDLING: ImapState.IDLE,
        ImapStep.IDLED: ImapState.AUTHENTICATED,  # refused before it began
        **_ENDS,
    },
    ImapState.SELECTED: {
        ImapStep.SELECTED: ImapState.SELECTED,
        ImapStep.DESELECTED: ImapState.AUTHENTICATED,
        ImapStep.IDLING: ImapState.IDLE_SELECTED,
        ImapStep.IDLED: ImapState.SELECTED,
        **_ENDS,
    },
    ImapState.IDLE: {ImapStep.IDLED: ImapState.AUTHENTICATED, **_ENDS},
    ImapState.IDLE_SELECTED: {ImapStep.IDLED: ImapState.SELECTED, **_ENDS},
    ImapState.LOGGING_OUT: {ImapStep.GOODBYE: ImapState.LOGGING_OUT, ImapStep.ENDED: ImapState.CLOSED},
    ImapState.CLOSED: {ImapStep.ENDED: ImapState.CLOSED},
}

ANY: Final = frozenset({ImapState.NOT_AUTHENTICATED, ImapState.AUTHENTICATED, ImapState.SELECTED})
"""In which a command that is always allowed may be sent; between the others there is nothing to say."""
BEFORE_LOGIN: Final = frozenset({ImapState.NOT_AUTHENTICATED})
LOGGED_IN: Final = frozenset({ImapState.AUTHENTICATED, ImapState.SELECTED})
SELECTED: Final = frozenset({ImapState.SELECTED})


class ImapCourse:
    """One walk through :data:`TRANSITIONS`."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = ImapState.GREETING

    def happens(self, step: ImapStep) -> None:
        """Move on; raises :class:`~misfin.errors.LocalProtocolError` where the table has no such step."""
        try:
            self.state = TRANSITIONS[self.state][step]
        except KeyError:
            raise LocalProtocolError(f"There is no {step.value} in the state {self.state.value!r}.") from None
