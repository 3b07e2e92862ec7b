"""Where a letter lies, and the part of its file name that stays."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote_from_bytes


class Place(NamedTuple):
    """A file in a Maildir: the number of its folder in the index, and its name below it (``cur/NAME``)."""

    folder: int
    file: bytes


def split_key(name: bytes) -> bytes:
    """The part of a file name that stays when flags change (as :func:`misfin.store.maildir.split_name`)."""
    key, colon, info = name.rpartition(b":")
    return key if colon and info[1:2] == b"," else name


def letter_id(file: bytes) -> str:
    """The key in ``cur/KEY:2,FLAGS`` as text; with bytes that no terminal should see, percent-encoded."""
    key = split_key(file[4:])
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return quote_from_bytes(key)
    return text if text.isprintable() and " " not in text else quote_from_bytes(key)
