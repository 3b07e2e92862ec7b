"""File names of messages: a key that never changes, and flags that do."""

from __future__ import annotations

import itertools
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.valueclass import dataclass

INFO: Final = ":2,"
"""Separates key and flags of a name in ``cur/``."""
_OTHER_MARKS: Final = frozenset(";!-")
"""What programs write instead of the colon, which some file systems do not allow in names."""
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
_process_token = os.urandom(4).hex()


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

    def renamed(self, flags: str, key: str = "") -> str:
        """Its name in ``cur/`` with other flags, and another key if given."""
        return f"{key or self.key}{_info_mark(self.name)}{flags}"


def split_name(name: str) -> tuple[str, str]:
    """Split a file name into key and flags; an info part other than ``2,`` has no flags.

    Some programs are set up to write ``;2,``, ``!2,`` or ``-2,`` instead of ``:2,``.
    """
    key, colon, info = name.rpartition(":")
    if colon and info[1:2] == ",":
        return key, info[2:] if info[0] == "2" else ""
    at = name.rfind("2,") - 1
    if at > 0 and name[at] in _OTHER_MARKS:
        flags = name[at + 3 :]
        if not flags or (flags.isascii() and flags.isalpha()):
            return name[:at], flags
    return name, ""


def _info_mark(name: str) -> str:
    """What separates key and flags in a name, which is kept when flags change: usually :data:`INFO`."""
    key, _ = split_name(name)
    mark = name[len(key) : len(key) + len(INFO)]
    return mark if mark[1:] == INFO[1:] else INFO


def unique_name(now: float) -> str:
    """A unique key: time, process, a counter, a random token and the name of this machine."""
    seconds, fraction = divmod(now, 1.0)
    moment = f"{int(seconds)}.M{int(fraction * 1e6):06d}"
    return f"{moment}P{os.getpid()}Q{next(_counter)}R{_process_token}{os.urandom(2).hex()}.{_host()}"


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


LOCAL_ONLY = ".L"
"""Ends the key of a draft that must not be copied to a server: it is to be encrypted, and is not yet."""
_LOCAL_DRAFT = re.compile(r"\.D[0-9a-f]{16}\.L\Z")


def is_local_only(key: str) -> bool:
    """Whether the file with this key must not be copied to a server."""
    return _LOCAL_DRAFT.search(key) is not None
