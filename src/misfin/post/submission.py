"""From draft to outbox: at each step, whenever the power goes, the message is in one of the two."""

from __future__ import annotations

import hashlib

from misfin.errors import MessageTooLargeError
from misfin.model.gemmail import MAX_MESSAGE, GemmailMessage, Version
from misfin.store.outgoing import drafts
from misfin.store.outgoing.drafts import Draft, DraftBox
from misfin.store.outgoing.outbox import Outbox, with_port


def submit(outbox: Outbox, box: DraftBox | None, draft: Draft, *, now: float, hold: float = 0.0) -> list[int]:
    """Queue a message for all its recipients, then remove its draft from ``box``; return the ids of the rows.

    Nothing leaves for ``hold`` seconds (undo send). Submitting the same draft twice, say because the program
    died in between, queues it once. Raises :class:`AddressError`, :class:`GemmailError` or
    :class:`MessageTooLargeError` for a message that cannot be sent; it then stays a draft.
    """
    message = draft.gemmail()
    if len(message) > MAX_MESSAGE:
        raise MessageTooLargeError(len(message), MAX_MESSAGE, Version.C)
    recipients = [with_port(address) for address in draft.recipients()]
    digest = hashlib.sha256(message + "\n".join(recipients).encode()).hexdigest()
    ids = outbox.enqueue(
        account=draft.account,
        recipients=recipients,
        message=message,
        subject=GemmailMessage.from_bytes(message).subject or "",
        now=now,
        hold_until=now + hold if hold > 0 else 0.0,
        draft=drafts.to_bytes(draft),
        token=f"{draft.id}:{digest}" if draft.id else "",
    )
    if box is not None and draft.id:
        box.discard(draft.id)
    return ids
