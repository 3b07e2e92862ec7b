"""Writes down what a person deletes for good here, for its deletion on the server (docs/sync.md §2)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from misfin.errors import StoreError


class MeantDeletions:
    """A :data:`misfin.store.mail.maildir.BeforeRemoval` for all accounts; ``folder`` holds their sync states.

    Where an account has no such state, there is nothing to write down.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, account: str, folder: str, keys: Sequence[str]) -> None:
        """Write down the deletions. Raises :class:`~misfin.errors.StoreError`: then the messages stay."""
        path = self._folder / f"{account}.db"
        if not path.exists():
            return
        from misfin.post.sync.base import (  # late: most programs never get here
            OperationKind,
            PendingOperation,
        )
        from misfin.post.sync.journal import begin
        from misfin.post.sync.state import SyncState, is_damaged

        try:
            state = SyncState(path)
        except StoreError as error:
            if is_damaged(error):
                return  # it is built again by the next pass, which then knows neither
            raise
        try:
            rows, synced, now = state.by_keys(keys), state.folder(folder), time.time()
            folders = {key: row.folder for key, row in rows.items()}
            if synced is not None:
                folders = dict.fromkeys(keys, synced.id) | folders
            if folders:
                with state.write():
                    begin(
                        state,
                        [
                            PendingOperation(0, OperationKind.DELETE, number, key, begun=now)
                            for key, number in folders.items()
                        ],
                    )
        finally:
            state.close()
