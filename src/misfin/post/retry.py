"""After a try: is the message taken, tried again, held for a person, or given up? Pure rules.

The table is in docs/mail-on-disk.md §5: what is temporary is tried again after growing pauses, what a server
asked to wait for after that time, all for three days, or for five tries where that takes longer. Which answer
of which protocol is temporary is the transport's to say (transport.py). The clock and chance come in as
arguments.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType

from misfin.post.endings import Accepted, Ask, Pace, Permanent, Result, Temporary, Unknown, Wait
from misfin.store.outgoing.deliveries import History, Question
from misfin.valueclass import dataclass

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
KEEP_TRYING = 3 * DAY
"""Seconds from a delivery's first try (or a person's last "try again") until it counts as failed."""
ENOUGH_TRIES = 5
"""Failures it takes for that as well: a computer that slept for a week has not tried for three days."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The other side has it; ``delivered`` as in :class:`~misfin.post.transport.Accepted`."""

    delivered: bool


class Reason(StrEnum):
    """Why a delivery waits: which pause grows next time, and whether all of its route waits with it."""

    DELIVERY = "delivery"
    SLOW_DOWN = "slow down"
    """The server asked for it: no failure."""
    ROUTE_AWAY = "route away"


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
    """Given up; it stays in the outbox with these words."""

    why: str


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """It was sent, and nobody knows whether it arrived; never repeated without a person."""

    why: str


Verdict = Taken | Retry | Hold | Fail | UnknownOutcome


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


PAUSES = MappingProxyType(
    {
        Pace.SOON: Pauses(1 * MINUTE, 2 * HOUR),
        Pace.MINUTES: Pauses(5 * MINUTE, 6 * HOUR),  # "a few minutes" at first (docs/protocol.md §2)
        Pace.HOURS: Pauses(2 * HOUR, 24 * HOUR),  # six tries or so in three days
    }
)
_WAIT_JITTER = 0.1  # docs/protocol.md §2.1


def next_try(history: History, result: Result, words: str, *, now: float, rand: float) -> Verdict:
    """Decide after a try. ``words`` say what happened; ``history`` is as before this try.

    ``rand`` is in 0..1: two programs must not try in step.
    """
    match result:
        case Accepted(delivered):
            return Taken(delivered)
        case Wait(seconds):
            asked = Pauses(min(max(seconds, 1.0), HOUR), HOUR, _WAIT_JITTER)
            return _retry(asked, history.slowdowns, history.since, words, now, rand, Reason.SLOW_DOWN)
        case Temporary(pace, whole_route):
            reason = Reason.ROUTE_AWAY if whole_route else Reason.DELIVERY
            return _retry(PAUSES[pace], history.failures, history.since, words, now, rand, reason)
        case Ask(question):
            return Hold(question, words)
        case Unknown():
            return UnknownOutcome(words)
        case Permanent():
            return Fail(words)


def _retry(
    pauses: Pauses, count: int, since: float, why: str, now: float, rand: float, reason: Reason
) -> Retry | Fail:
    end = (since or now) + KEEP_TRYING
    at = now + pauses.after(count, rand)
    if now < end:
        # A long pause does not carry the last try far past the end, but no server is asked too soon.
        at = min(at, max(end, now + pauses.first))
    elif count + 1 >= ENOUGH_TRIES:
        return Fail(f"{why} Given up after three days.")
    return Retry(at, why, reason)
