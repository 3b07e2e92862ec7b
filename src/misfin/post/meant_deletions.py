"""Writes down what a person deletes for good here, for its deletion on the server (docs/sync.md §2)."""

from __future__ import annotations

import time
from pathlib import Path

from misfin.errors import StoreError


class MeantDeletions:
    """A :data:`misfin.store.mail.maildir.BeforeRemoval` for all accounts; ``folder`` holds their sync states.

    Where an account has no such state, there is nothing to write down.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, account: str, folder: str, key: str) -> None:
        """Write down the deletion. Raises :class:`~misfin.errors.StoreError`: then the message stays."""
        path = self._folder / f"{account}.db"
        if not path.exists():
            return
        from misfin.post.sync.base import Doing, DoingKind  # late: most programs never get here
        from misfin.post.sync.journal import begin
        from misfin.post.sync.state import SyncState, is_damaged

        try:
            state = SyncState(path)
        except StoreError as error:
            if is_damaged(error):
                return  # it is built again by the next pass, which then knows neither
            raise
        try:
            row = state.by_keys([key]).get(key)
            synced = state.folder(folder)
            if row is None and synced is None:
                return
            number = row.folder if row else synced.id if synced else 0
            with state.write():
                begin(state, [Doing(0, DoingKind.DELETE, number, key, begun=time.time())])
        finally:
            state.close()
