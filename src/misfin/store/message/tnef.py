"""Finds the files and the text in winmail.dat, Outlook's own container ([MS-OXTNEF]).

Read here and not by ``tnefparse``, which takes quadratic time on many small attributes, loops as often as a
number in the file says, and cuts zero bytes off the end of files. Here no number in the file says
what is copied or allocated: a file is a range of its bytes. Text that is only compressed RTF is not read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import field

from misfin.store.message.charsets import decoded
from misfin.valueclass import dataclass

KINDS = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
FILE_NAME = "winmail.dat"

_SIGNATURE = b"\x78\x9f\x3e\x22"
_MAX_ATTRIBUTES = 20_000
_MAX_PROPERTIES = 5_000
_MAX_FILES = 501
"""One more than is listed of a mail, so that it is said when some are left out."""
_MAX_DEPTH = 4
_MAX_NAME = 1_000

# The attributes and the properties of MAPI that are read, by their numbers in [MS-OXTNEF] and [MS-OXPROPS].
_BODY, _CODE_PAGE, _PROPERTIES = 0x800C, 0x9007, 0x9003
_NEW_FILE, _TITLE, _DATA, _FILE_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_PR_BODY, _PR_HTML, _PR_DISPLAY_NAME = 0x1000, 0x1013, 0x3001
_PR_DATA, _PR_SHORT_NAME, _PR_NAME, _PR_TYPE, _PR_CONTENT_ID = 0x3701, 0x3704, 0x3707, 0x370E, 0x3712
_UNICODE, _OBJECT = 0x1F, 0x0D
_VARIABLE = frozenset({_OBJECT, 0x1E, _UNICODE, 0x102})
_SIZES = {0x02: 4, 0x0B: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}
"""Bytes that a value of fixed size takes, with what pads it to four."""
_MESSAGE_OBJECT = bytes.fromhex("0703020000000000c000000000000046")


@dataclass
class TnefFile:
    """One file, as a range of the container's bytes."""

    name: str = ""
    type: str = ""
    content_id: str = ""
    start: int = 0
    end: int = 0


@dataclass
class Tnef:
    """What was found in a container."""

    files: list[TnefFile] = field(default_factory=list)
    text: str = ""
    html: str = ""


def read(data: bytes) -> Tnef:
    """The files and the text of a container; nothing if it is not one. Never raises."""
    found = Tnef()
    _read(data, 0, len(data), found, 0)
    found.files = [file for file in found.files if file.name or file.end > file.start]
    return found


def _read(data: bytes, start: int, end: int, found: Tnef, depth: int) -> None:
    if not data.startswith(_SIGNATURE, start) or depth > _MAX_DEPTH:
        return
    page = ""
    file: TnefFile | None = None
    for number, first, last in _attributes(data, start + 6, end):
        if number == _CODE_PAGE and last - first >= 4:
            page = f"cp{struct.unpack_from('<I', data, first)[0]}"
        elif number == _NEW_FILE:
            if len(found.files) >= _MAX_FILES:
                return
            file = TnefFile()
            found.files.append(file)
        elif number == _BODY and not depth:
            found.text = found.text or _text(data[first:last], page)
        elif number == _PROPERTIES and not depth:
            _message_properties(data, first, last, page, found)
        elif file is not None:
            if number == _DATA:
                file.start, file.end = first, last
            elif number == _TITLE and not file.name:
                file.name = _text(data[first : min(last, first + _MAX_NAME)], page)
            elif number == _FILE_PROPERTIES:
                _file_properties(data, first, last, page, found, file, depth)


def _attributes(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    for _ in range(_MAX_ATTRIBUTES):
        if position + 11 > end:
            return
        _, number, _, length = struct.unpack_from("<BHHI", data, position)
        first = position + 9
        last = first + length
        if last > end:
            return
        yield number, first, last
        position = last + 2  # a checksum


def _message_properties(data: bytes, first: int, last: int, page: str, found: Tnef) -> None:
    for number, kind, start, end in _values(data, first, last):
        if number == _PR_BODY:
            found.text = found.text or _text(data[start:end], page, kind)
        elif number == _PR_HTML:
            found.html = found.html or _text(data[start:end], page, kind)


def _file_properties(
    data: bytes, first: int, last: int, page: str, found: Tnef, file: TnefFile, depth: int
) -> None:
    for number, kind, start, end in _values(data, first, last):
        if number == _PR_DATA:
            if kind == _OBJECT:  # what class of object it is comes first
                if data.startswith(_MESSAGE_OBJECT, start):
                    file.type = "application/ms-tnef"
                    _read(data, start + len(_MESSAGE_OBJECT), end, found, depth + 1)
                start = min(start + len(_MESSAGE_OBJECT), end)
            file.start, file.end = start, end
            continue
        text = _text(data[start : min(end, start + _MAX_NAME)], page, kind)
        if number == _PR_NAME:
            file.name = text or file.name
        elif number in (_PR_SHORT_NAME, _PR_DISPLAY_NAME) and not file.name:
            file.name = text
        elif number == _PR_TYPE and "/" in text:
            file.type = text.lower()
        elif number == _PR_CONTENT_ID:
            file.content_id = text.strip("<>")


def _values(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The number, type and range of each property of variable size; of several values, the first."""
    if position + 4 > end:
        return
    count = min(struct.unpack_from("<I", data, position)[0], _MAX_PROPERTIES)
    position += 4
    values = 0
    for _ in range(count):
        if position + 4 > end:
            return
        kind, number = struct.unpack_from("<HH", data, position)
        position += 4
        if number >= 0x8000:  # a named property: its name is not needed
            position += 16
            if position + 8 > end:
                return
            named, length = struct.unpack_from("<II", data, position)
            position += 8 + (_padded(length) if named else 0)
        several, kind = bool(kind & 0x1000), kind & 0x0FFF
        repeat = 1
        if several or kind in _VARIABLE:
            if position + 4 > end:
                return
            repeat = struct.unpack_from("<I", data, position)[0]
            position += 4
        if kind not in _VARIABLE:
            if kind not in _SIZES:
                return
            position += _SIZES[kind] * repeat
            continue
        for turn in range(repeat):
            values += 1
            if position + 4 > end or values > _MAX_PROPERTIES:
                return
            (length,) = struct.unpack_from("<I", data, position)
            position += 4
            if position + length > end:
                return
            if not turn:
                yield number, kind, position, position + length
            position += _padded(length)


def _padded(length: int) -> int:
    return length + -length % 4


def _text(raw: bytes, page: str, kind: int = 0) -> str:
    if kind == _UNICODE:
        return raw.decode("utf-16-le", "replace").rstrip("\0")
    return decoded(raw.rstrip(b"\0"), page)[0]
