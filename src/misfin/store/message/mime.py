"""Reads any stored mail into a :class:`ParsedMessage`: our gemmails quickly, other mail as far as possible.

The content of a file never makes reading fail. A file that is not mail, is cut off, or is not in the encoding
it claims is shown as it is, with a remark. Time and memory are proportional to the bytes read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from misfin.errors import MessageGoneError, StoreError
from misfin.model.account import AddressKind
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage
from misfin.store import evidence
from misfin.store.message import envelope, fields
from misfin.store.message.bodytext import MAX_TEXT
from misfin.store.message.dates import newest
from misfin.store.message.fields import Headers, Person
from misfin.store.message.mailinglist import list_id
from misfin.store.message.parts import Attachment, PartsReader, ReadingRemark, TextKind
from misfin.store.message.protection import UNPROTECTED, MailProtection
from misfin.valueclass import dataclass

MAX_READ = 32 * 1024 * 1024
"""Bytes read of a file to show it; attachments beyond this are reported as cut off."""
MAX_HEAD = 64 * 1024
"""Bytes of an ordinary mail's header that are kept to be shown unchanged."""
_AHEAD = timedelta(days=1)
"""How far a clock may be ahead; a date beyond that is not believed."""
_CR_ENDS = re.compile(rb"[!-9;-~]+[ \t]*:[^\r\n]*\r(?=\r|[ \t]|[!-9;-~]+[ \t]*:)")
"""A first line that ends in a bare CR, as old Macintosh programs wrote whole mails."""


@dataclass(frozen=True, slots=True)
class HopDetails:
    """One hop of a gemmail. ``claimed`` is False only if a certificate proved who delivered it."""

    sender: MisfinAddress
    received: datetime | None
    claimed: bool


@dataclass(frozen=True, slots=True)
class MisfinDetails:
    """Everything the details pane shows about a gemmail (docs/mail-on-disk.md §3)."""

    version: str
    certificate: Mapping[str, str]
    """``sha256``, ``spki`` and ``subject`` of the certificate that delivered it; empty if there was none."""
    verification: Mapping[str, str]
    hops: tuple[HopDetails, ...]
    received_from: str
    received_by: str
    written_here: bool
    """Whether its account sent or drafted it: a received or imported message names its recipient."""
    message: GemmailMessage
    gemmail: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message for reading, indexing and replying. Text is as sent: it may contain control characters.

    ``subject`` is empty if there is none; ``date`` is aware UTC, of ordinary mail without a believable one
    that of its newest ``Received``; IDs have angle brackets.
    """

    sender: Person
    to: tuple[Person, ...] = ()
    cc: tuple[Person, ...] = ()
    reply_to: tuple[Person, ...] = ()
    subject: str = ""
    date: datetime | None = None
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    text: str = ""
    kind: TextKind = TextKind.PLAIN
    attachments: tuple[Attachment, ...] = ()
    alternatives: tuple[str, ...] = ()
    """The content types of the texts that a mail offers to choose from; empty if it offers one."""
    alternative: str = ""
    """The one of them that :attr:`text` is."""
    misfin: MisfinDetails | None = None
    remarks: tuple[ReadingRemark, ...] = ()
    calendars: tuple[bytes, ...] = field(default=(), repr=False)
    """The calendar files that came with it (invitation.py), as sent, a little over what is read at most."""
    protections: tuple[MailProtection, ...] = ()
    """How parts of it are signed or encrypted; :mod:`misfin.store.protected` checks and decrypts them."""
    list_id: str = ""
    """The mailing list it came from (RFC 2919): ``Crew talk <crew.lists.example>``."""
    size: int = 0
    head: bytes = field(default=b"", repr=False)
    """The header as received; empty for a gemmail, whose text is :attr:`MisfinDetails.gemmail`."""

    @property
    def recipients(self) -> tuple[Person, ...]:
        return self.to + self.cc

    @property
    def written_here(self) -> bool:
        """Whether it is a Misfin message that its account sent or drafted."""
        return self.misfin is not None and self.misfin.written_here

    @property
    def address_kind(self) -> AddressKind:
        """Whether it came by Misfin or is an e-mail."""
        return AddressKind.MAIL if self.misfin is None else AddressKind.MISFIN


def read_file(path: Path, kind: AddressKind = AddressKind.MAIL, *, limit: int = MAX_READ) -> ParsedMessage:
    """Read a message from its file, at most ``limit`` bytes of it; ``kind`` as in :func:`read_message`.

    Raises :class:`MessageGoneError` if the file does not exist (any more) and :class:`StoreError` if it
    cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
            size = file.seek(0, 2) if len(data) > limit else len(data)
    except FileNotFoundError as error:
        raise MessageGoneError(f"The message {path.name} is no longer in {path.parent.parent}.") from error
    except OSError as error:
        raise StoreError(f"The message {path.name} cannot be read: {error.strerror or error}.") from error
    return read_message(data[:limit], kind, size=size)


