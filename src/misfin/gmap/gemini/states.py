"""The states of one Gemini transaction, as one table. A pair not in it is a bug in the calling program."""

from __future__ import annotations

from enum import Enum
from typing import Final

from misfin.errors import LocalProtocolError


class GeminiState(Enum):
    """The state of a transaction."""

    IDLE = "idle"
    """The request has not been queued yet."""
    REQUESTING = "requesting"
    """The request is queued and has not been handed out."""
    ANSWERING = "answering"
    """The request was handed out; the header of the answer is due."""
    BODY = "body"
    """The header has come, and said that a body follows until the connection ends."""
    DONE = "done"
    """The answer is whole."""
    BROKEN = "broken"
    """The answer cannot be used: nothing more may happen."""


class GeminiStep(Enum):
    """What can happen in a transaction."""

    REQUEST_QUEUED = "request queued"
    REQUEST_SENT = "request sent"
    HEADER_WITH_BODY = "header with body"
    HEADER_ALONE = "header alone"
    END = "end"
    VIOLATION = "violation"


# A server may refuse before it has read anything (44, 53): a header without a body need not wait.
TRANSITIONS: Final[dict[GeminiState, dict[GeminiStep, GeminiState]]] = {
    GeminiState.IDLE: {
        GeminiStep.REQUEST_QUEUED: GeminiState.REQUESTING,
        GeminiStep.HEADER_ALONE: GeminiState.DONE,
        GeminiStep.VIOLATION: GeminiState.BROKEN,
    },
    GeminiState.REQUESTING: {
        GeminiStep.REQUEST_SENT: GeminiState.ANSWERING,
        GeminiStep.HEADER_ALONE: GeminiState.DONE,
        GeminiStep.VIOLATION: GeminiState.BROKEN,
    },
    GeminiState.ANSWERING: {
        GeminiStep.HEADER_WITH_BODY: GeminiState.BODY,
        GeminiStep.HEADER_ALONE: GeminiState.DONE,
        GeminiStep.VIOLATION: GeminiState.BROKEN,
    },
    GeminiState.BODY: {
        GeminiStep.END: GeminiState.DONE,
        GeminiStep.VIOLATION: GeminiState.BROKEN,
    },
    GeminiState.DONE: {},
    GeminiState.BROKEN: {},
}


def following(state: GeminiState, step: GeminiStep) -> GeminiState:
    """The state after a step; raises :class:`~misfin.errors.LocalProtocolError` if there is none."""
    try:
        return TRANSITIONS[state][step]
    except KeyError:
        raise LocalProtocolError(f"There is no {step.value!r} in the state {state.value!r}.") from None
