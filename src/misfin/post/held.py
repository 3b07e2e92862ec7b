"""Messages held for a decision: released into the inbox, or moved to the trash."""

from __future__ import annotations

import os
from contextlib import suppress

from misfin.errors import MessageGoneError
from misfin.model.folders import HELD, INBOX, TRASH
from misfin.store import evidence
from misfin.store.mail.maildir import Entry, MailStore, NewMessage
from misfin.store.message import envelope
from misfin.store.seals import Seals


def release(store: MailStore, account: str, key: str, *, approved: bool) -> Entry:
    """Put a held message into the inbox, new; ``approved`` says that its sender's certificate is trusted now.

    An approved message no longer says that its sender is unproven, and is sealed again. One that our receiver
    did not put there stays as it is: nobody has seen its certificate. Its key stays, and a crash in between
    leaves a message that can be released once more. Raises :class:`MessageGoneError` when it is no longer
    held, :class:`StoreError` when the disk refuses.
    """
    held, inbox, seals = store.folder(account, HELD), store.folder(account, INBOX), Seals(store.root)
    data = held.read(key) if approved else b""
    if not approved or not seals.counts(os.fsencode(key), data):
        return held.move(key, inbox)
    words = evidence.approved(envelope.read(data).verification)
    entry = inbox.find(key)  # there already, perhaps read already, when an earlier release was cut off
    if entry is None:
        released = seals.seal(envelope.with_verification(data, words))
        (entry,) = inbox.deliver_many([NewMessage(released, key=key)])
    with suppress(MessageGoneError):
        held.remove(key)
    return entry


def refuse(store: MailStore, account: str, key: str) -> Entry:
    """Move a held message to the trash as it is. Raises as :func:`release`."""
    return store.folder(account, HELD).move(key, store.folder(account, TRASH))
