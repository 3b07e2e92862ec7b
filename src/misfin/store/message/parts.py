"""The parts of an ordinary mail: which of them are its text, and which are attached.

Time and memory are bounded by the bytes read, whatever a structure claims.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from misfin.store.message import fields
from misfin.store.message.fields import Headers

MAX_TEXT = 1024 * 1024
"""Characters of text shown or indexed of one message."""
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


class PartsReader:
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
