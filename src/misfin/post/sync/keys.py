"""File names that say which message on the server a file is, in case of a crash right after storing it.

A key is the name of a file and must hold nothing from outside, so it holds a hash. It is looked at only while
a file has no row yet; and a file that was moved by then, by whatever program, still has it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_ORIGIN: Final = re.compile(r"S([0-9a-f]{24})(?=\.|$)")


def origin(raw_folder: bytes, epoch: str, remote_id: str) -> str:
    """24 characters that stand for a message on the server of an account."""
    whole = b"\0".join((raw_folder, epoch.encode("utf-8", "replace"), remote_id.encode("utf-8", "replace")))
    return hashlib.sha256(whole).hexdigest()[:24]


def key_with(name: str, origin_: str) -> str:
    """A unique file name with the origin of the message in it."""
    unique, _, host = name.partition("R")
    token, dot, host = host.partition(".")
    return f"{unique}R{token}S{origin_}{dot}{host}"


def origin_of(key: str) -> str:
    """The origin in a key; empty if there is none."""
    found = _ORIGIN.search(key)
    return found[1] if found else ""
