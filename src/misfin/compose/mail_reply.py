"""Drafts a reply to an ordinary e-mail, or forwards its text: to who, as who, what is quoted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from misfin.compose.aliases import is_own, written_to
from misfin.compose.quoting import attributed, signed
from misfin.errors import AddressError, LocalError
from misfin.model.account import AddressKind
from misfin.model.recipient import mail_address, on_to_line
from misfin.model.replies import reply_subject
from misfin.model.safetext import plain
from misfin.store.message import fields
from misfin.store.message.fields import Headers, Person
from misfin.store.message.mime import ParsedMessage
from misfin.store.outgoing.drafts import Draft, Purpose

_MAX_REFERENCES = 20
_MAILTO = re.compile(r"<mailto:([^>?]+)[^>]*>", re.IGNORECASE)
_FORWARD_PREFIX = re.compile(r"(?:fwd?|wg)\s*:", re.IGNORECASE)
_NO_LIST = "This message does not come from a mailing list that takes replies."


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """An account's address and aliases (aliases.py), and the addresses of the person's other accounts."""

    address: str
    aliases: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def __contains__(self, address: str) -> bool:
        return is_own(address, self.address, (*self.aliases, *self.others))

    def written_to(self, addresses: Iterable[str]) -> str:
        """The alias a message was sent to; empty for the account's own address, or for none."""
        return written_to(tuple(addresses), self.address, self.aliases)


@dataclass(frozen=True, slots=True)
class MailOriginal:
    """A received or sent e-mail as far as an answer needs it; ``account`` is where it is."""

    account: str
    message: ParsedMessage
    headers: Headers

    @classmethod
    def of(cls, account: str, message: ParsedMessage) -> MailOriginal:
        """From a message that was read."""
        return cls(account, message, fields.split(message.head)[0])


def reply_to_author(original: MailOriginal, own: OwnAddresses) -> tuple[list[str], list[str]]:
    """To and Cc of a reply: who Reply-To names, or else the author; for our own mail, its recipients."""
    message = original.message
    if message.sender.address in own:
        return _listed(message.to, own), []
    return _listed(message.reply_to, own) or _listed([message.sender], own), []


def reply_to_everyone(original: MailOriginal, own: OwnAddresses) -> tuple[list[str], list[str]]:
    """To and Cc of a reply to all: as Mail-Followup-To wishes, or else everybody but ourselves."""
    message = original.message
    if wished := _listed(fields.people(original.headers.get("mail-followup-to", [])), own):
        return wished, []
    to, _ = reply_to_author(original, own)
    first = {mail_address(each)[0] for each in to}
    cc = [each for each in _listed((*message.to, *message.cc), own) if mail_address(each)[0] not in first]
    return (to, cc) if to else (cc, [])


def reply_to_list(original: MailOriginal, own: OwnAddresses) -> tuple[list[str], list[str]]:
    """To of a reply to the mailing list alone (List-Post, RFC 2369). Raises :class:`LocalError`."""
    raw = fields.one(original.headers, "list-post")
    found = _MAILTO.search(raw.decode("utf-8", "replace"))
    address = unquote(found[1]).strip() if found else ""
    listed = _listed([Person("", address)], own) if address else []
    listed = listed or _listed(fields.people(original.headers.get("mail-followup-to", [])), own)
    if not listed:
        raise LocalError(_NO_LIST, remedy="Reply to the author, or to all.")
    return listed[:1], []


def reply(
    original: MailOriginal,
    to: Sequence[str],
    cc: Sequence[str],
    own: OwnAddresses,
    *,
    quoted: str | None = None,
    signature: str = "",
) -> Draft:
    """A reply to these, with the text quoted (``quoted`` lines only, if given); HTML mail as its text.

    It is written as the address the message was sent to. Raises :class:`LocalError` where nobody is left to
    reply to.
    """
    if not to:
        raise LocalError("There is nobody to reply to but yourself.")
    message = original.message
    quotation = attributed(str(message.sender), message.text if quoted is None else quoted, message.date)
    return Draft(
        account=original.account,
        to=tuple(to),
        cc=tuple(cc),
        sender=_written_as(original, own),
        subject=plain(reply_subject(message.subject), one_line=True),
        body=signed(f"{quotation}\n" if quotation else "", signature),
        in_reply_to=message.message_id,
        references=references(message),
        purpose=Purpose.REPLY,
    )


def forward_text(original: MailOriginal, own: OwnAddresses, signature: str = "") -> Draft:
    """A draft that forwards the text below a few lines about it; attached files are for the caller to add."""
    message = original.message
    text = plain(message.text, one_line=False)
    about = "".join(f"{plain(line, one_line=True)}\n" for line in _about(message))
    body = f"\n\n{signature.strip()}\n" if signature.strip() else "\n\n"
    return Draft(
        account=original.account,
        sender=_written_as(original, own),
        subject=forward_subject(message.subject),
        body=f"{body}\nForwarded message:\n{about}\n{text}",
        purpose=Purpose.FORWARD,
    )


def forward_subject(subject: str) -> str:
    """The subject with one ``Fwd: ``."""
    cleaned = plain(subject, one_line=True).strip()
    if not cleaned:
        return "Fwd: (no subject)"
    return cleaned if _FORWARD_PREFIX.match(cleaned) else f"Fwd: {cleaned}"


def without_bcc(data: bytes) -> bytes:
    """A stored message without its Bcc field, which was for its sender's eyes only."""
    _, start = fields.split(data, fields.beginning(data))
    head = re.sub(rb"(?im)^Bcc[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", b"", data[:start])
    return head + data[start:]


def _about(message: ParsedMessage) -> Iterator[str]:
    yield f"From: {message.sender}"
    if message.date is not None:
        yield f"Date: {message.date:%Y-%m-%d %H:%M} UTC"
    if message.to:
        yield f"To: {', '.join(map(str, message.to))}"
    if message.subject:
        yield f"Subject: {message.subject}"


def _listed(people: Iterable[Person], own: OwnAddresses) -> list[str]:
    """People as they stand on a To line, each once, ourselves left out, and what is not an address too."""
    found: dict[str, str] = {}
    for person in people:
        try:
            address, _ = mail_address(person.address)
        except AddressError:
            continue
        if address not in own:
            name = plain(person.name, one_line=True).strip()
            found.setdefault(address, on_to_line(address, name, AddressKind.MAIL))
    return list(found.values())


def _written_as(original: MailOriginal, own: OwnAddresses) -> str:
    message = original.message
    if message.sender.address in own:
        return own.written_to([message.sender.address])
    delivered = [
        each.address
        for name in ("delivered-to", "x-original-to", "envelope-to")
        for each in fields.people(original.headers.get(name, []))
    ]
    return own.written_to([*(each.address for each in message.recipients), *delivered])


def references(message: ParsedMessage) -> tuple[str, ...]:
    """The ids of the conversation, its first one kept (RFC 5322 §3.6.4)."""
    known = message.references or ((message.in_reply_to,) if message.in_reply_to else ())
    ids = list(dict.fromkeys((*known, message.message_id) if message.message_id else known))
    return tuple(ids if len(ids) <= _MAX_REFERENCES else [ids[0], *ids[1 - _MAX_REFERENCES :]])
