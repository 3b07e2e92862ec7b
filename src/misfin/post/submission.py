"""From draft to outbox: at each step, whenever the power goes, the message is in one of the two."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.store.outgoing import drafts

if TYPE_CHECKING:
    from misfin.post.transport import Composed, Transport
    from misfin.store.outgoing.drafts import Draft, DraftBox
    from misfin.store.outgoing.outbox import Outbox


def submit(
    outbox: Outbox,
    box: DraftBox | None,
    draft: Draft,
    transport: Transport,
    *,
    now: float,
    hold: float = 0.0,
) -> list[int]:
    """Queue a message for all its recipients, then remove its draft from ``box``; return the ids of the rows.

    ``transport`` is that of the draft's account. Nothing is sent for ``hold`` seconds (undo send), nor before
    :attr:`Draft.send_at`. Submitting the same draft twice, say because the program died in between, queues it
    once. Raises what :meth:`~misfin.post.transport.Transport.compose` raises for a message that cannot be
    sent; it then stays a draft.
    """
    if draft.protection and not transport.capabilities.protect:
        raise LocalError("A message from this account cannot be signed or encrypted.")
    composed = transport.compose(draft)
    until = max(now + hold, draft.send_at)
    ids = outbox.enqueue(
        account=draft.account,
        kind=transport.kind,
        recipients=composed.to,
        cc=composed.cc,
        bcc=composed.bcc,
        attachments=(*draft.files(), *composed.files),
        message=composed.kept,
        size=composed.size,
        subject=composed.subject,
        now=now,
        hold_until=until if until > now else 0.0,
        draft=drafts.to_bytes(draft),
        token=f"{draft.id}:{_digest(draft, composed)}" if draft.id else "",
    )
    if box is not None and draft.id:
        box.discard(draft.id)
    return ids


def _digest(draft: Draft, composed: Composed) -> str:
    """What makes a draft the same message as before, whenever it was saved or submitted."""
    written = drafts.to_bytes(replace(draft, id="", modified=0.0))
    # What is signed or encrypted is other bytes each time.
    message = written if draft.protection else composed.kept or written
    everyone = (*composed.to, *composed.cc, *composed.bcc)
    return hashlib.sha256(message + "\n".join(each.address for each in everyone).encode()).hexdigest()
