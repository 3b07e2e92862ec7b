"""Sends a stored e-mail again to other people, as its author wrote it (RFC 5322 §3.6.6)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from misfin.compose.carrying import MAX_LINE, as_quoted_printable, re_encoded, survey
from misfin.compose.finished import Head, completed, read_head
from misfin.email.account import EmailAccount
from misfin.errors import AddressError, InputError
from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient, mail_address
from misfin.post.email.writing import route_of
from misfin.store.message.headers import address_field, format_date
from misfin.store.outgoing.attachments import AttachmentFiles
from misfin.store.outgoing.finished import FinishedMessage
from misfin.store.outgoing.outbox import Outbox


def resend(
    data: bytes,
    account: EmailAccount,
    directory: str,
    to: Sequence[str],
    outbox: Outbox,
    files: AttachmentFiles,
    *,
    now: float,
) -> list[int]:
    """Queue the message ``data`` for these addresses; returns the ids of its deliveries. Blocking.

    Its author, text, date and Message-ID stay. ``Resent-`` fields above them say who passed it on, so that it
    is not mistaken for mail of that person's own; a Bcc field goes. ``directory`` is the account's.

    Raises :class:`AddressError` for what is not an address, :class:`InputError` for a message that e-mail
    cannot carry, and :class:`StoreError`.
    """
    found: dict[str, Recipient] = {}
    for text in to:
        address, name = mail_address(text)
        found.setdefault(address, Recipient(address, route_of(account), name))
    if not found:
        raise AddressError("The message has no recipient.", remedy="Write an address.")
    head = read_head(data)
    body: Iterator[bytes] = iter((data[head.length :],))
    facts = survey((data[head.length :],))
    if not facts.fits:
        head, body = re_encoded(head, facts), as_quoted_printable(body)
    header = _resent(head, account, list(found.values()), now) + _original(head, account, now)
    if max(map(len, header.splitlines())) > MAX_LINE:
        raise InputError(f"A line of the header is over {MAX_LINE} bytes long, which e-mail cannot carry.")
    key, size = files.add_pieces((header, *body))
    return outbox.enqueue(
        account=directory,
        kind=AddressKind.MAIL,
        recipients=list(found.values()),
        attachments=[key],
        message=FinishedMessage(key, account.address).to_bytes(),
        size=size,
        subject=head.subject,
        now=now,
    )


def _resent(head: Head, account: EmailAccount, to: Sequence[Recipient], now: float) -> bytes:
    """One block of fields, above those of earlier senders."""
    fields = (
        address_field("Resent-From", [(account.title, account.address)]),
        address_field("Resent-To", [(each.name, each.address) for each in to]),
        b"Resent-Date: %s\n" % format_date(datetime.fromtimestamp(now, UTC)).encode(),
        b"Resent-Message-ID: %s\n" % _new_id(account).encode(),
    )
    crlf = bool(head.fields) and head.fields[0].raw.endswith(b"\r\n")
    return b"".join(field.replace(b"\n", b"\r\n") if crlf else field for field in fields)


def _original(head: Head, account: EmailAccount, now: float) -> bytes:
    return completed(
        head,
        address=account.address,
        name=account.title,
        now=datetime.fromtimestamp(now, UTC),
        message_id=_new_id(account),
        local=lambda _name: account.address,
    )


def _new_id(account: EmailAccount) -> str:
    return f"<{uuid.uuid4()}@{account.address.rpartition('@')[2]}>"