def read_message(
    data: bytes,
    kind: AddressKind = AddressKind.MAIL,
    *,
    size: int | None = None,
    charset: str = "",
    prefer: str = "",
    as_html: bool = False,
    counts: Callable[[bytes], bool] | None = None,
) -> ParsedMessage:
    """Read a message from its bytes; ``size`` is the size of the file, if larger. Never raises.

    ``charset`` is the character set of the text of an e-mail, whatever it says itself.

    ``prefer`` is the alternative to read of a mail that has several. With ``as_html``, the text is HTML as it
    was sent, and other text becomes HTML.

    ``kind`` is the kind of mail of the account that has it (:func:`misfin.model.account.kind_in`). Outside a
    Misfin account the message is read as ordinary e-mail, whatever it begins with; so it is by default. In
    one, ``counts`` is asked whether its ``Misfin-*`` fields are our receiver's own
    (:meth:`misfin.store.seals.Seals.counts`). By default they prove nothing.
    """
    if kind is AddressKind.MISFIN and envelope.is_gemmail(data):
        return _read_gemmail(data, size or len(data), counts is not None and counts(data))
    return _read_mail(data, size or len(data), charset, prefer, as_html=as_html)


# ---- gemmail --------------------------------------------------------------------------------------


def _read_gemmail(data: bytes, size: int, counts: bool) -> ParsedMessage:
    stored = envelope.read(data)
    if not counts:
        stored = _unproven(stored)
    message = GemmailMessage.from_bytes(stored.gemmail)
    headers = {name: [value] for name, value in stored.fields.items()}
    proven = bool(stored.certificate)
    details = MisfinDetails(
        version=stored.version,
        certificate=stored.certificate,
        verification=stored.verification,
        hops=tuple(
            HopDetails(hop.sender, hop.received, claimed=number > 0 or not proven)
            for number, hop in enumerate(message.hops)
        ),
        received_from=stored.received_from,
        received_by=stored.received_by,
        written_here=counts
        and not (stored.verification or stored.received_by or "delivered-to" in stored.fields),
        message=message,
        gemmail=stored.gemmail,
    )
    remarks = (ReadingRemark.CUT,) if size > len(data) else ()
    return _parsed(
        headers,
        subject=message.subject or "",
        text=message.body,
        kind=TextKind.GEMTEXT,
        date=fields.moment(fields.one(headers, "date")),
        misfin=details,
        remarks=remarks,
        size=size,
    )


def _unproven(stored: envelope.Envelope) -> envelope.Envelope:
    """The same message without what its fields claim was found out about it."""
    words = evidence.unsealed(stored.verification, sealed="misfin-seal" in stored.fields)
    return replace(stored, certificate={}, verification=words, received_from="", received_by="")


# ---- all other mail -------------------------------------------------------------------------------


