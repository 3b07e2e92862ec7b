"""A whole message to be sent, as a value, and its bytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import BinaryIO, NamedTuple

from misfin.email.account import SendHTML
from misfin.email.mime_out.attachments import OutgoingFile, calendar_answer, file_part
from misfin.email.mime_out.fields import (
    UnsafeFieldError,
    address_field,
    id_field,
    is_message_id,
    parameter_field,
    text_field,
)
from misfin.email.mime_out.html import gemtext_to_html
from misfin.email.mime_out.parts import MimePart, from_bytes, multipart
from misfin.email.mime_out.reader import MessageReader
from misfin.email.mime_out.texts import encode_text, wants_html
from misfin.email.smtp import MessageFacts

_BUFFER = 256 * 1024


class NamedAddress(NamedTuple):
    """One person of a message: a display name, perhaps empty, and an address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """What a message says. Texts are as a person typed them; nothing is encoded yet.

    ``message_id`` and the ids in ``in_reply_to`` and ``references`` have their angle brackets. ``date`` is
    aware, in the zone the reader shall see. ``sender`` is who really sends it, where that is not ``author``.
    ``bcc`` is for the sender's own copy: leave it empty in what is sent. ``text`` is gemtext, which is fine
    as plain text too; ``html`` says when it is sent as HTML as well. ``user_agent`` is empty for none.
    """

    author: NamedAddress
    message_id: str
    date: datetime
    to: tuple[NamedAddress, ...] = ()
    cc: tuple[NamedAddress, ...] = ()
    bcc: tuple[NamedAddress, ...] = ()
    sender: NamedAddress | None = None
    reply_to: tuple[NamedAddress, ...] = ()
    subject: str = ""
    text: str = field(default="", repr=False)
    html: SendHTML = SendHTML.AUTO
    files: tuple[OutgoingFile, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class MimeMessage:
    """The message as bytes that are made when they are needed. ``size`` counts them, with CRLF line ends.

    ``needs_utf8``: an address in the header is outside ASCII, so only a server with SMTPUTF8 takes it.
    """

    part: MimePart
    needs_utf8: bool

    @property
    def size(self) -> int:
        """Bytes of the whole message with CRLF line ends, as SMTP counts them (RFC 1870)."""
        return self.part.whole

    @property
    def facts(self) -> MessageFacts:
        """What a server may have to know before it gets the message."""
        return MessageFacts(self.size, self.part.eight_bit or self.needs_utf8, self.needs_utf8)

    def pieces(self) -> Iterator[bytes]:
        """The bytes from the beginning. Blocking; raises what reading an attached file raises."""
        yield self.part.head + b"\r\n"
        yield from self.part.pieces()

    def write(self, file: BinaryIO, *, line_end: bytes = b"\r\n") -> None:
        """Write it into a file; mail on disk has LF as ``line_end``. Blocking, like :meth:`pieces`."""
        for piece in self.pieces():
            file.write(piece if line_end == b"\r\n" else piece.replace(b"\r\n", line_end))

    def open(self) -> BinaryIO:
        """A file to read it from, which takes no space anywhere; close it. Raises like :meth:`pieces`."""
        return io.BufferedReader(MessageReader(self.pieces, self.size), _BUFFER)


def build(mail: OutgoingMail) -> MimeMessage:
    """The message for a value: the same bytes for the same value. Blocking: it looks at attached files.

    Raises :class:`~misfin.email.mime_out.UnsafeFieldError` naming the field for what cannot stand in a
    header, :class:`~misfin.errors.AddressError`, :class:`~misfin.email.mime_out.AttachmentChangedError`, and
    another :class:`~misfin.errors.LocalError` for a text that cannot be sent.
    """
    if not is_message_id(mail.message_id):
        raise UnsafeFieldError(
            f"{mail.message_id[:80]!a} is not a Message-ID.", "Message-ID", remedy="Write it as <name@host>."
        )
    return message_around(mail, body_of(mail))


def message_around(mail: OutgoingMail, body: MimePart) -> MimeMessage:
    """The message with the header of a value and another content."""
    head = header_of(mail)
    whole = MimePart(head + b"MIME-Version: 1.0\r\n" + body.head, body.size, body.pieces, body.eight_bit)
    return MimeMessage(whole, not head.isascii())


def header_of(mail: OutgoingMail) -> bytes:
    """Its fields, without those that describe its content."""
    sender = mail.sender if mail.sender and mail.sender.address != mail.author.address else None
    people = (
        ("From", (mail.author,), "From field"),
        ("Sender", (sender,) if sender else (), "Sender field"),
        ("Reply-To", mail.reply_to, "Reply-To field"),
        ("To", mail.to, "To field"),
        ("Cc", mail.cc, "Cc field"),
        ("Bcc", mail.bcc, "Bcc field"),
    )
    lines = [
        f"Date: {format_datetime(mail.date)}\r\n".encode(),
        *(address_field(name, who, called) for name, who, called in people),
        text_field("Subject", mail.subject, "subject"),
        id_field("Message-ID", [mail.message_id]),
        id_field("In-Reply-To", [mail.in_reply_to]),
        id_field("References", mail.references),
        text_field("User-Agent", mail.user_agent, "User-Agent field"),
    ]
    return b"".join(lines)


def body_of(mail: OutgoingMail) -> MimePart:
    """Its content: text and files."""
    texts = [("plain", mail.text)]
    if wants_html(mail.text, mail.html):
        texts.append(("html", gemtext_to_html(mail.text)))
    parts = [_text_part(kind, text) for kind, text in texts]
    # A boundary that an encoded text cannot contain; in a text sent as it is, another one is taken.
    shown = [b"".join(part.pieces()) for part in parts]
    answer = calendar_answer(mail.files[0]) if len(mail.files) == 1 else None
    if answer is not None:  # beside the text, where calendars look for it
        return multipart("alternative", boundary_of(mail, "a", shown), [*parts, answer])
    body = parts[0] if len(parts) == 1 else multipart("alternative", boundary_of(mail, "a", shown), parts)
    if mail.files:
        body = multipart("mixed", boundary_of(mail, "m", shown), [body, *map(file_part, mail.files)])
    return body


def _text_part(kind: str, text: str) -> MimePart:
    encoded = encode_text(text)
    head = parameter_field("Content-Type", f"text/{kind}", [("charset", "utf-8")])
    return from_bytes(head + f"Content-Transfer-Encoding: {encoded.encoding}\r\n".encode(), encoded.data)


def boundary_of(mail: OutgoingMail, which: str, texts: list[bytes]) -> str:
    """A boundary that is in none of these texts, the same at every call."""
    number = 0
    while True:
        made = hashlib.sha256(f"{mail.message_id} {which} {number}".encode()).hexdigest()[:32]
        boundary = f"=_{made}"
        if not any(boundary.encode() in text for text in texts):
            return boundary
        number += 1
