"""The sender's own copy of a message that has arrived somewhere."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from misfin.errors import IdentityError
from misfin.model.address import MisfinAddress
from misfin.model.folders import SENT
from misfin.model.gemmail import Version
from misfin.store.mail.maildir import NewMessage
from misfin.store.message.envelope import wrap_sent
from misfin.store.outgoing import drafts

if TYPE_CHECKING:
    from misfin.store.identities import IdentityStore
    from misfin.store.mail.maildir import MailStore
    from misfin.store.outgoing.outbox import Outgoing


def write_sent_copy(store: MailStore, identities: IdentityStore, message: Outgoing) -> None:
    """Put the message into Sent, under a name of its own: a repetition comes to the same file."""
    account = MisfinAddress.parse(message.account)
    with suppress(IdentityError):
        account = identities.load(message.account).address
    draft = drafts.from_bytes(message.draft)
    data = wrap_sent(
        message.message,
        version=Version.C,
        account=account,
        to=[MisfinAddress.parse(to) for to in message.recipients],
        now=datetime.fromtimestamp(message.created, UTC),
        in_reply_to=draft.in_reply_to if draft else "",
        references=draft.references if draft else (),
    )
    folder = store.folder(message.account, SENT)
    if not folder.exists():
        store.create(message.account)
    key = f"{int(message.created)}.G{message.group}.outbox"
    folder.deliver_many([NewMessage(data, "S", message.created, key)])
