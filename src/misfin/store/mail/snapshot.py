"""What a Maildir holds at one moment: names only, for comparing with what was there before.

Only a listing of the folder itself can say that a file is gone. It is not repeated while nothing in the
folder has changed: adding, removing or renaming a file changes the time of its directory. A time that is not
yet two seconds old may stand for two states of the directory, as file systems count coarsely (FAT: two
seconds), so it is not relied upon.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from misfin.store.mail.keywords import FILE, read_keywords
from misfin.store.mail.maildir import SUBDIRS, Maildir
from misfin.valueclass import dataclass

SETTLED_AFTER: Final = 2.0
"""Seconds after which the time of a directory stands for one state of it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The file names in ``cur`` and ``new``, and the tag of each flag that means one.

    ``stamp`` is a value that changes whenever a name does; empty if that cannot be relied upon yet.
    ``exists`` is false where there is no such Maildir. ``identity`` stays while its directories are the same
    ones, whatever they are called; it is empty where there are none.
    """

    cur: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    stamp: str = ""
    exists: bool = True
    identity: str = ""

    def __len__(self) -> int:
        return len(self.cur) + len(self.new)


def take_snapshot(maildir: Maildir, now: float, known: str = "") -> Snapshot | None:
    """List a Maildir; None if its stamp still is ``known``. ``now`` is the time (Unix seconds).

    Raises :class:`~misfin.errors.StoreError` if it cannot be read.
    """
    stamp, latest = _stamp(maildir)
    if not stamp:
        return Snapshot(exists=False)
    if known and stamp == known:
        return None
    settled = stamp if 0 <= latest <= now - SETTLED_AFTER else ""
    tags = read_keywords(maildir.path)
    cur, new = frozenset(maildir.names("cur")), frozenset(maildir.names("new"))
    if settled and _stamp(maildir)[0] != stamp:
        settled = ""
    return Snapshot(cur, new, tags, settled, identity=identity_in(stamp))


def identity_in(stamp: str) -> str:
    """The identity of a Maildir's directories, from a stamp of it."""
    return " ".join(":".join(part.split(":")[:2]) for part in stamp.split(" ")[: len(SUBDIRS)])


def _stamp(maildir: Maildir) -> tuple[str, float]:
    """The state of the directories and of the file of tags, and the latest of their times."""
    parts: list[str] = []
    latest = 0.0
    for name in (*SUBDIRS, FILE):
        try:
            facts = os.stat(f"{maildir.path}/{name}")  # noqa: PTH116 - once for each folder and pass
        except OSError:
            if name != FILE:
                return "", 0.0
            parts.append("-")
        else:
            parts.append(f"{facts.st_dev}:{facts.st_ino}:{facts.st_mtime_ns}:{facts.st_size}")
            latest = max(latest, facts.st_mtime)
    return " ".join(parts), latest
