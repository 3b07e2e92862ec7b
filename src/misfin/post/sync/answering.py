"""A person's answer about deletions that look like an accident (docs/sync.md §5)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from misfin.errors import StoreError
from misfin.post.sync.base import FolderState
from misfin.post.sync.state import SyncState


class SyncAnswer(StrEnum):
    """What to do with messages that are gone on one side."""

    DELETE = "delete"
    """It was meant: delete them on the other side too, where they go to the trash or the attic."""
    KEEP = "keep"
    """It was not: bring them back to the side that lacks them."""
    PAUSE = "pause"
    """Leave both sides of the folder alone until another answer."""


_STATES = {
    SyncAnswer.DELETE: FolderState.AGREED,
    SyncAnswer.KEEP: FolderState.KEEPING,
    SyncAnswer.PAUSE: FolderState.PAUSED,
}


def answer(state: SyncState, local: str, choice: SyncAnswer) -> None:
    """Record the decision about a folder, by its local name; the next pass acts on it. Blocks.

    Raises :class:`~misfin.errors.StoreError` if there is nothing to answer.
    """
    with state.write():
        folder = state.folder(local)
        if folder is None or folder.state is FolderState.OK:
            raise StoreError(f"{local} needs no decision.")
        state.save_folder(replace(folder, state=_STATES[choice], stamp=""))
