"""What the outbox writes down after a try: from a transport's ending, or from what went wrong. Pure."""

from __future__ import annotations

from dataclasses import replace

from misfin.errors import ClaimLostError, LocalError, MisfinError, StoreError
from misfin.post.endings import Ask, Ending, Pace, Permanent, Result, RouteError, Temporary, Unknown
from misfin.post.retry import Fail, Hold, Reason, Retry, Taken, UnknownOutcome, next_try
from misfin.store.outgoing.deliveries import DeliveryState, History, Outcome, Transcript
from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of a try for one delivery."""

    outcome: Outcome
    ending: Ending


def settle(history: History, ending: Ending, now: float, rand: float) -> Settled:
    """Apply the rules of retry.py to what a transport reports; ``rand`` is in 0..1."""
    match next_try(history, ending.result, ending.words, now=now, rand=rand):
        case Taken(delivered):
            outcome = Outcome(DeliveryState.DELIVERED if delivered else DeliveryState.ACCEPTED)
        case Retry(at, why, reason):
            slow = reason is Reason.SLOW_DOWN
            alone = reason is Reason.DELIVERY
            outcome = Outcome(
                DeliveryState.DEFERRED,
                why,
                next_attempt=at,
                failure=not slow,
                slowdown=slow,
                whole_route=not alone,
            )
        case Hold(question, why):
            outcome = Outcome(DeliveryState.HELD, why, question=question)
        case Fail(why):
            outcome = Outcome(DeliveryState.FAILED, why)
        case UnknownOutcome(why):
            outcome = Outcome(DeliveryState.UNCERTAIN, why)
    if isinstance(ending.result, Ask):
        asked = ending.result
        outcome = replace(outcome, pin_name=asked.pin_name, pinned=asked.pinned, target=asked.target)
    outcome = replace(outcome, status=ending.status, meta=ending.meta, fingerprint=ending.fingerprint)
    return Settled(outcome, ending)


def interrupted(*, sent: bool, now: float) -> Settled:
    """The end of a try that was stopped in the middle."""
    if sent:
        why = "The program was closed before the answer came; the message may have arrived."
        return _plain(Outcome(DeliveryState.UNCERTAIN, why))
    return _plain(
        Outcome(
            DeliveryState.WAITING, "The program was closed before the message was sent.", next_attempt=now
        )
    )


def raised(error: Exception, history: History, *, sent: bool, now: float, rand: float) -> Settled:
    """The end of a try in which a transport raised instead of reporting."""
    if isinstance(error, RouteError) and not sent:
        return settle(history, error.ending, now, rand)
    if isinstance(error, ClaimLostError):
        return _stopped_by_another(sent=sent, now=now)
    if isinstance(error, MisfinError):
        ours = isinstance(error, LocalError) and not isinstance(error, StoreError)
        away = Temporary(Pace.SOON, whole_route=True)  # the other side, or our own disk
        result: Result = Unknown() if sent else Permanent() if ours else away
        words = sentence_of(error)
        return settle(history, Ending(result, words, Transcript(error=str(error))), now, rand)
    return _broken(error, sent=sent)


def _stopped_by_another(*, sent: bool, now: float) -> Settled:
    """Another delivery of the job was cancelled or taken, so the job was given up; the rest can go now."""
    why = "Sending stopped because another recipient was cancelled"
    if sent:  # before the others of the job
        return _plain(Outcome(DeliveryState.UNCERTAIN, f"{why}; this copy may have arrived."))
    return _plain(Outcome(DeliveryState.WAITING, f"{why}; it goes on.", next_attempt=now))


def _broken(bug: Exception, *, sent: bool) -> Settled:
    """This program itself failed: the message is neither lost nor tried forever."""
    why = f"There was an internal error ({type(bug).__name__}); please report it."
    if sent:
        return _plain(Outcome(DeliveryState.UNCERTAIN, f"{why} The message may have arrived."))
    return _plain(Outcome(DeliveryState.FAILED, f"{why} The message was not sent."))


def _plain(outcome: Outcome) -> Settled:
    # The result is not used any more; the outcome says it all.
    return Settled(outcome, Ending(Unknown(), outcome.why, Transcript(error=outcome.why)))


def sentence_of(error: Exception) -> str:
    """What happened and what to do, in one line."""
    remedy = error.remedy if isinstance(error, MisfinError) else ""
    return f"{error} {remedy}".strip()
