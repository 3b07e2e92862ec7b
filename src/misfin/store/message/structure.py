"""The tree of parts of a mail, as it is written: types, sizes, and where each begins and ends.

What a reader shows of it is decided in :mod:`misfin.store.message.parts`, whose bounds hold here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from misfin.store.message import fields, transfer
from misfin.store.message.bodytext import body_text
from misfin.store.message.fields import Headers
from misfin.store.message.parts import PartsReader

MAX_PARTS: Final = 500
MAX_DEPTH: Final = 30
MESSAGES: Final = frozenset({"message/rfc822", "message/global"})


@dataclass(frozen=True, slots=True)
class PartInfo:
    """One part. ``depth`` is 0 for the mail itself; ``size`` is that of its content, decoded, in bytes.

    ``name`` was chosen by the sender. ``first`` is where its header begins, ``start`` and ``end`` are the
    range of its body, encoded.
    """

    depth: int
    type: str
    name: str
    charset: str
    disposition: str
    size: int
    first: int = field(repr=False)
    start: int = field(repr=False)
    end: int = field(repr=False)
    encoding: str = field(repr=False)

    @property
    def holds_parts(self) -> bool:
        """Whether it is only a container of others."""
        return self.type.startswith("multipart/")

    def content(self, data: bytes) -> bytes:
        """Its content, from the bytes of the whole mail."""
        return transfer.decoded(data[self.start : self.end], self.encoding)

    def text(self, data: bytes) -> str:
        """The same as text, in its character set as far as it can be read."""
        return body_text(self.content(data), self.type, {"charset": self.charset} if self.charset else {})[0]


def parts_of(data: bytes) -> tuple[PartInfo, ...]:
    """Every part of a mail, each before those inside it; at most :data:`MAX_PARTS`. Never raises."""
    found: list[PartInfo] = []
    for part in _Walker(data).walk():
        found.append(part)
        if len(found) >= MAX_PARTS:
            break
    return tuple(found)


class _Walker(PartsReader):
    """Uses what the reader knows of boundary lines."""

    def walk(self) -> Iterator[PartInfo]:
        first = fields.beginning(self.data)
        headers, body = fields.split(self.data, first)
        yield from self._inside(headers, first, body, len(self.data), 0, "text/plain")

    def _inside(
        self, headers: Headers, first: int, start: int, end: int, depth: int, usual: str
    ) -> Iterator[PartInfo]:
        kind, parameters = fields.content(fields.one(headers, "content-type"))
        part = _info(headers, kind or usual, parameters, (first, min(start, end), end), depth, self.data)
        yield part
        if depth >= MAX_DEPTH:
            return
        if part.holds_parts:
            usual = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
            boundary = parameters.get("boundary", "").encode("utf-8", "replace")
            for begin, close in self._split(boundary, part.start, end) if boundary else ():
                inner, body = _header(self.data, begin, close)
                yield from self._inside(inner, begin, min(body, close), close, depth + 1, usual)
        elif part.type in MESSAGES and part.encoding not in transfer.CODED:
            begin = fields.beginning(self.data, part.start)
            inner, body = fields.split(self.data, begin, end)
            if inner:
                yield from self._inside(inner, begin, min(body, end), end, depth + 1, "text/plain")


def _header(data: bytes, first: int, last: int) -> tuple[Headers, int]:
    headers, body = fields.split(data, first, last)
    if not headers:  # a part without a header begins with a blank line
        body = first + (2 if data.startswith(b"\r\n", first) else data.startswith(b"\n", first))
    return headers, body


def _info(
    headers: Headers,
    kind: str,
    parameters: Mapping[str, str],
    span: tuple[int, int, int],
    depth: int,
    data: bytes,
) -> PartInfo:
    first, start, end = span
    encoding = transfer.encoding_of(fields.one(headers, "content-transfer-encoding"))
    disposition, more = fields.content(fields.one(headers, "content-disposition"))
    return PartInfo(
        depth=depth,
        type=kind,
        name=more.get("filename") or parameters.get("name") or "",
        charset=parameters.get("charset", ""),
        disposition=disposition,
        size=transfer.size(data, start, end, "" if kind.startswith("multipart/") else encoding),
        first=first,
        start=start,
        end=end,
        encoding=encoding,
    )
