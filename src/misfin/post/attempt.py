"""One attempt at one message: from a claim to what the outbox writes down about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.errors import (
    ClaimLostError,
    DeliveryError,
    IdentityError,
    LocalError,
    MessageTooLargeError,
    MisfinError,
    OutcomeUnknownError,
    StoreError,
)
from misfin.model.address import MisfinAddress, same_person
from misfin.model.gemmail import Version
from misfin.model.status import StatusCode, is_redirect
from misfin.post.retry import Delivered, Fail, Fault, Hold, Reason, Retry, UnknownOutcome, Verdict, next_try
from misfin.store.outgoing.outbox import Claim, DeliveryState, Outcome, Question, Transcript, with_port
from misfin.trust.refusal import CertificateChangedError, TrustError
from misfin.trust.tofu import pin_name

if TYPE_CHECKING:
    from misfin.net.client import Delivery, MisfinClient, Try

MAX_HOPS = 5  # redirects one message may follow (docs/protocol.md §2)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended. ``reason`` says whether other messages for the host should wait with this one."""

    outcome: Outcome
    transcript: Transcript
    reason: Reason | None = None
    delivery: Delivery | None = None


class Attempt:
    """Used once. ``left`` is true while bytes of a request may be on the wire, or be answered yet.

    ``mark_leaving`` and ``mark_refused`` make both ends of that time durable.
    """

    def __init__(
        self,
        claim: Claim,
        mark_leaving: Callable[[], Awaitable[None]],
        mark_refused: Callable[[], Awaitable[None]],
    ) -> None:
        self.claim = claim
        self.left = False
        self._mark_leaving = mark_leaving
        self._mark_refused = mark_refused
        self._last: Try | None = None

    async def run(
        self,
        client: MisfinClient,
        own: MisfinAddress,
        now: Callable[[], float],
        rand: float,
        complaints: Sequence[str] = (),
    ) -> Ending:
        """Hand the message over, one hop; never raises but for cancellation and bugs.

        ``complaints`` are what is wrong with our identity: the likely reason for a 62.
        """
        claim = self.claim
        try:
            delivery = await client.deliver(
                claim.address,
                claim.message,
                before_write=self._before_write,
                refused=self._refused,
                tried=self._note,
            )
        except MisfinError as error:
            return self._after_error(error, now(), rand)
        return self._after_answer(delivery, own, now(), rand, complaints)

    def interrupted(self, now: float) -> Ending:
        """The ending of an attempt that was stopped in the middle."""
        if self.left:
            why = "The program was closed before the answer came; the message may have arrived."
            return Ending(Outcome(DeliveryState.UNCERTAIN, why), Transcript(error=why))
        why = "The program was closed before the message was sent."
        return Ending(Outcome(DeliveryState.WAITING, why, next_attempt=now), Transcript(error=why))

    def broken(self, bug: Exception, now: float) -> Ending:
        """The ending of an attempt in which this program itself failed: neither lost nor tried for ever."""
        why = f"This program failed ({type(bug).__name__}); please report it."
        if self.left:
            return Ending(
                Outcome(DeliveryState.UNCERTAIN, f"{why} The message may have arrived."),
                Transcript(error=why),
            )
        return Ending(
            Outcome(DeliveryState.FAILED, f"{why} The message was not sent."), Transcript(error=why)
        )

    def without_identity(self, error: Exception, now: float) -> Ending:
        """The ending of an attempt whose sender has no usable identity."""
        why = f"The identity of {self.claim.row.account} cannot be used. {sentence_of(error)}"
        return self._concluded(Fault.NO_IDENTITY, why, now, 0.0, Transcript(error=str(error)))

    async def _before_write(self) -> None:
        await self._mark_leaving()
        # From here to the first byte nothing is awaited.
        self.left = True

    async def _refused(self) -> None:
        # In so many words, so it did not arrive; and nothing of the next try has left yet.
        self.left = False
        with suppress(StoreError):  # the mark that stays is the careful one
            await self._mark_refused()

    def _note(self, done: Try) -> None:
        self._last = done

    # ---- endings ----------------------------------------------------------------------------------

    def _after_answer(
        self, delivery: Delivery, own: MisfinAddress, now: float, rand: float, complaints: Sequence[str]
    ) -> Ending:
        response = delivery.response
        transcript = _transcript_of(delivery)
        if delivery.b_impossible is not None and response.status == StatusCode.BAD_REQUEST:
            # The host speaks only Misfin(B), and this message has no B form: that it refused C is not the
            # end.
            ending = self._concluded(
                Fault.TOO_LARGE, sentence_of(delivery.b_impossible), now, rand, transcript, delivery
            )
            if not isinstance(delivery.b_impossible, MessageTooLargeError):
                outcome = Outcome(DeliveryState.HELD, ending.outcome.why, question=Question.PERSON)
                ending = Ending(outcome, transcript, None, delivery)
            return ending
        if not is_redirect(response.status):
            more = complaints if response.status == StatusCode.CERTIFICATE_INVALID else ()
            if delivery.b_impossible is not None:  # after a 40, which may be as temporary as it says
                more = (f"It was not tried as Misfin(B): {sentence_of(delivery.b_impossible)}",)
            return self._concluded(response.status, response.meta, now, rand, transcript, delivery, more=more)
        target = response.redirect_address
        if problem := self._redirect_problem(target, own):
            outcome = Outcome(DeliveryState.FAILED, problem, status=response.status, meta=response.meta)
            return Ending(outcome, transcript, None, delivery)
        assert target is not None
        return self._concluded(
            response.status, response.meta, now, rand, transcript, delivery, target=with_port(target)
        )

    def _redirect_problem(self, target: MisfinAddress | None, own: MisfinAddress) -> str:
        """Why a redirect cannot even be asked about (docs/protocol.md §2); empty where it can."""
        claim = self.claim
        if target is None:
            return "The server redirects the message, but to something that is not an address."
        if same_person(target, own):
            return "The server redirects the message back to yourself."
        if len(claim.hops) >= MAX_HOPS:
            return f"The message was redirected more than {MAX_HOPS} times."
        if with_port(target) in (claim.row.to, *claim.hops):
            return f"The server redirects the message to {target.address}, where it has been already."
        return ""

    def _after_error(self, error: MisfinError, now: float, rand: float) -> Ending:
        transcript = _transcript_of_error(error, self._last)
        if isinstance(error, TrustError):
            changed = isinstance(error, CertificateChangedError)
            return self._concluded(
                Fault.CERTIFICATE_CHANGED if changed else Fault.FIRST_USE,
                sentence_of(error),
                now,
                rand,
                transcript,
                pin_name=pin_name(error.hostname, error.port),
                pinned=error.pin.spki_sha256 if isinstance(error, CertificateChangedError) else "",
            )
        return self._concluded(self._fault_of(error), sentence_of(error), now, rand, transcript)

    def _fault_of(self, error: MisfinError) -> Fault:
        match error:
            case OutcomeUnknownError():
                return Fault.OUTCOME_UNKNOWN
            case DeliveryError():
                return Fault.UNREACHABLE
            case StoreError() | ClaimLostError():
                # Our own disk failed, perhaps after the message had left: then nobody knows.
                return Fault.OUTCOME_UNKNOWN if self.left else Fault.UNREACHABLE
            case MessageTooLargeError(version=Version.B):
                return Fault.TOO_LARGE
            case IdentityError():
                return Fault.NO_IDENTITY
            case LocalError():
                return Fault.UNWRITABLE
            case _:
                return Fault.OUTCOME_UNKNOWN if self.left else Fault.UNREACHABLE

    def _concluded(
        self,
        result: int | Fault,
        words: str,
        now: float,
        rand: float,
        transcript: Transcript,
        delivery: Delivery | None = None,
        *,
        more: Sequence[str] = (),
        target: str = "",
        pin_name: str = "",
        pinned: str = "",
    ) -> Ending:
        verdict = next_try(self.claim.history, result, words, now=now, rand=rand)
        reason = verdict.reason if isinstance(verdict, Retry) else None
        response = None if delivery is None else delivery.response
        outcome = Outcome(
            _STATES[type(verdict)],
            "" if isinstance(verdict, Delivered) else " ".join((verdict.why, *more)),
            status=0 if response is None else response.status,
            meta="" if response is None else response.meta,
            fingerprint="" if response is None else response.fingerprint or "",
            next_attempt=verdict.at if isinstance(verdict, Retry) else 0.0,
            question=verdict.question if isinstance(verdict, Hold) else None,
            pin_name=pin_name,
            pinned=pinned,
            target=target,
            failure=reason in (Reason.MESSAGE, Reason.HOST_AWAY),
            slowdown=reason is Reason.SLOW_DOWN,
        )
        return Ending(outcome, transcript, reason, delivery)


