"""Which accounts have a draft open in a composer: sync leaves their drafts alone meanwhile (docs/sync.md §2).

The program in which people write and the one that keeps accounts in sync are two processes. The first notes
it in a file whose lock goes with its process, so nobody waits for a composer that has crashed.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from misfin.model.folders import DRAFTS
from misfin.post.process_lock import HeldError, ProcessLock, note_of

PROCESSES: Final = 8
"""How many open programs can note their drafts at a time."""


class OpenDrafts:
    """What this process notes, in the ``runtime`` folder of the profile. Blocks; for one thread at a time."""

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._lock: ProcessLock | None = None

    def set(self, accounts: Collection[str]) -> None:
        """The directories of the accounts that have a draft open now.

        Raises :class:`~misfin.errors.StoreError`.
        """
        if self._lock is None and accounts:
            self._lock = _first_free(self._runtime)
        if self._lock is not None:
            self._lock.write({"accounts": sorted(accounts)})
        if self._lock is not None and not accounts:
            self._lock.release()
            self._lock = None


def _first_free(runtime: Path) -> ProcessLock | None:
    for number in range(PROCESSES):
        try:
            return ProcessLock(runtime, _name(number))
        except HeldError:
            continue
    return None


def _name(number: int) -> str:
    return f"composing-{number}.lock"


def quiet_folders(runtime: Path, account: str) -> Collection[str]:
    """The folders of an account that sync leaves alone for now: its drafts, while one is open. Blocks."""
    for number in range(PROCESSES):
        note = note_of(runtime, _name(number))
        accounts = note.get("accounts") if note else None
        if isinstance(accounts, list) and account in accounts:
            return (DRAFTS,)
    return ()
