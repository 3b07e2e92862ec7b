"""What the file of a message is called: a key that stays, and flags that say what became of the message."""

from __future__ import annotations

import itertools
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from misfin.errors import StoreError

INFO: Final = ":2,"
"""What divides key and flags of a name in ``cur/``."""
LIKELY_PLACES: Final = (
    ("cur", INFO + "S"),
    ("new", ""),
    ("cur", INFO),
    ("cur", INFO + "RS"),
    ("cur", INFO + "FS"),
    ("cur", INFO + "ST"),
    ("cur", INFO + "DS"),
)
"""Subfolders and ends of names most messages have: tried before a folder is listed."""

_counter = itertools.count()
_process_token = secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a message lies: ``key`` names it for good; ``subdir``, ``flags`` and ``name`` are as last
    seen."""

    key: str
    subdir: str
    flags: str
    folder: Path
    name: str

    @property
    def path(self) -> Path:
        return self.folder / self.subdir / self.name


def split_name(name: str) -> tuple[str, str]:
    """Divide a file name into key and flags; an info part of another kind than ``2,`` has no flags."""
    key, colon, info = name.rpartition(":")
    if not colon or info[1:2] != ",":
        return name, ""
    return key, info[2:] if info[0] == "2" else ""


def unique_name(now: float) -> str:
    """A key nobody else makes: time, process, a counter, a random token and the name of this machine."""
    seconds, fraction = divmod(now, 1.0)
    host = os.uname().nodename.encode("ascii", "replace").decode()
    host = host.replace("/", "\\057").replace(":", "\\072").replace(",", "\\054")[:40] or "localhost"
    moment = f"{int(seconds)}.M{int(fraction * 1e6):06d}"
    return f"{moment}P{os.getpid()}Q{next(_counter)}R{_process_token}{secrets.token_hex(2)}.{host}"


def ordered(flags: str, there: str = "") -> str:
    """Flags as the Maildir document wants them: ASCII letters, each once, in order.

    What is ``there`` already, in the name another program gave, may be anything.
    """
    chars = set(flags)
    if not all(char.isascii() and char.isalpha() for char in chars - set(there)):
        raise StoreError(f"{flags!r} are not Maildir flags.")
    return "".join(sorted(chars))
