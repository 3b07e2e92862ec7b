"""Where a message lies, and the part of its file name that stays."""

from __future__ import annotations

from typing import Final, NamedTuple

SEPARATOR: Final = "\x1f"
"""Between several names in one value; control characters are taken out of every name."""


class KnownFolder(NamedTuple):
    """A folder as the index numbers it."""

    number: int
    account: str
    name: str


class FilePlace(NamedTuple):
    """A file in a Maildir: the number of its folder in the index, and its name below it (``cur/NAME``)."""

    folder: int
    file: bytes


def split_key(name: bytes) -> bytes:
    """The part of a file name that stays when flags change (as
    :func:`misfin.store.mail.maildir.split_name`)."""
    key, colon, info = name.rpartition(b":")
    return key if colon and info[1:2] == b"," else name


def message_id(file: bytes) -> str:
    """The key in ``cur/KEY:2,FLAGS`` as text; with bytes that no terminal should see, percent-encoded."""
    key = split_key(file[4:])
    try:
        text = key.decode()
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and text and " " not in text:
        return text
    from urllib.parse import quote_from_bytes  # seldom needed: not for the first frame

    return quote_from_bytes(key)
