"""Mail folders that are plain directories, as mbsync and offlineimap lay them out.

``Lists/Crew`` is the directory ``Lists/Crew`` (``Verbatim`` of mbsync) or ``Lists/.Crew`` (its ``Legacy``).
The inbox may be ``INBOX`` or ``Inbox``.
Such folders are used where they are; new ones are made as everywhere else (foldernames.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

from misfin.model.utf7 import from_utf7, to_utf7

ON_DISK = "/"
"""Begins the name of a folder that is only found by its path, as another one has its name."""

_MAX_DEPTH = 8
_MAX_FOLDERS = 2000
_PARTS_OF_A_FOLDER = frozenset({"cur", "new", "tmp"})
_INBOXES = ("INBOX", "Inbox", "inbox")


def inbox_path(home: Path) -> Path:
    """The directory of an account's inbox: ``home`` itself, unless only a plain directory is one."""
    if not is_maildir(home):
        for name in _INBOXES:
            if is_maildir(home / name):
                return home / name
    return home


def plain_names(home: Path, taken: set[str]) -> set[str]:
    """The names of the plain directories with mail below ``home``; ``taken`` are those of other folders."""
    inbox = inbox_path(home)
    found: set[str] = set()
    for path in _below(home, "", 0):
        if home / path == inbox or len(found) >= _MAX_FOLDERS:
            continue
        first, *rest = path.split("/")
        parts = (first, *(part.removeprefix(".") for part in rest))
        name = "/".join(from_utf7(part) or part for part in parts)
        known = name in taken or name in found or name.upper() == "INBOX"
        found.add(ON_DISK + path if known or plain_path(home, name) != home / path else name)
    return found


def plain_path(home: Path, name: str) -> Path | None:
    """The plain directory of a folder, if there is one; no name leads out of ``home``."""
    parts = name.removeprefix(ON_DISK).split("/")
    if len(parts) > _MAX_DEPTH or any(
        part in ("", ".", "..") or "\0" in part or part in _PARTS_OF_A_FOLDER for part in parts
    ):
        return None
    if parts[0].startswith("."):
        return None
    if name.startswith(ON_DISK):
        return _if_maildir(home / "/".join(parts))
    spellings = dict.fromkeys((tuple(parts), tuple(map(to_utf7, parts))))
    for each, separator in product(spellings, ("/", "/.")):
        if found := _if_maildir(home / separator.join(each)):
            return found
    return None


def is_maildir(path: Path) -> bool:
    """Whether a directory is a folder of messages."""
    isdir = os.path.isdir  # never raises, and no Path objects: this is asked once per message
    return isdir(f"{path}/new") or isdir(f"{path}/cur")


def _if_maildir(path: Path) -> Path | None:
    return path if is_maildir(path) else None


def _below(home: Path, prefix: str, depth: int) -> Iterator[str]:
    with suppress(OSError), os.scandir(home / prefix) as entries:
        names = [entry.name for entry in entries if _may_hold_mail(entry, depth)]
        for name in sorted(names)[:_MAX_FOLDERS]:
            path = f"{prefix}{name}"
            if is_maildir(home / path):
                yield path
            if depth + 1 < _MAX_DEPTH:
                yield from _below(home, f"{path}/", depth + 1)


def _may_hold_mail(entry: os.DirEntry[str], depth: int) -> bool:
    name = entry.name
    if name in _PARTS_OF_A_FOLDER or (not depth and name.startswith(".")) or not name.isprintable():
        return False
    return entry.is_dir(follow_symlinks=not depth)  # a link at a deeper level might lead round in a circle
