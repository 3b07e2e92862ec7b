"""Marks on disk that filters may not have run on everything that arrived, for the next run after a crash.

A process makes its mark before the first message of a burst is in its folder, and removes it when it has been
idle for a moment. So a burst costs one sync of the disk, and a mark whose process has ended says since when
messages may have been left alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

from misfin.files import private_folder, write_private
from misfin.store.owners import is_alive, process_token

logger = logging.getLogger("misfin.filters")

_numbers: Final = count()
"""A process may file mail in several ways."""
_LONGEST: Final = 32


class FilterMarks:
    """Marks in a folder of a profile; one object makes one. Blocking, and never raises.

    Where a mark cannot be made, mail is filed all the same.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._now = now
        self._mine: Path | None = None

    def begin(self) -> None:
        """Messages are about to arrive. Durable when it returns."""
        try:
            private_folder(self._folder)
            mine = self._folder / f"{process_token()}-{next(_numbers)}"
            write_private(mine, f"{int(self._now())}\n".encode())
            self._mine = mine
        except OSError as error:
            logger.warning("Filters left off by a crash could not be run later: %s", error)

    def end(self) -> None:
        """Filters have run on everything."""
        if self._mine is not None:
            _remove(self._mine)
            self._mine = None

    def left(self) -> dict[Path, int]:
        """The marks of processes that have ended, and since when (Unix seconds) messages may be left."""
        found = {}
        try:
            names = [path for path in self._folder.iterdir() if not path.name.startswith(".")]
        except OSError:
            return {}
        for path in names:
            if not is_alive(path.name.rpartition("-")[0]):
                try:
                    with path.open("rb") as file:
                        found[path] = int(file.read(_LONGEST))
                except (OSError, ValueError):  # of somebody else
                    _remove(path)
        return found

    def settled(self, path: Path) -> None:
        """What was left has been dealt with."""
        _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s could not be removed: %s", path, error.strerror)
