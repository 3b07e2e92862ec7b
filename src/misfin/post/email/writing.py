"""From a draft to the e-mail it becomes: who gets it, as who, under which Message-ID."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

from misfin.email.account import EmailAccount
from misfin.email.mime_out import NamedAddress, OutgoingFile, OutgoingMail
from misfin.errors import AddressError, LocalError
from misfin.model.recipient import Recipient, mail_address
from misfin.store.outgoing.attachments import AttachedFile, AttachmentFiles
from misfin.store.outgoing.drafts import Draft


def route_of(account: EmailAccount) -> str:
    """The route of an account's mail. The outbox keeps it, so it never changes for an account."""
    return f"smtp:{account.name}"


def lines_of(draft: Draft, account: EmailAccount) -> tuple[tuple[Recipient, ...], ...]:
    """The recipients of To, Cc and Bcc, nobody twice: the first of these places counts.

    Raises :class:`~misfin.errors.AddressError`.
    """
    seen: set[str] = set()
    lines = []
    for texts in (draft.to, draft.cc, draft.bcc):
        line = []
        for text in texts:
            if not text.strip():
                continue
            address, name = mail_address(text)
            if address not in seen:
                seen.add(address)
                line.append(Recipient(address, route_of(account), name))
        lines.append(tuple(line))
    if not seen:
        raise AddressError("The message has no recipient.", remedy="Add an address to the To line.")
    return tuple(lines)


def author_of(draft: Draft, account: EmailAccount) -> NamedAddress:
    """Who writes: the account, or one of its aliases. Raises :class:`~misfin.errors.AddressError`."""
    address, name = mail_address(draft.sender or account.address)
    return NamedAddress(name or account.title, address)


def mail_of(
    draft: Draft,
    account: EmailAccount,
    lines: Sequence[Sequence[Recipient]],
    files: AttachmentFiles,
    *,
    name: str,
    created: float,
    zone: tzinfo | None = None,
    with_bcc: bool = False,
) -> OutgoingMail:
    """The message of a draft, the same at every try.

    ``name`` and ``created`` (Unix seconds) are those of the queued message. ``zone`` is the time zone of its
    date, by default this computer's. ``with_bcc`` is for the sender's own copy only. Raises
    :class:`~misfin.errors.LocalError`.
    """
    if draft.forwards is not None:
        raise LocalError(
            "A Misfin message cannot be forwarded unchanged by e-mail.",
            remedy="Send it from a Misfin account, or copy its text.",
        )
    to, cc, bcc = lines
    author = author_of(draft, account)
    return OutgoingMail(
        author=author,
        message_id=f"<{name}@{_domain(author.address)}>",
        date=datetime.fromtimestamp(created, UTC).astimezone(zone),
        to=_people(to),
        cc=_people(cc),
        bcc=_people(bcc) if with_bcc else (),
        subject=draft.subject,
        text=draft.body,
        html=account.send_html,
        files=tuple(_outgoing(file, files) for file in draft.attachments),
        in_reply_to=draft.in_reply_to,
        references=draft.references,
    )


def _domain(address: str) -> str:
    # A Message-ID cannot hold every address literal (RFC 5322 §3.6.4); any name that is ours alone will do.
    domain = address.rpartition("@")[2]
    return "localhost" if domain.startswith("[") else domain


def _people(recipients: Iterable[Recipient]) -> tuple[NamedAddress, ...]:
    return tuple(NamedAddress(each.name, each.address) for each in recipients)


def _outgoing(file: AttachedFile, files: AttachmentFiles) -> OutgoingFile:
    return OutgoingFile(file.name, file.size, lambda: files.path(file.key).open("rb"))
