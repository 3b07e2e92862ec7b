"""Reads mbox files in the variants of many programs: separators, quoting and status fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from misfin.store.message import fields
from misfin.store.transfer import sources
from misfin.store.transfer.sources import Item, Skipped, SourceItem

_LINE = 1024 * 1024
"""Bytes of a line read at once, however long it is."""
_TIME = re.compile(rb"\b[0-9]{1,2}:[0-9]{2}\b")
_YEAR = re.compile(rb"\b[12][0-9]{3}\b")
_UNDATED = re.compile(rb"From \S*\s*")
_WEEKDAY = re.compile(rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b")
_ASCTIME = re.compile(
    rb"\b([A-Z][a-z]{2}) +([0-9]{1,2}) +([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)\b.*?\b([12][0-9]{3})\b"
)
_HEADER_LINE = re.compile(rb">?From |[!-9;-~]{1,100}[ \t]*:")
_BEGINNING = 300
"""Bytes of a line that are examined to decide whether a message begins there."""
_SERVERS_NOTE = b"DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"
_MOZILLA_DELETED = 0x8
STATUS = re.compile(
    rb"^(?:(?:X-)?Status|X-Mozilla-Status2?|X-Keywords):.*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE
)
"""The fields in which an mbox stores flags, because it has no other place for them."""
_X_STATUS = {"A": "R", "F": "F", "D": "T", "T": "D"}


def messages(path: Path, folder: str) -> Iterator[SourceItem]:
    """The messages of an mbox file; ``>From`` is unquoted (mboxrd), the status fields become flags."""
    with path.open("rb") as file:
        for number, (start, data) in enumerate(_messages(file), 1):
            found = (
                Skipped("", sources.too_large(sources.MAX_MESSAGE_FILE))
                if data is None
                else _item(start, data, folder)
            )
            if isinstance(found, Skipped):
                found = Skipped(f"message {number}", found.why)
            yield file.tell(), found


def _messages(file: BinaryIO) -> Iterator[tuple[bytes, bytes | None]]:
    """The ``From`` line of each message, and the message without that line and the blank line after it.

    None in place of a message that is too large.
    """
    lines: list[bytes] = []
    size = 0
    start = b""
    blank = line_start = dated = True
    following = file.readline(_LINE).removeprefix(b"\xef\xbb\xbf")
    while piece := following:
        following = file.readline(_LINE)
        if (
            line_start
            and piece.startswith(b"From ")
            and (not start or _starts_message(piece, following, after_blank=blank, dated=dated))
        ):
            if start:
                yield start, _without_last_blank(lines) if size <= sources.MAX_MESSAGE_FILE else None
            dated = dated if start else _is_dated(piece[:_BEGINNING])
            lines, size, start = [], 0, piece
        elif start:
            size += len(piece)
            if size <= sources.MAX_MESSAGE_FILE:
                quoted = line_start and piece.startswith(b">") and piece.lstrip(b">").startswith(b"From ")
                lines.append(piece[1:] if quoted else piece)
            else:
                lines.clear()
        blank = line_start and not piece.strip(b"\r\n")
        line_start = piece.endswith(b"\n")
    if start:
        yield start, _without_last_blank(lines) if size <= sources.MAX_MESSAGE_FILE else None


def _starts_message(line: bytes, following: bytes, *, after_blank: bool, dated: bool) -> bool:
    """Whether a line of an mbox begins a message, or is text that some program has not quoted.

    The more it looks like a real separator, the less its surroundings matter; ``dated`` says whether the
    first such line of the file has a date.
    """
    line = line[:_BEGINNING]
    header = _HEADER_LINE.match(following) is not None
    if not dated:
        return after_blank and header and _UNDATED.fullmatch(line) is not None
    if not _is_dated(line):
        return False
    if _WEEKDAY.search(line):
        return after_blank or header
    return after_blank and (header or not following.strip())


def _is_dated(line: bytes) -> bool:
    return bool(_TIME.search(line) and _YEAR.search(line))


def _without_last_blank(lines: list[bytes]) -> bytes:
    if lines and lines[-1] in (b"\n", b"\r\n"):
        lines.pop()
    return b"".join(lines)


def _item(start: bytes, data: bytes, folder: str) -> Item | Skipped:
    headers, body = fields.split(data)
    if fields.one(headers, "subject").strip() == _SERVERS_NOTE and b"MAILER-DAEMON" in fields.one(
        headers, "from"
    ):
        return Skipped("", "It is a mail server's internal data about the folder.")
    mozilla = _mozilla_status(headers)
    if mozilla & _MOZILLA_DELETED:
        return Skipped("", "It was deleted, and is only there until its folder is compacted.")
    head = STATUS.sub(b"", data[:body])
    date = fields.moment(fields.one(headers, "date")) or _moment(start)
    tags = tuple(fields.text(fields.one(headers, "x-keywords")).split())
    flags = _flags(headers, mozilla)
    return Item(head + data[body:], folder, flags, date.timestamp() if date else None, tags)


def _moment(start: bytes) -> datetime | None:
    """The time a message was received, from its ``From`` line."""
    line = start[:_BEGINNING]
    if found := _ASCTIME.search(line):
        line = b"%s %s %s %s" % (found[2], found[1], found[4], found[3])
    return fields.moment(line)


def _flags(headers: fields.Headers, mozilla: int) -> str:
    status = fields.text(fields.one(headers, "status")).upper()
    more = fields.text(fields.one(headers, "x-status")).upper()
    flags = {"S"} if "R" in status else set()
    flags |= {_X_STATUS[char] for char in more if char in _X_STATUS}
    flags |= {flag for bit, flag in ((0x1, "S"), (0x2, "R"), (0x4, "F")) if mozilla & bit}
    return "".join(sorted(flags))


def _mozilla_status(headers: fields.Headers) -> int:
    try:
        return int(fields.text(fields.one(headers, "x-mozilla-status")) or "0", 16)
    except ValueError:
        return 0
