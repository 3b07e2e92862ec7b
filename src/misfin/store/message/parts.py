"""The parts of an ordinary mail: which of them are its text, and which are attached.

Time and memory are bounded by the bytes read, whatever a structure claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from misfin.store.message import fields, inline_files, reports, transfer
from misfin.store.message.bodytext import MAX_TEXT, body_text
from misfin.store.message.fields import Headers

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
    MANY = f"This mail has more than {_MAX_PARTS} parts; only the first of them are shown."
    LONG = "The text is very long; only its beginning is shown."


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with a mail; ``size`` is the size of its content in bytes.

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
    embedded: bool = False
    """Whether it is a picture inside the text of the mail rather than a file that came with it."""

    def content(self, data: bytes) -> bytes:
        """Its content, from the bytes of the whole message."""
        return transfer.decoded(data[self.start : self.end], self.encoding)


_TEXTS = frozenset({"", "text", "text/plain", "text/gemini", "text/html"})
_TEXT_FILES = frozenset({"text/plain", "text/x-patch", "text/x-diff", "text/markdown"})
"""Text that is shown where a mail asks for it, even though it is a file with a name."""
_MESSAGES = frozenset({"message/rfc822", "message/global"})
_NAMES = {"message/rfc822": "message.eml", "message/global": "message.eml", "text/calendar": "invitation.ics"}
"""What files without a name are called."""
_ALTERNATIVES = ("multipart/", "text/html", "text/plain", "text/gemini")
"""What is shown if there are several, the best last."""
_BOUNDARY_LINE = re.compile(rb"^--([^\r\n]{1,200}?)[ \t]*\r?\n(?=[!-9;-~]+[ \t]*:|[ \t]*\r?\n)", re.MULTILINE)


class _Part(NamedTuple):
    """One part: its header, its range of bytes, and how many levels it is below the mail itself."""

    headers: Headers
    start: int
    end: int
    depth: int
    kind: str
    parameters: dict[str, str]
    around: str = ""
    """The content type of the multipart it belongs to."""
    listed_only: bool = False
    """Whether another alternative is shown: files are listed, text is not."""


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

    def read(self, headers: Headers, start: int, depth: int = 0) -> None:
        """Read the mail whose body begins at ``start``."""
        self._part(_Part(headers, start, len(self.data), depth, *_kind(headers)))

    def show(self, text: str, kind: TextKind = TextKind.PLAIN) -> None:
        """Add to the text of the message."""
        if text.strip():
            # Gemtext after plain text is shown as plain text, or its line types would apply to both.
            self.kind = kind if self.kind in (None, kind) else TextKind.PLAIN
            self.texts.append(text)

    def show_raw(self, start: int, end: int) -> None:
        """Add a range of bytes as it is, regardless of what it claims to be."""
        self._show_body(start, end, "text/plain", {}, "")

    def _part(self, part: _Part) -> None:
        kind, parameters = part.kind, part.parameters
        self.parts += 1
        if kind.startswith("multipart/"):
            if part.depth < _MAX_DEPTH:
                self._multipart(part, parameters.get("boundary", ""))
                return
            self.remark(ReadingRemark.CONFUSED)
        encoding = transfer.encoding_of(fields.one(part.headers, "content-transfer-encoding"))
        disposition, more = fields.content(fields.one(part.headers, "content-disposition"))
        name = more.get("filename") or parameters.get("name") or ""
        attached = disposition == "attachment"
        if (report := reports.KINDS.get(kind)) and not attached and not part.listed_only:
            raw = self.data[part.start : min(part.end, part.start + MAX_TEXT)]
            if sentences := reports.in_words(report, transfer.decoded(raw, encoding)):
                self.show(sentences)
                return
        shown = not attached and (
            kind in _TEXTS
            or (kind in _TEXT_FILES and disposition == "inline")
            or (kind.startswith("text/") and not name and kind not in _NAMES)
            or (part.depth == 0 and "/" not in kind)
        )
        if shown and not part.listed_only:
            self._show_body(part.start, part.end, kind, parameters, encoding)
        if not shown or name:
            self._attach(part, kind, name, encoding, attached)
        if kind in _MESSAGES and part.depth < _MAX_DEPTH and not part.listed_only:
            self._message(part, encoding)

    def _attach(self, part: _Part, kind: str, name: str, encoding: str, attached: bool) -> None:
        if len(self.attachments) >= _MAX_PARTS:
            self.remark(ReadingRemark.MANY)
            return
        content_id = next((each[1:-1] for each in fields.ids(part.headers.get("content-id", []))), "")
        self.attachments.append(
            Attachment(
                name or _NAMES.get(kind, ""),
                kind or "text/plain",
                transfer.size(self.data, part.start, part.end, encoding),
                part.start,
                part.end,
                encoding,
                content_id,
                embedded=bool(content_id)
                and kind.startswith("image/")
                and part.around == "multipart/related"
                and not attached,
            )
        )

    # ---- multiparts -------------------------------------------------------------------------------

    def _multipart(self, part: _Part, boundary: str) -> None:
        parts = self._parts_of(part, boundary)
        if not parts:  # no boundary line at all: treat the whole as one text, regardless of its type
            self.remark(ReadingRemark.CONFUSED)
            if not part.listed_only:
                self.show_raw(part.start, part.end)
        elif part.kind == "multipart/alternative" and not part.listed_only:
            self._alternatives(parts)
        else:
            for each in parts:
                self._part(each)

    def _alternatives(self, parts: list[_Part]) -> None:
        """Show the best alternative that has text; list the files of the others too."""
        before = len(self.texts)
        first = len(self.attachments)
        for each in sorted(parts, key=_preference, reverse=True):
            if len(self.texts) == before:
                self._part(each)
            elif each.kind not in _TEXTS:
                self._part(each._replace(listed_only=True))
        self.attachments[first:] = sorted(self.attachments[first:], key=lambda file: file.start)

    def _parts_of(self, part: _Part, boundary: str) -> list[_Part]:
        """The parts between the boundary lines, whose text may differ a little from what the header says."""
        tries = [boundary.encode("utf-8", "replace")] if boundary else []
        if boundary[:1] == "'" == boundary[-1:]:
            tries.append(boundary.strip("'").encode("utf-8", "replace"))
        for mark in filter(None, tries):
            if parts := self._between(part, mark):
                return parts
        found = _BOUNDARY_LINE.search(self.data, part.start, part.end)
        if not found:
            return []
        self.remark(ReadingRemark.CONFUSED)
        return self._between(part, found[1].removesuffix(b"--"))

    def _between(self, part: _Part, boundary: bytes) -> list[_Part]:
        parts: list[_Part] = []
        for first, last in self._split(boundary, part.start, part.end):
            if self.parts + len(parts) >= _MAX_PARTS:
                self.remark(ReadingRemark.MANY)
                break
            headers, body = fields.split(self.data, first, last)
            if not headers:  # a part without a header begins with a blank line
                body = first + (
                    2 if self.data.startswith(b"\r\n", first) else self.data.startswith(b"\n", first)
                )
            kind, parameters = _kind(headers)
            if not kind and part.kind == "multipart/digest":  # RFC 2046 §5.1.5
                kind = "message/rfc822"
            body, depth = min(body, last), part.depth + 1
            parts.append(_Part(headers, body, last, depth, kind, parameters, part.kind, part.listed_only))
        return parts

    def _split(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
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

    # ---- text -------------------------------------------------------------------------------------

    def _show_body(
        self, start: int, end: int, kind: str, parameters: Mapping[str, str], encoding: str
    ) -> None:
        """Add a part to the text of the message."""
        end = min(end, start + 4 * MAX_TEXT)
        if encoding in transfer.CODED:
            raw, added = transfer.with_footer(self.data[start:end], encoding)
        else:
            raw, added = self._without_files(start, end), b""
        text, clean = body_text(raw, kind, parameters)
        if not clean:
            self.remark(ReadingRemark.ENCODING)
        if len(text) > MAX_TEXT:
            text = text[:MAX_TEXT]
            self.remark(ReadingRemark.LONG)
        if added.strip():
            text = f"{text.rstrip()}\n\n{body_text(added, 'text/plain', {})[0]}"
        if kind == "text/html":
            from misfin.store.message.html import html_to_text  # only for HTML: html.entities is large

            self.show(html_to_text(text), TextKind.HTML)
        else:
            self.show(text, TextKind.GEMTEXT if kind == "text/gemini" else TextKind.PLAIN)

    def _without_files(self, start: int, end: int) -> bytes:
        """The bytes of a text without the uuencoded and yEnc files in it, which become attachments."""
        files = inline_files.find(self.data, start, end)
        if not files:
            return self.data[start:end]
        out = []
        for file in files:
            out.append(self.data[start : file.start])
            start = file.end
            if len(self.attachments) < _MAX_PARTS:
                size = transfer.size(self.data, file.start, file.end, file.encoding)
                kind = "application/octet-stream"
                self.attachments.append(
                    Attachment(file.name, kind, size, file.start, file.end, file.encoding)
                )
        return b"".join((*out, self.data[start:end]))

    def _message(self, part: _Part, encoding: str) -> None:
        """Show an attached message below a few lines of its header."""
        title = "Attached message:"
        if encoding in transfer.CODED:  # against RFC 2046 §5.2.1, and done all the same
            inner = PartsReader(transfer.decoded(self.data[part.start : part.end], encoding))
            headers, body = fields.split(inner.data, fields.beginning(inner.data))
            if headers:
                inner.read(headers, body, part.depth + 1)
                self.show("\n\n".join([reports.heading(title, headers), *_stripped(inner.texts)]))
                self.remarks |= inner.remarks
            return
        headers, body = fields.split(self.data, fields.beginning(self.data, part.start), part.end)
        if headers:
            self.show(reports.heading(title, headers))
            body, depth = min(body, part.end), part.depth + 1
            self._part(_Part(headers, body, part.end, depth, *_kind(headers)))


def _kind(headers: Headers) -> tuple[str, dict[str, str]]:
    return fields.content(fields.one(headers, "content-type"))


def _stripped(texts: list[str]) -> list[str]:
    return [text.strip("\n") for text in texts]


def _preference(part: _Part) -> int:
    """The rank of a part among several alternatives; the highest is shown."""
    kind = part.kind or "text/plain"
    return max((number for number, start in enumerate(_ALTERNATIVES, 1) if kind.startswith(start)), default=0)