def _read_mail(data: bytes, size: int, charset: str, prefer: str, *, as_html: bool) -> ParsedMessage:
    if _CR_ENDS.match(data):
        data = re.sub(rb"\r(?!\n)", b"\n", data)
    first = fields.beginning(data)
    headers, start = fields.split(data, first)
    reading = PartsReader(data, prefer, charset, as_html=as_html)
    if size > len(data):
        reading.remark(ReadingRemark.CUT)
    if not data:
        reading.remark(ReadingRemark.EMPTY)
    elif not headers:
        reading.remark(ReadingRemark.NO_MAIL)
        if b"\0" in data[:4096]:
            reading.attachments.append(
                Attachment("", "application/octet-stream", size, 0, len(data), "binary")
            )
        else:
            reading.show_raw(0, len(data))
    else:
        reading.read(headers, start)
    text = "\n\n".join(text.strip("\n") for text in _in_order(reading))
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
        reading.remark(ReadingRemark.LONG)
    return _parsed(
        headers,
        text=text + "\n" if text else "",
        kind=reading.kind or TextKind.PLAIN,
        date=_date(headers),
        attachments=tuple(reading.attachments),
        alternatives=tuple(reading.alternatives),
        alternative=reading.chosen,
        remarks=tuple(reading.remarks),
        calendars=tuple(reading.calendars),
        protections=tuple(reading.protections),
        size=size,
        head=data[first : min(start, first + MAX_HEAD)] if headers else b"",
    )


def _in_order(reading: PartsReader) -> list[str]:
    """What a signature covers first, then what anybody may have added, below a line that says so."""
    if not reading.covered:
        return reading.texts
    covered = [text for number, text in enumerate(reading.texts) if number in reading.covered]
    others = [text for number, text in enumerate(reading.texts) if number not in reading.covered]
    return [*covered, UNPROTECTED, *others] if covered and others else reading.texts


def _date(headers: Headers) -> datetime | None:
    """When a mail was written; never in the future, where it would stay above all others."""
    date = fields.moment(fields.one(headers, "date"))
    latest = datetime.now(UTC) + _AHEAD
    if date is not None and date <= latest:
        return date
    received = newest(headers.get("received", []))
    return received if received is not None and received <= latest else None


def _parsed(
    headers: Headers,
    *,
    subject: str | None = None,
    text: str = "",
    kind: TextKind = TextKind.PLAIN,
    date: datetime | None = None,
    attachments: tuple[Attachment, ...] = (),
    alternatives: tuple[str, ...] = (),
    alternative: str = "",
    misfin: MisfinDetails | None = None,
    remarks: tuple[ReadingRemark, ...] = (),
    calendars: tuple[bytes, ...] = (),
    protections: tuple[MailProtection, ...] = (),
    size: int = 0,
    head: bytes = b"",
) -> ParsedMessage:
    senders = fields.people(headers.get("from") or headers.get("sender") or [])
    sender = senders[0] if senders else Person("", "")
    if sender.address == envelope.UNKNOWN_SENDER[1]:
        sender = Person("", "")
    message_ids = fields.ids(headers.get("message-id", []))
    parents = fields.ids(headers.get("in-reply-to", []))
    return ParsedMessage(
        sender=sender,
        to=fields.people(headers.get("to", [])),
        cc=fields.people(headers.get("cc", [])),
        reply_to=fields.people(headers.get("reply-to", [])),
        subject=fields.text(fields.one(headers, "subject")) if subject is None else subject,
        date=date,
        message_id=message_ids[0] if message_ids else "",
        in_reply_to=parents[0] if parents else "",
        references=fields.ids(headers.get("references", [])),
        text=text,
        kind=kind,
        attachments=attachments,
        alternatives=alternatives if len(alternatives) > 1 else (),
        alternative=alternative,
        misfin=misfin,
        remarks=remarks,
        calendars=calendars,
        protections=protections,
        list_id=list_id(headers) if "list-id" in headers else "",
        size=size,
        head=head,
    )
