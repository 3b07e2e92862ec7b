"""The place of a message's file, and the part of its name that never changes."""

from __future__ import annotations

from typing import Final, NamedTuple

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
    key, colon, info = name.rpartition(b":")
    return key if colon and info[1:2] == b"," else name


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
