"""Which messages of an account are only on its server, as the state of sync knows it: no server is asked."""

from __future__ import annotations

from typing import Final

from misfin.post.sync.base import OperationKind
from misfin.post.sync.journal import pending
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import Role

_LABELS: Final = (b"[Gmail]/", b"[Google Mail]/")
"""How the names of Gmail's own folders begin."""


def left_on_server(state: SyncState) -> dict[str, list[str]]:
    """The ids of messages that are on the server only, by the name of their folder here. Blocks."""
    names = {folder.id: folder.local for folder in state.folders()}
    found: dict[str, list[str]] = {}
    for each in pending(state, [OperationKind.FETCH]):
        found.setdefault(names[each.folder], []).append(each.remote_id)
    return found


def not_here(state: SyncState, local: str) -> int:
    """How many messages of a folder the server had at the last pass that are not here. Blocks.

    Not known, so 0, where a folder of the server is here only in part (:mod:`misfin.post.imap.gmail`).
    """
    folder = state.folder(local)
    if folder is None or (folder.role is Role.ARCHIVE and folder.remote.raw.startswith(_LABELS)):
        return 0
    return max(0, folder.point.count - state.counts().get(folder.id, 0))
