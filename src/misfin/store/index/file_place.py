"""The place of a message's file, and the part of its name that never changes."""

from __future__ import annotations

from typing import Final, NamedTuple

_OTHER_MARKS: Final = b";!-"

SEPARATOR: Final = "\x1f"
"""Separates several names in one value; names never contain control characters."""


class KnownFolder(NamedTuple):
    """A folder with its number in the index."""

    number: int
    account: str
    name: str


class FilePlace(NamedTuple):
    """A file in a Maildir: the number of its folder in the index, and its name below it (``cur/NAME``)."""

    folder: int
    file: bytes


def split_key(name: bytes) -> bytes:
    """The part of a file name that stays when flags change (compare ``filenames.split_name``)."""
    return split_info(name)[0]


def split_info(name: bytes) -> tuple[bytes, bytes]:
    """The key and the flags in a file name (compare ``filenames.split_name``)."""
    key, colon, info = name.rpartition(b":")
    if colon and info[1:2] == b",":
        return key, info[2:] if info[:1] == b"2" else b""
    at = name.rfind(b"2,") - 1
    if at > 0 and name[at] in _OTHER_MARKS:
        flags = name[at + 3 :]
        if not flags or flags.isalpha():
            return name[:at], flags
    return name, b""


def message_id(file: bytes) -> str:
    """The key in ``cur/KEY:2,FLAGS`` as text; bytes unsafe for a terminal are percent-encoded."""
    key = split_key(file[4:])
    try:
        text = key.decode()
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and text and " " not in text:
        return text
    from urllib.parse import quote_from_bytes  # rarely needed: not before the first frame

    return quote_from_bytes(key)
