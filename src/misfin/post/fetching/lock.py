"""Lets one process per profile fetch continuously; it notes each account's state for others to read."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from misfin.errors import LocalError
from misfin.post.process_lock import HeldError, ProcessLock, note_of
from misfin.post.source import SourceState, SourceStatus

NAME: Final = "fetch.lock"
LOOK_NOW: Final = signal.SIGUSR1
"""What makes the process look at every account at once, also at those it has given up."""


class AlreadyFetchingError(LocalError, RuntimeError):
    """Another process fetches for this profile; ``pid`` is its, 0 where it did not say."""

    remedy = "Stop it first, or leave the fetching to it."

    def __init__(self, pid: int) -> None:
        who = f" (process {pid})" if pid else ""
        super().__init__(f"Another process already fetches the mail of this profile{who}.")
        self.pid = pid


@dataclass(frozen=True, slots=True)
class Fetcher:
    """A process that fetches, and what it last said of each account."""

    pid: int
    statuses: tuple[SourceStatus, ...] = ()


class FetchLock:
    """Held while this process fetches for the profile with this ``runtime`` folder.

    Raises :class:`AlreadyFetchingError`, and :class:`~misfin.errors.StoreError`.
    """

    def __init__(self, runtime: Path) -> None:
        try:
            self._lock = ProcessLock(runtime, NAME)
        except HeldError as error:
            raise AlreadyFetchingError(error.pid) from error

    def note(self, statuses: Iterable[SourceStatus]) -> None:
        """Note the state of each account."""
        self._lock.write({"accounts": [[each.account, each.state.value, each.sentence] for each in statuses]})

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()


def fetcher(runtime: Path) -> Fetcher | None:
    """The process that fetches for this profile, if one does. Never raises."""
    note = note_of(runtime, NAME)
    if note is None:
        return None
    with suppress(ValueError, TypeError, KeyError):
        statuses = [
            SourceStatus(str(account), SourceState(state), str(sentence))
            for account, state, sentence in note.get("accounts", ())
        ]
        return Fetcher(int(note["pid"]), tuple(statuses))
    return Fetcher(0)


def look_now(found: Fetcher) -> bool:
    """Have a process that fetches look at once; whether it could be asked."""
    if found.pid <= 0:
        return False
    with suppress(OSError):
        os.kill(found.pid, LOOK_NOW)
        return True
    return False
