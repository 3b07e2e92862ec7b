"""What a courier reports while it works: small frozen events, each with the row as it is then."""

from __future__ import annotations

from collections.abc import Callable

from misfin.store.outgoing.deliveries import DeliveryState, OutboxRow
from misfin.valueclass import dataclass


@dataclass(frozen=True, slots=True)
class SendingStarted:
    """An attempt began."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Sent:
    """Delivered: it is in the mailbox. ``row.fingerprint`` is the mailbox's, where its server named one."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class TakenOn:
    """``row.server`` accepted it and passes it on; we will learn nothing more."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Deferred:
    """Will be tried again at ``row.next_attempt``, for the reason in ``row.why``."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Held:
    """Waits for a person; ``row.question`` says for what. ``row.pin_name`` is one for all of a route."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Failed:
    """Given up, for the reason in ``row.why``."""

    row: OutboxRow


@dataclass(frozen=True, slots=True)
class Uncertain:
    """It was sent, and nobody knows whether it arrived."""

    row: OutboxRow


class News:
    """Something a transport noticed that stops no message; each kind of mail derives its own from this."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CourierNotice:
    """Something to know that stops no message, said once, in a sentence or two."""

    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A problem on this side, such as a full disk: one sentence, with what to do."""

    text: str


Event = (
    SendingStarted | Sent | TakenOn | Deferred | Held | Failed | Uncertain | News | CourierNotice | Trouble
)

_BY_STATE: dict[DeliveryState, Callable[[OutboxRow], Event]] = {
    DeliveryState.DELIVERED: Sent,
    DeliveryState.ACCEPTED: TakenOn,
    DeliveryState.DEFERRED: Deferred,
    DeliveryState.HELD: Held,
    DeliveryState.FAILED: Failed,
    DeliveryState.UNCERTAIN: Uncertain,
}


def event_of(row: OutboxRow) -> Event | None:
    """The event for a row whose attempt has just ended; None where a person stopped it."""
    make = _BY_STATE.get(row.state)
    return None if make is None else make(row)
