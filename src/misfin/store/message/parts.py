"""The parts of an ordinary mail: which of them are its text, and which are attached.

Time and memory are bounded by the bytes read, whatever a structure claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from misfin.store.message import calendar_file, fields, inline_files, protection, reports, tnef, transfer
from misfin.store.message.attachment import Attachment, within
from misfin.store.message.bodytext import MAX_TEXT, body_text
from misfin.store.message.fields import Headers
from misfin.store.message.remarks import MAX_PARTS, ReadingRemark, TextKind

__all__ = ["Attachment", "PartsReader", "ReadingRemark", "TextKind"]

_MAX_DEPTH = 50
_MAX_CALENDARS = 5
_MAX_PASSES = 16
"""How many times the bytes of a mail may be searched for boundaries, each level of parts being one time."""

_TEXTS = frozenset({"", "text", "text/plain", "text/gemini", "text/html"})
_HTML = frozenset({"text/html", "text/x-amp-html", "text/watch-html"})
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
    parameters: Mapping[str, str]
    around: str = ""
    """The content type of the multipart it belongs to."""
    listed_only: bool = False
    """Whether another alternative is shown: files are listed, text is not."""


class PartsReader:
    """One pass over the parts of a mail, collecting text and attachments."""

    def __init__(self, data: bytes, prefer: str = "", charset: str = "", *, as_html: bool = False) -> None:
        """``prefer`` is the alternative to show (its content type); ``as_html`` makes HTML of all text.

        ``charset`` is what every text is read as, whatever it says: programs that label theirs wrongly are
        not rare.
        """
        self.data = data
        self.prefer = prefer
        self.charset = charset
        self.as_html = as_html
        self.alternatives: dict[str, None] = {}
        """The content types of the texts that a mail offers to choose from, in its order."""
        self.chosen = ""
        """The one of them that is shown."""
        self.texts: list[str] = []
        self.kind: TextKind | None = None
        self.attachments: list[Attachment] = []
        self.calendars: list[bytes] = []
        self.remarks: dict[ReadingRemark, None] = {}
        self.protections: dict[protection.MailProtection, None] = {}
        """How parts of it are signed or encrypted."""
        self.covered: set[int] = set()
        """Which of :attr:`texts` a signature or an encryption covers."""
        self._messages = 0
        """Attached messages around the part being read: how those are protected says nothing of this one."""
        self.parts = 0
        self.to_search = _MAX_PASSES * len(data) + MAX_TEXT

    def remark(self, remark: ReadingRemark) -> None:
        self.remarks[remark] = None

    def read(self, headers: Headers, start: int, depth: int = 0) -> None:
        """Read the mail whose body begins at ``start``."""
        self._part(_Part(headers, start, len(self.data), depth, *_kind(headers)))

    def show(self, text: str, kind: TextKind = TextKind.PLAIN) -> None:
        """Add to the text of the message."""
        if text.strip():
            if self.as_html and kind is not TextKind.HTML:
                from html import escape  # only for HTML: html.entities is large

                text = f"<pre>{escape(text)}</pre>"
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
            if self._may_enter(part):
                self._multipart(part, parameters.get("boundary", ""))
                return
            self.remark(ReadingRemark.DEEP)
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
        if kind in protection.PKCS7 and not part.listed_only:
            content = transfer.decoded(self.data[part.start : part.end][:1024], encoding)
            self._conceal(protection.of_pkcs7(content))
        if shown and not part.listed_only:
            self._show_body(part.start, part.end, kind, parameters, encoding)
        if not part.around.startswith("message/") and calendar_file.is_calendar(kind, name):
            self._calendar(part, encoding)
        if not shown or name:
            self._attach(part, kind, name, encoding, attached)
        if kind in _MESSAGES and not part.listed_only:
            if self._may_enter(part):
                self._message(part, encoding)
            else:
                self.remark(ReadingRemark.DEEP)
        elif kind in tnef.KINDS or name.lower() == tnef.FILE_NAME:
            self._container(part, encoding)

    def _may_enter(self, part: _Part) -> bool:
        """Whether what is inside a part is read: neither levels nor time may grow without end."""
        self.to_search -= part.end - part.start
        return part.depth < _MAX_DEPTH and self.to_search >= 0

    def _calendar(self, part: _Part, encoding: str) -> None:
        """Keep a calendar file, whatever else is shown: what it is about is said above the text."""
        raw = self.data[part.start : min(part.end, part.start + 2 * calendar_file.MAX_FILE)]
        content = transfer.decoded(raw, encoding)
        if len(self.calendars) < _MAX_CALENDARS and content not in self.calendars:
            self.calendars.append(content[: calendar_file.MAX_FILE + 1])

    def _attach(self, part: _Part, kind: str, name: str, encoding: str, attached: bool) -> None:
        content_id = next((each[1:-1] for each in fields.ids(part.headers.get("content-id", []))), "")
        embedded = (
            bool(content_id)
            and kind.startswith("image/")
            and part.around == "multipart/related"
            and not attached
        )
        size = transfer.size(self.data, part.start, part.end, encoding)
        name, kind = name or _NAMES.get(kind, ""), kind or "text/plain"
        self._add([Attachment(name, kind, size, part.start, part.end, encoding, content_id, embedded)])

    # ---- multiparts -------------------------------------------------------------------------------

    def _multipart(self, part: _Part, boundary: str) -> None:
        parts = self._parts_of(part, boundary)
        if not parts:  # no boundary line at all: treat the whole as one text, regardless of its type
            self.remark(ReadingRemark.CONFUSED)
            if not part.listed_only:
                self.show_raw(part.start, part.end)
        elif found := protection.of_multipart(part.kind, [each.kind for each in parts]):
            self._protected(found, parts)
        elif part.kind == "multipart/alternative" and not part.listed_only:
            self._alternatives(parts)
        else:
            for each in parts:
                self._part(each)

    def _protected(self, found: protection.MailProtection, parts: list[_Part]) -> None:
        if found.encrypts:
            if not parts[0].listed_only:
                self._conceal(found)
            parts = parts[1:]
        else:  # the signature itself is not listed: it says nothing to a reader
            before = len(self.texts)
            self._part(parts[0])
            self._note(found, before)
            parts = parts[2:]
        for each in parts:
            self._part(each)

    def _conceal(self, found: protection.MailProtection) -> None:
        self.show(protection.sentence(found))
        self._note(found, len(self.texts) - 1)

    def _note(self, found: protection.MailProtection, first: int) -> None:
        if not self._messages:
            self.protections[found] = None
            self.covered |= set(range(first, len(self.texts)))

    def _alternatives(self, parts: list[_Part]) -> None:
        """Show the best alternative that has text; list the files of the others too."""
        before = len(self.texts)
        first = len(self.attachments)
        self.alternatives |= dict.fromkeys(offer for offer in map(_offer, parts) if offer)
        for each in sorted(parts, key=self._preference, reverse=True):
            if len(self.texts) == before:
                self._part(each)
                if len(self.texts) > before:
                    self.chosen = self.chosen or _offer(each)
            elif each.kind not in _TEXTS:
                self._part(each._replace(listed_only=True))
        self.attachments[first:] = sorted(self.attachments[first:], key=lambda file: file.start)

    def _preference(self, part: _Part) -> int:
        """The rank of a part among several alternatives; the highest is shown."""
        if self.prefer and _offer(part) == self.prefer:
            return len(_ALTERNATIVES) + 1
        kind = part.kind or "text/plain"
        return max(
            (number for number, start in enumerate(_ALTERNATIVES, 1) if kind.startswith(start)), default=0
        )

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
            if self.parts + len(parts) >= MAX_PARTS:
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
        raw, added = self.data, b""
        if encoding == "base64" and transfer.is_plain(self.data[start:end]):
            encoding = ""
        if encoding in transfer.CODED:
            raw, added = transfer.with_footer(self.data[start:end], encoding)
            raw = self._without_files(raw, 0, len(raw), Attachment("", "", 0, start, end, encoding))
        else:
            raw = self._without_files(raw, start, end)
        if self.charset:
            parameters = {**parameters, "charset": self.charset}
        if (block := protection.in_text(raw)) is not None:
            self._note(block[0], len(self.texts))  # where in the text it ends is seen when it is checked
        text, clean = body_text(raw, kind, parameters)
        if not clean:
            self.remark(ReadingRemark.ENCODING)
        if len(text) > MAX_TEXT:
            text = text[:MAX_TEXT]
            self.remark(ReadingRemark.LONG)
        if added.strip():
            text = f"{text.rstrip()}\n\n{body_text(added, 'text/plain', {})[0]}"
        if kind in _HTML:
            self._show_html(text)
        else:
            self.show(text, TextKind.GEMTEXT if kind == "text/gemini" else TextKind.PLAIN)

    def _show_html(self, markup: str) -> None:
        from misfin.store.message.html import html_to_text  # only for HTML: html.entities is large

        self.show(markup if self.as_html else html_to_text(markup), TextKind.HTML)

    def _without_files(self, data: bytes, start: int, end: int, around: Attachment | None = None) -> bytes:
        """The bytes of a text without the uuencoded and yEnc files in it, which become attachments.

        ``around`` is the part whose decoded content ``data`` is.
        """
        files = inline_files.find(data, start, end)
        if not files:
            return data[start:end]
        out = []
        for file in files:
            out.append(data[start : file.start])
            start = file.end
            size = transfer.size(data, file.start, file.end, file.encoding)
            kind = "application/octet-stream"
            found = Attachment(file.name, kind, size, file.start, file.end, file.encoding)
            self._add([within(found, around) if around else found])
        return b"".join((*out, data[start:end]))

    # ---- what has parts of its own ----------------------------------------------------------------

    def _message(self, part: _Part, encoding: str) -> None:
        """Show an attached message below a few lines of its header."""
        title = "Attached message:"
        if encoding in transfer.CODED:  # against RFC 2046 §5.2.1, and done all the same
            around = Attachment("", "", 0, part.start, part.end, encoding)
            inner = PartsReader(around.content(self.data), self.prefer, self.charset, as_html=self.as_html)
            inner.parts, inner.to_search = self.parts, self.to_search
            headers, body = fields.split(inner.data, fields.beginning(inner.data))
            if headers:
                inner.read(headers, body, part.depth + 1)
                self.parts, self.to_search = inner.parts, inner.to_search
                self.show(reports.heading(title, headers))
                for text in inner.texts:
                    self.show(text.strip("\n"), TextKind.HTML if self.as_html else TextKind.PLAIN)
                self._add(within(file, around) for file in inner.attachments)
                self.remarks |= inner.remarks
            return
        headers, body = fields.split(self.data, fields.beginning(self.data, part.start), part.end)
        if headers:
            self.show(reports.heading(title, headers))
            body, depth = min(body, part.end), part.depth + 1
            self._messages += 1
            self._part(_Part(headers, body, part.end, depth, *_kind(headers), part.kind))
            self._messages -= 1

    def _container(self, part: _Part, encoding: str) -> None:
        """List the files in winmail.dat; show its text if the mail has no other."""
        around = Attachment("", "", 0, part.start, part.end, encoding)
        found = tnef.read(around.content(self.data))
        for number, file in enumerate(found.files, 1):
            name, kind = file.name or f"attachment-{number}", file.type or "application/octet-stream"
            size = file.end - file.start
            inside = Attachment(name, kind, size, file.start, file.end, "", file.content_id)
            self._add([within(inside, around)])
        if not self.texts and not part.listed_only:
            self.show(found.text)
            if not self.texts and found.html:
                self._show_html(found.html[:MAX_TEXT])

    def _add(self, files: Iterable[Attachment]) -> None:
        for file in files:
            if len(self.attachments) >= MAX_PARTS:
                self.remark(ReadingRemark.MANY)
                return
            self.attachments.append(file)


def _kind(headers: Headers) -> tuple[str, Mapping[str, str]]:
    return fields.content(fields.one(headers, "content-type"))


def _offer(part: _Part) -> str:
    """The content type of the text that an alternative offers; empty if it is a file."""
    kind = part.kind or "text/plain"
    if kind.startswith("multipart/"):
        kind = part.parameters.get("type", "").lower() or "text/html"
    return kind if kind.startswith("text/") and kind not in _NAMES else ""
