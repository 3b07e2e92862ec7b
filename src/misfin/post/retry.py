"""After an attempt: is the message delivered, tried again, kept for a person, or given up? Pure rules.

The table is docs/mail-on-disk.md §5 with docs/protocol.md §2: 4x is tried again after growing pauses, 44
after the time the server names, 45 after hours, all for three days, or for five tries where that takes
longer; 5x and 6x are final; redirects and missing identities are for a person to decide. The clock and chance
come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from misfin.model.status import Advice, advice, delay_of, explain
from misfin.store.outgoing.deliveries import History, Question

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
KEEP_TRYING = 3 * DAY
"""Seconds from a message's first attempt (or a person's last "try again") until it counts as failed."""
ENOUGH_TRIES = 5
"""Failures it takes for that as well: a computer that slept for a week has not tried for three days."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has it."""


class Reason(StrEnum):
    """Why a message waits: which pause grows next time, and whether the host's other messages wait with
    it."""

    MESSAGE = "message"
    SLOW_DOWN = "slow down"
    """The server asked for it: no failure."""
    HOST_AWAY = "host away"


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again at ``at`` (Unix seconds)."""

    at: float
    why: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep it until a person has answered."""

    question: Question
    why: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Given up; the message stays in the outbox with these words."""

    why: str


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """It left and nobody knows whether it arrived; never repeated without a person."""

    why: str


Verdict = Delivered | Retry | Hold | Fail | UnknownOutcome


class Fault(StrEnum):
    """Ends of an attempt that came without a status."""

    UNREACHABLE = "unreachable"
    """No such name, no connection, no TLS, or silence, all before the message began to leave."""
    CERTIFICATE_CHANGED = "certificate changed"
    FIRST_USE = "first use"
    TOO_LARGE = "too large"
    """More than the host's protocol version takes (a B-only host, in practice)."""
    NO_IDENTITY = "no identity"
    UNWRITABLE = "unwritable"
    """The message itself cannot be sent by any route: our own fault, final."""
    OUTCOME_UNKNOWN = "outcome unknown"


@dataclass(frozen=True, slots=True)
class Pauses:
    """Growing pauses in seconds: the first, doubled each time up to ``most``, plus up to ``jitter`` of it."""

    first: float
    most: float
    jitter: float = 0.25

    def after(self, count: int, rand: float) -> float:
        """The pause after ``count`` earlier ones; ``rand`` is in 0..1. Never shorter than ``first``."""
        # Bounded before the power: a count of thousands must not make a number of thousands of digits.
        return min(self.first * (1 << min(count, 20)), self.most) * (1 + self.jitter * rand)


TEMPORARY = Pauses(5 * MINUTE, 6 * HOUR)
"""4x: "a few minutes" at first (docs/protocol.md §2)."""
MAILBOX_FULL = Pauses(2 * HOUR, 24 * HOUR)
"""45: six tries or so in three days."""
UNREACHED = Pauses(1 * MINUTE, 2 * HOUR)
"""Nobody was bothered by the attempt, and our own network may be back any moment."""
_WAIT_JITTER = 0.1  # docs/protocol.md §2.1

_PAUSES = MappingProxyType({Advice.RETRY: TEMPORARY, Advice.RETRY_SLOWLY: MAILBOX_FULL})
_QUESTIONS = MappingProxyType(
    {
        Advice.REDIRECT_ONCE: Question.REDIRECT_ONCE,
        Advice.REDIRECT_ALWAYS: Question.REDIRECT_ALWAYS,
        Advice.NEED_IDENTITY: Question.NEEDS_IDENTITY,
        Fault.CERTIFICATE_CHANGED: Question.CHANGED_CERTIFICATE,
        Fault.FIRST_USE: Question.FIRST_USE,
        Fault.TOO_LARGE: Question.TOO_LARGE,
        Fault.NO_IDENTITY: Question.NEEDS_IDENTITY,
    }
)


def next_try(history: History, result: int | Fault, words: str, *, now: float, rand: float) -> Verdict:
    """Decide after an attempt. ``result`` is the status of the answer, or the fault that came instead.

    ``words`` is META for a status and the sentence about the fault otherwise. ``rand`` is in 0..1: two
    programs must not knock in step. ``history`` is as before this attempt.
    """
    if isinstance(result, Fault):
        return _after_fault(history, result, words, now, rand)
    advised, sentence = advice(result), explain(result, words)
    if advised is Advice.DELIVERED:
        return Delivered()
    if advised is Advice.WAIT:
        asked = Pauses(float(delay_of(words)), HOUR, _WAIT_JITTER)
        return _retry(asked, history.slowdowns, history.since, sentence, now, rand, Reason.SLOW_DOWN)
    if pauses := _PAUSES.get(advised):
        return _retry(pauses, history.failures, history.since, sentence, now, rand, Reason.MESSAGE)
    if question := _QUESTIONS.get(advised):
        return Hold(question, sentence)
    return Fail(sentence)


def _after_fault(history: History, fault: Fault, sentence: str, now: float, rand: float) -> Verdict:
    if fault is Fault.UNREACHABLE:
        return _retry(UNREACHED, history.failures, history.since, sentence, now, rand, Reason.HOST_AWAY)
    if fault is Fault.OUTCOME_UNKNOWN:
        return UnknownOutcome(sentence)
    if question := _QUESTIONS.get(fault):
        return Hold(question, sentence)
    return Fail(sentence)


def _retry(
    pauses: Pauses, count: int, since: float, why: str, now: float, rand: float, reason: Reason
) -> Retry | Fail:
    end = (since or now) + KEEP_TRYING
    at = now + pauses.after(count, rand)
    if now < end:
        # A long pause does not carry the last try far past the end, but no server is asked too soon.
        at = min(at, max(end, now + pauses.first))
    elif count + 1 >= ENOUGH_TRIES:
        return Fail(f"{why} It was tried for three days.")
    return Retry(at, why, reason)
