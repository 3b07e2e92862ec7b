"""Gmail, whose folders are labels: All Mail is kept as the archive, of what has no label that is a folder.

A message is in the folder of each of its labels and in All Mail besides (X-GM-LABELS,
https://developers.google.com/workspace/gmail/imap/imap-extensions). Taking it out of a folder only removes
the label, and whether that counts as a change of All Mail is not documented. So all labels are read again
when messages have left other folders, and every half hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from misfin.email.imap import ListEntry
from misfin.post.sync.values import RemoteFolder, Role

LABELS: Final = "X-GM-LABELS"
LASTING: Final = "X-GM-MSGID"
"""A number that a message has in every folder."""
EXTENSION: Final = "X-GM-EXT-1"
ALL: Final = frozenset({"\\all", "\\allmail"})
_SYSTEM: Final = {
    "\\sent": {b"\\sent"},
    "\\drafts": {b"\\draft", b"\\drafts"},
    "\\junk": {b"\\junk", b"\\spam"},
    "\\spam": {b"\\junk", b"\\spam"},
    "\\trash": {b"\\trash"},
}
_SCANNED_EVERY: Final = 1800.0
"""Seconds after which all labels are read again."""


class GmailFolders:
    """What has to be known of an account's folders. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.archive: bytes | None = None
        """All Mail, as the server spells it; None where it is not shown."""
        self.trash: RemoteFolder | None = None
        self._final: set[bytes] = set()
        self._labels: frozenset[bytes] = frozenset()
        self._clock = clock
        self._scanned = 0.0
        self._stale = True

    def learn(self, entries: Iterable[ListEntry], folders: Iterable[RemoteFolder]) -> None:
        """Take over a list of the folders, and which of them are kept in sync."""
        kept = {folder.raw: folder for folder in folders}
        labels: set[bytes] = set()
        self.archive = None
        for entry in entries:
            if entry.raw not in kept:
                continue
            if entry.attributes & ALL:
                self.archive = entry.raw
                continue
            labels.add(b"\\inbox" if entry.raw.upper() == b"INBOX" else entry.raw)
            for attribute in entry.attributes & _SYSTEM.keys():
                labels |= _SYSTEM[attribute]
        if labels != self._labels:
            self._labels, self._stale = frozenset(labels), True
        roles = {folder.role: folder for folder in kept.values()}
        self.trash = roles.get(Role.TRASH)
        self._final = {folder.raw for role, folder in roles.items() if role in (Role.TRASH, Role.JUNK)}

    def deletes(self, folder: RemoteFolder) -> bool:
        """Whether EXPUNGE in this folder deletes a message, and not only a label."""
        return folder.raw in self._final

    # ---- the archive

    def is_archive(self, folder: RemoteFolder) -> bool:
        """Whether this is All Mail."""
        return folder.raw == self.archive

    def archived(self, items: Mapping[str, object]) -> bool:
        """Whether a message, by what FETCH says of it, is in no other folder that is kept in sync."""
        labels = items.get(LABELS)
        named = labels if isinstance(labels, list) else []
        return not any(_normal(each) in self._labels for each in named if isinstance(each, bytes))

    def left_elsewhere(self) -> None:
        """Messages have left another folder: they may be in the archive now."""
        self._stale = True

    @property
    def scan_due(self) -> bool:
        """Whether all labels have to be read."""
        return self._stale or self._clock() - self._scanned > _SCANNED_EVERY

    def scanned(self) -> None:
        """All labels were read."""
        self._stale, self._scanned = False, self._clock()


def _normal(label: bytes) -> bytes:
    """A label as it is compared: system labels in any case."""
    return label.lower() if label.startswith(b"\\") else label
