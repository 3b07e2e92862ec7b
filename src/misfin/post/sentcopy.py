"""The sender's own copy of a letter that has arrived somewhere."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from misfin.errors import IdentityError
from misfin.model.address import MisfinAddress
from misfin.model.folders import SENT
from misfin.model.gemmail import Version
from misfin.store import drafts
from misfin.store.envelope import wrap_sent
from misfin.store.maildir import Parcel

if TYPE_CHECKING:
    from misfin.store.identities import IdentityStore
    from misfin.store.maildir import MailStore
    from misfin.store.outbox import Outgoing


def write_sent_copy(store: MailStore, identities: IdentityStore, letter: Outgoing) -> None:
    """Put the letter into Sent, under a name of its own: a repetition comes to the same file."""
    account = MisfinAddress.parse(letter.account)
    with suppress(IdentityError):
        account = identities.load(letter.account).address
    draft = drafts.from_bytes(letter.draft)
    data = wrap_sent(
        letter.message,
        version=Version.C,
        account=account,
        to=[MisfinAddress.parse(to) for to in letter.recipients],
        now=datetime.fromtimestamp(letter.created, UTC),
        in_reply_to=draft.in_reply_to if draft else "",
        references=draft.references if draft else (),
    )
    folder = store.folder(letter.account, SENT)
    if not folder.exists():
        store.create(letter.account)
    key = f"{int(letter.created)}.G{letter.group}.outbox"
    folder.deliver_many([Parcel(data, "S", letter.created, key)])
