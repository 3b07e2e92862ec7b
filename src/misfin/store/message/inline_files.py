"""Finds the files that older programs put between the lines of a text: uuencode and yEnc."""

from __future__ import annotations

import re
from collections.abc import Iterator

from misfin.valueclass import dataclass

_BEGIN = re.compile(
    rb"^(?:begin [0-7]{3,4} (?P<uu>[^\r\n]{0,255})"
    rb"|=ybegin [^\r\n]{0,200}?name=(?P<yenc>[^\r\n]{1,255}))\r?\n",
    re.MULTILINE,
)
_UU_END = re.compile(rb"^end[ \t]*\r?$\n?", re.MULTILINE)
_YENC_END = re.compile(rb"^=yend[^\n]*\n?", re.MULTILINE)
_MAX_FILES = 100


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A file between the lines of a text, from ``start`` to ``end`` of the bytes searched."""

    name: str
    start: int
    end: int
    encoding: str


def find(data: bytes, start: int, end: int) -> list[InlineFile]:
    """The files in a range of bytes, in order, at most 100; one without its end is text."""
    if data.find(b"begin ", start, end) < 0:
        return []
    return list(_files(data, start, end))


def _files(data: bytes, start: int, end: int) -> Iterator[InlineFile]:
    position = start
    for _ in range(_MAX_FILES):
        begin = _BEGIN.search(data, position, end)
        if begin is None:
            return
        uu = begin["uu"] is not None
        if uu and not _is_uu(data, begin.end(), end):
            position = begin.end()
            continue
        last = (_UU_END if uu else _YENC_END).search(data, begin.end(), end)
        if last is None:
            return
        name = (begin["uu"] or begin["yenc"] or b"").decode("utf-8", "replace").strip().strip('"')
        yield InlineFile(name, begin.start(), last.end(), "x-uuencode" if uu else "x-yenc")
        position = last.end()


def _is_uu(data: bytes, start: int, end: int) -> bool:
    """Whether a line can be uuencoded: its first byte says how long it is. Blanks at its end may be lost."""
    stop = data.find(b"\n", start, min(end, start + 200))
    line = data[start : stop if stop >= 0 else end].rstrip(b"\r")
    if line == b"end":
        return True
    if not line or any(not 0x20 <= byte <= 0x60 for byte in line):
        return False
    wanted = -(-((line[0] - 32) & 63) // 3) * 4
    return len(line.rstrip()) - 1 <= wanted + 2  # a checksum may follow