_STATES: dict[type[Verdict], DeliveryState] = {
    Delivered: DeliveryState.DELIVERED,
    Retry: DeliveryState.DEFERRED,
    Hold: DeliveryState.HELD,
    Fail: DeliveryState.FAILED,
    UnknownOutcome: DeliveryState.UNCERTAIN,
}


def sentence_of(error: Exception) -> str:
    """What happened and what to do, in one line."""
    remedy = error.remedy if isinstance(error, MisfinError) else ""
    return f"{error} {remedy}".strip()


def _transcript_of(delivery: Delivery) -> Transcript:
    certificate = delivery.certificate
    return Transcript(
        host=delivery.hostname,
        port=delivery.port,
        version=delivery.version,
        certificate="" if certificate is None else certificate.fingerprints.cert,
        decision=delivery.decision or "",
        request=delivery.request,
        response=f"{delivery.response.status} {delivery.response.meta}".rstrip(),
        error=" ".join(delivery.notes),
    )


def _transcript_of_error(error: MisfinError, last: Try | None) -> Transcript:
    if not isinstance(error, DeliveryError):
        return Transcript(error=str(error))
    certificate = last.certificate if last else None
    return Transcript(
        host=error.hostname,
        port=error.port,
        version=last.version if last else "",
        certificate=certificate.fingerprints.cert if certificate else "",
        decision=str(Fault.CERTIFICATE_CHANGED) if isinstance(error, CertificateChangedError) else "",
        request=last.request if last else b"",
        error=str(error),
    )
