"""From draft to outbox and back: at each step, whenever the power goes, the letter is in one of the two."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from misfin.errors import MessageTooLargeError
from misfin.model.gemmail import MAX_MESSAGE, GemmailMessage, Version
from misfin.store import drafts
from misfin.store.drafts import Draft, DraftBox
from misfin.store.outbox import Outbox, with_port


def submit(
    outbox: Outbox, draft: Draft, *, now: float, hold: float = 0.0, box: DraftBox | None = None
) -> list[int]:
    """Queue a letter for all its recipients, then remove its draft from ``box``; return the ids of the rows.

    Nothing leaves for ``hold`` seconds (undo send). Submitting the same draft twice, say because the program
    died in between, queues it once. Raises :class:`AddressError`, :class:`GemmailError` or
    :class:`MessageTooLargeError` for a letter that cannot be sent; it then stays a draft.
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


def take_back(outbox: Outbox, box: DraftBox, row_ids: Sequence[int], *, now: float) -> Draft | None:
    """Stop these copies of one letter and make them a draft again; None where one can no longer be stopped.

    This is "undo send" for all rows of a letter and "edit" for one of them.
    """
    rows = [row for row_id in row_ids if (row := outbox.row(row_id)) is not None]
    letter = outbox.outgoing(rows[0].group) if rows else None
    draft = drafts.from_bytes(letter.draft) if letter is not None else None
    if letter is None or draft is None:
        return None
    if len(rows) < len(letter.recipients):
        # Only some copies come back: a letter of its own, lest two of them share one draft.
        draft = replace(draft, id="", to=tuple(row.to for row in rows))
    saved = box.save(draft, now=now)
    if outbox.cancel(*row_ids, now=now):
        return saved
    box.discard(saved.id)
    return None
