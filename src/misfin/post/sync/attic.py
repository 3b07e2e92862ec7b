"""The attic: what was deleted elsewhere is kept here for 30 days and can be restored (docs/sync.md §6)."""

from __future__ import annotations

import os
from typing import Final

from misfin.errors import StoreError
from misfin.model.folders import INBOX
from misfin.post.source import Inbox
from misfin.post.sync.journal import forget_deleted, gone
from misfin.post.sync.state import SyncState
from misfin.store.mail.maildir import Entry
from misfin.valueclass import dataclass

KEPT: Final = 30 * 86400.0
"""Seconds for which a message is kept."""


@dataclass(frozen=True, slots=True)
class AtticMessage:
    """A message in the attic of an account. ``folder`` is where it was, ``at`` when it was put here."""

    key: str
    folder: str
    at: float
    entry: Entry


def messages(state: SyncState, inbox: Inbox, account: str) -> list[AtticMessage]:
    """What is in the attic, latest first; a message whose folder is no longer known counts as from the inbox.

    Blocks. Raises :class:`~misfin.errors.StoreError`.
    """
    folders = {folder.id: folder.local for folder in state.folders()}
    known = {row.attic: row for row in gone(state) if row.attic}
    found = []
    for entry in inbox.attic(account):
        row = known.get(entry.key)
        folder = folders.get(row.folder, INBOX) if row else INBOX
        found.append(AtticMessage(entry.key, folder, row.at if row else _came(entry), entry))
    found.sort(key=lambda each: each.at, reverse=True)
    return found


def restore(state: SyncState, inbox: Inbox, account: str, key: str) -> str:
    """Bring a message back to its folder; the next pass uploads it again. Returns the folder.

    Blocks. Raises :class:`~misfin.errors.StoreError` if it is not there, or the disk refuses.
    """
    found = next((each for each in messages(state, inbox, account) if each.key == key), None)
    if found is None or not inbox.from_attic(account, found.folder, key, found.entry.flags):
        raise StoreError("This message is no longer in the attic.")
    with state.write():
        forget_deleted(state, [row.id for row in gone(state) if row.attic == key])
    return found.folder


def clean(state: SyncState, inbox: Inbox, account: str, now: float) -> int:
    """Delete what has been in the attic for 30 days; returns how many messages. Blocks.

    Raises :class:`~misfin.errors.StoreError`.
    """
    old = [each.key for each in messages(state, inbox, account) if now - each.at > KEPT]
    if old:
        inbox.remove_from_attic(account, old)
        with state.write():
            forget_deleted(state, [row.id for row in gone(state) if row.attic in old])
    return len(old)


def _came(entry: Entry) -> float:
    """When a file came to the attic: renaming it changed this time, which no program sets."""
    try:
        return os.stat(entry.path).st_ctime  # noqa: PTH116 - a race with other programs is harmless
    except OSError:
        return 0.0
