"""A queue of messages to be read, newest first, that needs less memory than their names.

A hundred thousand small objects would otherwise use most of the memory of a first build, until its end. So
they are sorted in runs, each run is compressed, and the runs are merged as messages are taken.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Final

from misfin.store.index.file_place import FilePlace

_RUN: Final = 8000
_CHUNK: Final = 500
"""Names decompressed at once, of every run."""
_END: Final = b"\0"  # never in a file name


class Waiting:
    """Messages by arrival time: first all are added, then they are taken."""

    def __init__(self) -> None:
        self.total = self.left = 0
        self._run: list[bytes] = []
        self._runs: list[list[bytes]] = []
        """The chunks of each run, newest last: they are taken from the end, which frees memory."""
        self._merged: Iterator[bytes] | None = None
        self._back: list[FilePlace] = []

    def add(self, arrival: int, place: FilePlace) -> None:
        """Add a message that arrived at this Unix second."""
        self._run.append(b"%011d/%d/%b" % (arrival, *place))
        self.total += 1
        self.left += 1
        if len(self._run) >= _RUN:
            self._end_run()

    def take(self, count: int) -> list[FilePlace]:
        """The next messages; none if none are left."""
        if self._merged is None:
            self._end_run()
            self._merged = heapq.merge(*map(_newest_first, self._runs), reverse=True)
        taken, self._back = self._back[:count], self._back[count:]
        taken.extend(map(_place, islice(self._merged, count - len(taken))))
        self.left -= len(taken)
        return taken

    def back(self, places: list[FilePlace]) -> None:
        """Put back those messages of the last :meth:`take` that there was no room for."""
        self._back[:0] = places
        self.left += len(places)

    def _end_run(self) -> None:
        self._run.sort()
        chunks = range(0, len(self._run), _CHUNK)
        self._runs.append([zlib.compress(_END.join(self._run[at : at + _CHUNK]), 1) for at in chunks])
        self._run = []


def _newest_first(run: list[bytes]) -> Iterator[bytes]:
    while run:
        yield from reversed(zlib.decompress(run.pop()).split(_END))


def _place(written: bytes) -> FilePlace:
    _, folder, file = written.split(b"/", 2)
    return FilePlace(int(folder), file)
