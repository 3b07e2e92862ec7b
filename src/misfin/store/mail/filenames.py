"""File names of messages: a key that never changes, and flags that do."""

from __future__ import annotations

import itertools
import os
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from misfin.errors import StoreError

INFO: Final = ":2,"
"""Separates key and flags of a name in ``cur/``."""
LIKELY_PLACES: Final = (
    ("cur", INFO + "S"),
    ("new", ""),
    ("cur", INFO),
    ("cur", INFO + "RS"),
    ("cur", INFO + "FS"),
    ("cur", INFO + "ST"),
    ("cur", INFO + "DS"),
)
"""The most common subfolders and name endings, tried before a folder is listed."""

_counter = itertools.count()
_process_token = secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a message is: its permanent ``key``; ``subdir``, ``flags`` and ``name`` as last seen."""

    key: str
    subdir: str
    flags: str
    folder: Path
    name: str

    @property
    def path(self) -> Path:
        return self.folder / self.subdir / self.name


def split_name(name: str) -> tuple[str, str]:
    """Split a file name into key and flags; an info part other than ``2,`` has no flags."""
    key, colon, info = name.rpartition(":")
    if not colon or info[1:2] != ",":
        return name, ""
    return key, info[2:] if info[0] == "2" else ""


def unique_name(now: float) -> str:
    """A unique key: time, process, a counter, a random token and the name of this machine."""
    seconds, fraction = divmod(now, 1.0)
    moment = f"{int(seconds)}.M{int(fraction * 1e6):06d}"
    return f"{moment}P{os.getpid()}Q{next(_counter)}R{_process_token}{secrets.token_hex(2)}.{_host()}"


@lru_cache(maxsize=1)
def _host() -> str:
    host = os.uname().nodename.encode("ascii", "replace").decode()
    return host.replace("/", "\\057").replace(":", "\\072").replace(",", "\\054")[:40] or "localhost"


def ordered(flags: str, there: str = "") -> str:
    """Flags as the Maildir specification requires: ASCII letters, each once, sorted.

    Flags already ``there``, in a name from another program, may be anything.
    """
    if not flags:
        return ""
    chars = set(flags)
    if not all(char.isascii() and char.isalpha() for char in chars - set(there)):
        raise StoreError(f"{flags!r} are not Maildir flags.")
    return "".join(sorted(chars))
