"""Letters a person has to look at, and what follows from the answer: into the inbox, or into the trash."""

from __future__ import annotations

from contextlib import suppress

from misfin.errors import LetterGoneError
from misfin.model.folders import HELD, INBOX, TRASH
from misfin.store import envelope
from misfin.store.maildir import Entry, MailStore, Parcel


def release(store: MailStore, account: str, key: str, *, approved: bool) -> Entry:
    """Put a held letter into the inbox, new; ``approved`` says that its sender's certificate is trusted now.

    An approved letter no longer says that its sender is unproven. Its key stays, and a crash in between
    leaves a letter that can be released once more. Raises :class:`LetterGoneError` when it is no longer
    held, :class:`StoreError` when the disk refuses.
    """
    held, inbox = store.folder(account, HELD), store.folder(account, INBOX)
    if not approved:
        return held.move(key, inbox)
    data = held.read(key)
    words = {**envelope.read(data).verification, "sender": "approved"}
    words.pop("held", None)
    entry = inbox.find(key)  # there already, perhaps read already, when an earlier release was cut off
    if entry is None:
        (entry,) = inbox.deliver_many([Parcel(envelope.with_verification(data, words), key=key)])
    with suppress(LetterGoneError):
        held.remove(key)
    return entry


def refuse(store: MailStore, account: str, key: str) -> Entry:
    """Put a held letter into the trash as it is. Raises as :func:`release`."""
    return store.folder(account, HELD).move(key, store.folder(account, TRASH))
