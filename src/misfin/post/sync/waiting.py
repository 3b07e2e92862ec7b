"""Counts the changes made here that the server does not have yet, by folder (docs/sync.md §1)."""

from __future__ import annotations

from collections import Counter

from misfin.post.source import Inbox
from misfin.post.sync.here import look_here
from misfin.post.sync.identify import Facts
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import Role


def changes_waiting(
    state: SyncState, inbox: Inbox, account: str, known_facts: dict[str, Facts]
) -> Counter[str]:
    """The messages of each folder that differ from the base: new, changed, moved, or gone.

    Nothing is written. ``known_facts`` is as for :func:`~misfin.post.sync.here.look_here`. Blocks. Raises
    :class:`~misfin.errors.StoreError`.
    """
    view = look_here(state, inbox, account, known_facts)
    folders = {folder.id: folder for folder in state.folders()}
    unsent = {folder.local for folder in folders.values() if folder.role is Role.JUNK}
    found = Counter(folders[row.folder].local for row in view.rows.values())
    found.update(file.folder for file in view.here.new if file.folder not in unsent)
    return found
