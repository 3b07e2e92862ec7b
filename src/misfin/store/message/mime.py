"""Reads any stored mail into a :class:`ParsedMessage`: our gemmails quickly, other mail as far as possible.

The content of a file never makes reading fail. A file that is not mail, is cut off, or is not in the encoding
it claims is shown as it is, with a remark. Time and memory are proportional to the bytes read.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from misfin.errors import MessageGoneError, StoreError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import GemmailMessage
from misfin.store.message import envelope, fields
from misfin.store.message.fields import Headers, Person

MAX_READ = 32 * 1024 * 1024
"""Bytes read of a file to show it; attachments beyond this are reported as cut off."""
MAX_TEXT = 1024 * 1024
"""Characters of text shown or indexed of one message."""
MAX_HEAD = 64 * 1024
"""Bytes of an ordinary mail's header that are kept to be shown unchanged."""
_MAX_DEPTH = 12
_MAX_PARTS = 500


class TextKind(StrEnum):
    """How to draw :attr:`ParsedMessage.text`."""

    GEMTEXT = "gemtext"
    PLAIN = "plain"
    HTML = "html"
    """HTML converted to plain text."""


class ReadingRemark(StrEnum):
    """What was wrong with a file, as a sentence for the user."""

    EMPTY = "This file is empty."
    NO_MAIL = "This file is not mail: it has no header."
    CUT = "This file is very large; only its beginning was read."
    ENCODING = "Some characters could not be decoded."
    CONFUSED = "The structure of this mail is broken; it is shown as far as it could be read."
    LONG = "The text is very long; only its beginning is shown."


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail that is not shown as text; ``size`` is the size of its content in bytes.

    ``name`` was chosen by the sender: for display, and never a path to write to.
    """

    name: str
    type: str
    size: int
    start: int = field(repr=False)
    end: int = field(repr=False)
    encoding: str = field(repr=False)
    content_id: str = ""
    """Its name in ``cid:`` links (RFC 2392), without angle brackets; empty if it has none."""

    def content(self, data: bytes) -> bytes:
        """Its content, from the bytes of the whole message."""
        return _transfer_decoded(data[self.start : self.end], self.encoding)


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

    ``subject`` is empty if there is none; ``date`` is aware UTC; IDs keep their angle brackets.
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
    misfin: MisfinDetails | None = None
    remarks: tuple[ReadingRemark, ...] = ()
    size: int = 0
    head: bytes = field(default=b"", repr=False)
    """The header as received; empty for a gemmail, whose text is :attr:`MisfinDetails.gemmail`."""

    @property
    def recipients(self) -> tuple[Person, ...]:
        return self.to + self.cc


def read_file(path: Path, *, limit: int = MAX_READ) -> ParsedMessage:
    """Read a message from its file, at most ``limit`` bytes of it.

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
    return read_message(data[:limit], size=size)


def read_message(data: bytes, *, size: int | None = None) -> ParsedMessage:
    """Read a message from its bytes; ``size`` is the size of the file, if larger. Never raises."""
    if envelope.is_gemmail(data):
        return _read_gemmail(data, size or len(data))
    return _read_mail(data, size or len(data))


# ---- gemmail --------------------------------------------------------------------------------------


def _read_gemmail(data: bytes, size: int) -> ParsedMessage:
    stored = envelope.read(data)
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
        written_here=not (stored.verification or stored.received_by or "delivered-to" in stored.fields),
        message=message,
        gemmail=stored.gemmail,
    )
    remarks = (ReadingRemark.CUT,) if size > len(data) else ()
    return _parsed(
        headers,
        subject=message.subject or "",
        text=message.body,
        kind=TextKind.GEMTEXT,
        misfin=details,
        remarks=remarks,
        size=size,
    )


# ---- all other mail -------------------------------------------------------------------------------


def _read_mail(data: bytes, size: int) -> ParsedMessage:
    headers, start = fields.split(data)
    reading = _Reading(data)
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
            reading.show(data, "text/plain", {}, "8bit")
    else:
        reading.part(headers, start, len(data), 0)
    text = "\n\n".join(text.strip("\n") for text in reading.texts)
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
        reading.remark(ReadingRemark.LONG)
    return _parsed(
        headers,
        text=text + "\n" if text else "",
        kind=reading.kind or TextKind.PLAIN,
        attachments=tuple(reading.attachments),
        remarks=tuple(reading.remarks),
        size=size,
        head=data[: min(start, MAX_HEAD)] if headers else b"",
    )


def _parsed(
    headers: Headers,
    *,
    subject: str | None = None,
    text: str = "",
    kind: TextKind = TextKind.PLAIN,
    attachments: tuple[Attachment, ...] = (),
    misfin: MisfinDetails | None = None,
    remarks: tuple[ReadingRemark, ...] = (),
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
        date=fields.moment(fields.one(headers, "date")),
        message_id=message_ids[0] if message_ids else "",
        in_reply_to=parents[0] if parents else "",
        references=fields.ids(headers.get("references", [])),
        text=text,
        kind=kind,
        attachments=attachments,
        misfin=misfin,
        remarks=remarks,
        size=size,
        head=head,
    )


