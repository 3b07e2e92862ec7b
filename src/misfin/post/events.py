"""What a courier tells while it works: small frozen events, each with the row as it is then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.store.outgoing.deliveries import DeliveryState, OutboxRow

if TYPE_CHECKING:
    from misfin.trust.certificate import CertificateInfo
    from misfin.trust.tofu import Decision


@dataclass(frozen=True, slots=True)
class SendingStarted:
    """An attempt began."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Sent:
    """Delivered: the other side answered 2x. ``row.fingerprint`` is the mailbox's, where it named one."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Deferred:
    """Will be tried again at ``row.next_attempt``, for the reason in ``row.why``."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Held:
    """Waits for a person; ``row.question`` says for what. ``row.question_name`` is one for all of a host."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Failed:
    """Given up, for the reason in ``row.why``."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Left, and nobody knows whether it arrived."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class HostSeen:
    """A host was met for the first time, or with a new certificate for its old key; ``name`` is its pin."""

    name: str
    decision: Decision
    certificate: CertificateInfo


@dataclass(frozen=True, slots=True)
class MailboxKeyChanged:
    """After a delivery: the recipient's server named another fingerprint than before (docs/protocol.md §4.4).

    ``before`` and ``now`` are 64 hex digits. It cannot protect the message that was sent.
    """

    address: str
    before: str
    now: str

    @property
    def text(self) -> str:
        """One warning sentence and what to do."""
        return (
            f"The server of {self.address} names another certificate for it than before: {self.now}, before"
            f" {self.before}. The message was delivered. A renewed certificate looks like this, and so does"
            " another key: ask the recipient through another channel which it is."
        )


@dataclass(frozen=True, slots=True)
class CourierNotice:
    """Something to know that stops no message, told once per host or identity, in a sentence or two."""

    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Our own disk makes difficulties: one sentence, with what to do."""

    text: str


Event = (
    SendingStarted
    | Sent
    | Deferred
    | Held
    | Failed
    | Uncertain
    | HostSeen
    | MailboxKeyChanged
    | CourierNotice
    | Trouble
)

_BY_STATE: dict[DeliveryState, Callable[[OutboxRow], Event]] = {
    DeliveryState.DELIVERED: Sent,
    DeliveryState.DEFERRED: Deferred,
    DeliveryState.HELD: Held,
    DeliveryState.FAILED: Failed,
    DeliveryState.UNCERTAIN: Uncertain,
}


def event_of(row: OutboxRow) -> Event | None:
    """The event for a row whose attempt has just ended; None where a person stopped it."""
    make = _BY_STATE.get(row.state)
    return None if make is None else make(row)
