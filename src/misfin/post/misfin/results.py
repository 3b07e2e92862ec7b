"""What a Misfin status or a failed connection means for a delivery (docs/protocol.md §2). Pure."""

from __future__ import annotations

from types import MappingProxyType

from misfin.errors import (
    DeliveryError,
    IdentityError,
    LocalError,
    MessageTooLargeError,
    MisfinError,
    OutcomeUnknownError,
    StoreError,
)
from misfin.model.gemmail import Version
from misfin.model.status import Advice, advice, delay_of
from misfin.post.transport import Accepted, Ask, Pace, Permanent, Result, Temporary, Unknown, Wait
from misfin.store.outgoing.deliveries import Question
from misfin.trust.refusal import CertificateChangedError, TrustError
from misfin.trust.tofu import pin_name

AWAY = Temporary(Pace.SOON, whole_route=True)
"""No such name, no connection, no TLS, or silence, all before anything was sent."""

_RESULTS: MappingProxyType[Advice, Result] = MappingProxyType(
    {
        Advice.DELIVERED: Accepted(delivered=True),
        Advice.RETRY: Temporary(Pace.MINUTES),
        Advice.RETRY_SLOWLY: Temporary(Pace.HOURS),
        Advice.REDIRECT_ONCE: Ask(Question.REDIRECT_ONCE),
        Advice.REDIRECT_ALWAYS: Ask(Question.REDIRECT_ALWAYS),
        Advice.NEED_IDENTITY: Ask(Question.NEEDS_IDENTITY),
    }
)


def of_status(status: int, meta: str) -> Result:
    """The table of docs/protocol.md §2: 4x waits, 44 as long as it says, 5x and 6x are final, 3x and 60
    ask."""
    advised = advice(status)
    return Wait(float(delay_of(meta))) if advised is Advice.WAIT else _RESULTS.get(advised, Permanent())


def of_error(error: MisfinError, *, sent: bool) -> Result:
    """What an error instead of an answer means. ``sent``: something may have been sent and not refused."""
    match error:
        case CertificateChangedError():
            return Ask(
                Question.CHANGED_CERTIFICATE, pin_name(error.hostname, error.port), error.pin.spki_sha256
            )
        case TrustError():
            return Ask(Question.FIRST_USE, pin_name(error.hostname, error.port))
        case OutcomeUnknownError():
            return Unknown()
        case DeliveryError():
            return AWAY
        case StoreError():
            # Our own disk failed, perhaps after the message had left: then nobody knows.
            return Unknown() if sent else AWAY
        case MessageTooLargeError(version=Version.B):
            return Ask(Question.TOO_LARGE)
        case IdentityError():
            return Ask(Question.NEEDS_IDENTITY)
        case LocalError():
            return Permanent()
        case _:
            return Unknown() if sent else AWAY