class _Reading:
    """One pass over the parts of a mail, collecting text and attachments."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.texts: list[str] = []
        self.kind: TextKind | None = None
        self.attachments: list[Attachment] = []
        self.remarks: dict[ReadingRemark, None] = {}
        self.parts = 0

    def remark(self, remark: ReadingRemark) -> None:
        self.remarks[remark] = None

    def part(self, headers: Headers, start: int, end: int, depth: int) -> None:
        kind, parameters = fields.content(fields.one(headers, "content-type"))
        disposition, more = fields.content(fields.one(headers, "content-disposition"))
        encoding = fields.text(fields.one(headers, "content-transfer-encoding")).lower()
        name = more.get("filename") or parameters.get("name") or ""
        self.parts += 1
        if kind.startswith("multipart/") and parameters.get("boundary"):
            if depth < _MAX_DEPTH:
                self.multipart(kind, parameters["boundary"], start, end, depth)
                return
            self.remark(ReadingRemark.CONFUSED)
        shown = kind in ("", "text", "text/plain", "text/gemini", "text/html") or (
            kind.startswith("text/") and not name
        )
        if (shown or (depth == 0 and "/" not in kind)) and disposition != "attachment":
            self.show(self.data[start:end], kind, parameters, encoding)
        elif len(self.attachments) < _MAX_PARTS:
            raw = self.data[start:end]
            self.attachments.append(
                Attachment(
                    name or ("message.eml" if kind == "message/rfc822" else ""),
                    kind or "text/plain",
                    _decoded_size(raw, encoding),
                    start,
                    end,
                    encoding,
                    next((each[1:-1] for each in fields.ids(headers.get("content-id", []))), ""),
                )
            )

    def multipart(self, kind: str, boundary: str, start: int, end: int, depth: int) -> None:
        parts: list[tuple[Headers, int, int]] = []
        for first, last in self.split(boundary.encode("utf-8", "replace"), start, end):
            if self.parts + len(parts) >= _MAX_PARTS:
                self.remark(ReadingRemark.CONFUSED)
                break
            headers, body = fields.split(self.data[first : min(last, first + fields.MAX_HEADER)])
            parts.append((headers, min(first + _body_start(self.data, first, headers, body), last), last))
        if not parts:  # no boundary line at all: treat the whole as one text, regardless of its type
            self.remark(ReadingRemark.CONFUSED)
            self.show(self.data[start:end], "text/plain", {}, "8bit")
        elif kind == "multipart/alternative":
            self.part(*max(parts, key=lambda part: _preference(part[0])), depth + 1)
        else:
            for headers, first, last in parts:
                self.part(headers, first, last, depth + 1)

    def split(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The ranges between the boundary lines (RFC 2046 §5.1.1); an unclosed last part goes to the end."""
        mark = b"--" + boundary
        part = -1
        position = start
        while (found := self.data.find(mark, position, end)) >= 0:
            position = found + len(mark)
            if found != start and self.data[found - 1] != 0x0A:
                continue
            line_end = self.data.find(b"\n", position, end)
            line_end = end if line_end < 0 else line_end
            rest = self.data[position : min(line_end, position + 80)].strip()
            if rest not in (b"", b"--"):
                continue
            if part >= 0:
                yield part, max(part, found - (2 if self.data[found - 2 : found] == b"\r\n" else 1))
            if rest == b"--":
                return
            part = position = min(line_end + 1, end)
        if part >= 0:
            self.remark(ReadingRemark.CONFUSED)
            yield part, end

    def show(self, raw: bytes, kind: str, parameters: Mapping[str, str], encoding: str) -> None:
        """Add a part to the text of the message."""
        raw = _transfer_decoded(raw[: 4 * MAX_TEXT], encoding)
        text, clean = fields.decoded(raw, parameters.get("charset", ""))
        if not clean and not raw.isascii() and "charset" in parameters:
            self.remark(ReadingRemark.ENCODING)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in text:
            text = text.replace("\0", "\ufffd")
        this = TextKind.GEMTEXT if kind == "text/gemini" else TextKind.PLAIN
        if kind == "text/html":
            from misfin.store.message.html import (
                html_to_text,  # only for HTML: html.entities is large
            )

            if len(text) > MAX_TEXT:
                text = text[:MAX_TEXT]
                self.remark(ReadingRemark.LONG)
            text, this = html_to_text(text), TextKind.HTML
        if text.strip():
            # Gemtext after plain text is shown as plain text, or its line types would apply to both.
            self.kind = this if self.kind in (None, this) else TextKind.PLAIN
            self.texts.append(text)


def _body_start(data: bytes, first: int, headers: Headers, body: int) -> int:
    """Where a part's body begins; a part without a header begins with a blank line."""
    if headers:
        return body
    return 2 if data.startswith(b"\r\n", first) else 1 if data.startswith(b"\n", first) else 0


def _preference(headers: Headers) -> int:
    """The rank of a part among several alternatives; the highest is shown."""
    kind, _ = fields.content(fields.one(headers, "content-type"))
    order = ("multipart/", "text/html", "text/plain", "text/gemini")
    return max(
        (number for number, start in enumerate(order, 1) if (kind or "text/plain").startswith(start)),
        default=0,
    )


def _transfer_decoded(raw: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return fields.from_base64(raw)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(raw)
    return raw


def _decoded_size(raw: bytes, encoding: str) -> int:
    """The size of a part's content without decoding it: exact for complete base64 and plain parts."""
    if encoding == "base64":
        messages = len(raw) - raw.count(b"\n") - raw.count(b"\r")
        return max(0, messages * 3 // 4 - raw[-8:].count(b"="))
    if encoding == "quoted-printable":
        return len(binascii.a2b_qp(raw))
    return len(raw)
