"""The outbox in few words, for tests that queue and claim one delivery at a time."""

from __future__ import annotations

from misfin.compose.recipients import read_address
from misfin.model.recipient import Recipient
from misfin.post.misfin.addresses import recipient_of
from misfin.store.outgoing.outbox import Claim, Claimed, Outbox, OutboxRow, Outcome, Transcript


def recipients(*texts: str) -> list[Recipient]:
    """Misfin addresses as the outbox takes them."""
    return [recipient_of(read_address(text)) for text in texts]


def claimed(outbox: Outbox, now: float, **limits) -> Claimed | None:
    """The one delivery of the next claim, if anything is due."""
    claim = outbox.claim(now, **limits)
    if claim is None:
        return None
    (delivery,) = claim.deliveries
    return delivery


def finish(
    outbox: Outbox, what: Claim | Claimed, outcome: Outcome, transcript: Transcript, now: float
) -> bool:
    """End one attempt; whether the row was still ours."""
    (delivery,) = what.deliveries if isinstance(what, Claim) else (what,)
    (ours,) = outbox.finish([(delivery, outcome, transcript)], now)
    return ours


def follow(outbox: Outbox, row_id: int, now: float) -> OutboxRow | None:
    """A person lets a copy go where its redirect points."""
    row = outbox.row(row_id)
    assert row is not None
    (there,) = recipients(row.target or row.to)
    return outbox.follow(row_id, there, now)
