"""Files that commands change while a receiver runs: their new content counts from the next message on.

Whoever is about to judge a message asks whether one of them has changed, which costs a look at the times of a
few files and no thread. Anything that such a look cannot show is noticed by a thorough one every second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from misfin.errors import IdentityError, StoreError

logger = logging.getLogger("misfin.reception")

_SETTLED: Final = 200_000_000
"""Nanoseconds after which another change of a file surely has another time."""

_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class FollowedFiles:
    """Paths of files or folders, and what reads them again, as cheaply as it can if nothing has changed."""

    paths: tuple[Path, ...]
    read: Callable[[], Awaitable[None]]


def database_paths(path: Path) -> tuple[Path, ...]:
    """The files that change when something is written into a SQLite database (misfin/sqlite.py)."""
    return path, path.with_name(f"{path.name}-wal")


class _Part:
    """Followed files, and how they looked just before they were last read."""

    def __init__(self, files: FollowedFiles) -> None:
        self._files = files
        self._turn = asyncio.Lock()
        self._seen: _Stamp | None = None

    def outdated(self) -> bool:
        """Whether something may have changed since."""
        return self._seen is None or self._seen != self._look()

    async def catch_up(self, *, thorough: bool) -> None:
        async with self._turn:  # whoever waited may have waited for one that began before the change
            if not thorough and not self.outdated():
                return
            stamp = self._look()
            latest = max((each[0] for each in stamp if each is not None), default=0)
            lasting = abs(time.time_ns() - latest) > _SETTLED
            try:
                await self._files.read()
            finally:  # what could not be read is tried again by the thorough look, not for every message
                self._seen = stamp if lasting else None

    def _look(self) -> _Stamp:
        return tuple(map(_stamp_of, self._files.paths))


class Following:
    """Follows files, for one event loop. What cannot be read is logged, and what was known still counts."""

    def __init__(self, files: Iterable[FollowedFiles]) -> None:
        self._parts = tuple(map(_Part, files))

    def outdated(self) -> Awaitable[None] | None:
        """None if nothing has changed, else what to wait for before anything is decided by what is known."""
        return self._catch_up(thorough=False) if any(each.outdated() for each in self._parts) else None

    async def watch(self, every: float) -> None:
        """Look thoroughly every so many seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self._catch_up(thorough=True)

    async def _catch_up(self, *, thorough: bool) -> None:
        for part in self._parts:
            try:
                await part.catch_up(thorough=thorough)
            except (StoreError, IdentityError) as error:
                # Keep serving what was served before: a folder in the middle of a change is no reason to end.
                logger.warning("%s %s", error, error.remedy)
            except Exception:  # or nothing would be noticed any more until the next start
                logger.exception("A file that was changed could not be read.")


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
