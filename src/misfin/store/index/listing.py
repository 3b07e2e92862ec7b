"""Inspects Maildirs without opening messages: their folders, whether one changed, what a file name says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from misfin.errors import StoreError
from misfin.store.index.file_place import split_info
from misfin.store.mail.keywords import read_keywords, tags_of
from misfin.store.mail.maildir import MailStore

RACY: Final = 2.0
"""Seconds after a change in which a folder's time is not trusted: another change may have the same time."""

DAY: Final = 86400.0

_STAMP: Final = re.compile(rb"\d{9,11}(?=\D|$)")


class FileState(NamedTuple):
    """Identity and time of a file or directory; not ``settled`` if it changed too recently to be certain."""

    identity: str = ""
    time: str = ""
    settled: bool = False

    @classmethod
    def load(cls, text: str) -> FileState:
        """Read a stored state, as written by ``str``."""
        identity, _, time = text.partition(" ")
        return cls(identity, time, bool(time))

    def __str__(self) -> str:
        return f"{self.identity} {self.time if self.settled else ''}"

    def same_as(self, before: FileState) -> bool:
        """Whether it is certain that nothing has changed since ``before``."""
        return self.settled and self[:2] == before[:2]


class Meaning(NamedTuple):
    """What the flags of a file name say about a message."""

    unread: bool
    starred: bool
    tags: str


def mail_folders(store: MailStore) -> tuple[dict[tuple[str, str], Path], list[Path]]:
    """Every folder of every account, by (account, folder), and the accounts that cannot be read.

    Raises :class:`StoreError` if no account can be read.
    """
    unreadable = []
    try:
        with suppress(FileNotFoundError), os.scandir(store.root) as entries:
            unreadable = [
                Path(entry.path)
                for entry in entries
                if "@" in entry.name and entry.is_dir() and not os.access(entry.path, os.R_OK | os.X_OK)
            ]
        away = {path.name for path in unreadable}
        found = {
            (account, name): store.folder(account, name).path
            for account in store.accounts()
            if account not in away
            for name in store.folders(account)
        }
        return found, unreadable
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"The mail in {store.root} could not be read: {error.strerror or error}.",
            remedy="Check the owner and the permissions of the folder.",
        ) from error


def look(path: Path, now: float) -> FileState:
    """The current state of a directory or file; an empty state if it is missing."""
    try:
        facts = path.stat()
    except OSError:
        return FileState("-", "-", settled=True)
    # A time slightly ahead comes from a server's clock; one far ahead is not a race but a wrong clock.
    settled = not -DAY < now - facts.st_mtime < RACY
    return FileState(f"{facts.st_dev}:{facts.st_ino}", str(facts.st_mtime_ns), settled)


def names(path: Path) -> Iterator[bytes]:
    """Names in ``new`` or ``cur`` that could be messages; none if it is missing.

    Raises ``OSError`` if it exists but cannot be read.
    """
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(os.fsencode(path)) as entries:
        for entry in entries:
            if not entry.name.startswith(b"."):
                yield entry.name


def arrival(name: bytes) -> int:
    """The arrival time in a message's file name (Unix seconds); 0 if there is none."""
    found = _STAMP.match(name)
    return int(found[0]) if found else 0


def flags_of(name: bytes) -> str:
    """The flags in a file name (Maildir's ``:2,FLAGS``)."""
    return split_info(name)[1].decode("ascii", "ignore")


def meaning(name: bytes, keywords: Mapping[str, str]) -> Meaning:
    flags = flags_of(name)
    tags = tags_of(flags, keywords) if keywords else ()
    return Meaning("S" not in flags, "F" in flags, f" {' '.join(tags)} " if tags else "")


def keywords_of(path: Path) -> dict[str, str]:
    """The folder's tag names; none if the file cannot be read."""
    with suppress(OSError):
        return read_keywords(path)
    return {}
