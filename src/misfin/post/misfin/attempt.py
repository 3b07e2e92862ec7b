"""One try at one Misfin delivery: one hop, and what its answer or its failure means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import ClaimLostError, DeliveryError, MessageTooLargeError, MisfinError
from misfin.model.address import MisfinAddress, same_person
from misfin.model.status import StatusCode, explain, is_redirect
from misfin.post.misfin import results
from misfin.post.misfin.addresses import recipient_of
from misfin.post.misfin.events import HostSeen
from misfin.post.settling import sentence_of
from misfin.post.transport import Ask, Due, Ending, Job, Marks, Permanent
from misfin.store.outgoing.deliveries import Question, Transcript
from misfin.trust.refusal import CertificateChangedError
from misfin.trust.tofu import Decision

if TYPE_CHECKING:
    from misfin.net.client import Delivery, MisfinClient, Try

MAX_HOPS = 5  # redirects one message may follow (docs/protocol.md §2)
_WORTH_SAYING = (Decision.FIRST_USE, Decision.RENEWED)


async def attempt(
    client: MisfinClient, job: Job, own: MisfinAddress, marks: Marks, complaints: Sequence[str] = ()
) -> Ending:
    """Hand the message of ``job`` over; raises only the errors of ``marks``, and for bugs.

    ``complaints`` are what is wrong with our identity: the likely reason for a 62.
    """
    (due,) = job.deliveries
    tries: list[Try] = []
    try:
        delivery = await client.deliver(
            MisfinAddress.parse(due.address),
            job.message.message,
            before_write=marks.sending,
            on_refused=marks.mark_refused,
            on_attempt=tries.append,
        )
    except ClaimLostError:
        raise
    except MisfinError as error:
        result = results.of_error(error, sent=marks.sent)
        return Ending(result, sentence_of(error), _transcript_of_error(error, tries))
    return _after_answer(job, due, delivery, own, complaints)


def _after_answer(
    job: Job, due: Due, delivery: Delivery, own: MisfinAddress, complaints: Sequence[str]
) -> Ending:
    response = delivery.response
    status, meta = response.status, response.meta
    result, words = results.of_status(status, meta), explain(status, meta)
    if delivery.b_impossible is not None and status == StatusCode.BAD_REQUEST:
        # The host speaks only Misfin(B), and this message has no B form: that it refused C is not the end.
        words = sentence_of(delivery.b_impossible)
        if isinstance(delivery.b_impossible, MessageTooLargeError):
            result = Ask(Question.TOO_LARGE)
        else:
            result, status, meta = Ask(Question.PERSON), 0, ""
    elif is_redirect(status):
        target = response.redirect_address
        if problem := _redirect_problem(due, target, own):
            result, words = Permanent(), problem
        elif isinstance(result, Ask) and target is not None:
            result = replace(result, target=recipient_of(target).address)
    elif status == StatusCode.CERTIFICATE_INVALID:
        words = " ".join((words, *complaints))
    elif delivery.b_impossible is not None:  # after a 40, which may be as temporary as it says
        words = f"{words} It was not tried as Misfin(B): {sentence_of(delivery.b_impossible)}"
    return Ending(
        result,
        words,
        _transcript_of(delivery),
        status=status,
        meta=meta,
        fingerprint=response.fingerprint or "",
        events=_met(job.route.name, delivery),
        detail=delivery,
    )


def _redirect_problem(due: Due, target: MisfinAddress | None, own: MisfinAddress) -> str:
    """Why a redirect cannot even be asked about (docs/protocol.md §2); empty where it can."""
    if target is None:
        return "The server redirects the message, but to something that is not an address."
    if same_person(target, own):
        return "The server redirects the message back to you."
    if len(due.hops) >= MAX_HOPS:
        return f"The message was redirected more than {MAX_HOPS} times."
    if recipient_of(target).address in (due.written_to, *due.hops):
        return f"The server redirects the message to {target.address}, where it has already been."
    return ""


def _met(route: str, delivery: Delivery) -> tuple[HostSeen, ...]:
    if delivery.certificate is None or delivery.decision not in _WORTH_SAYING:
        return ()
    return (HostSeen(route, delivery.decision, delivery.certificate),)


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


def _transcript_of_error(error: MisfinError, tries: Sequence[Try]) -> Transcript:
    if not isinstance(error, DeliveryError):
        return Transcript(error=str(error))
    last = tries[-1] if tries else None
    certificate = last.certificate if last else None
    return Transcript(
        host=error.hostname,
        port=error.port,
        version=last.version if last else "",
        certificate=certificate.fingerprints.cert if certificate else "",
        decision="certificate changed" if isinstance(error, CertificateChangedError) else "",
        request=last.request if last else b"",
        error=str(error),
    )
