"""Messages that wait to be read, the newest first, in less memory than their names are long.

A hundred thousand small objects are what a first build would otherwise have most of its memory for, until its
end. So they are sorted in runs, each run is kept compressed, and the runs are merged as somebody takes them.
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
"""Names unpacked at once, of every run."""
_END: Final = b"\0"  # in no file name


class Waiting:
    """Messages by the time they came: first all are added, then they are taken."""

    def __init__(self) -> None:
        self.total = self.left = 0
        self._run: list[bytes] = []
        self._runs: list[list[bytes]] = []
        """Of each run its chunks, the newest last: that is where they are taken, and memory given back."""
        self._merged: Iterator[bytes] | None = None
        self._back: list[FilePlace] = []

    def add(self, arrival: int, place: FilePlace) -> None:
        """Let a message wait that came at this Unix second."""
        self._run.append(b"%011d/%d/%b" % (arrival, *place))
        self.total += 1
        self.left += 1
        if len(self._run) >= _RUN:
            self._end_run()

    def take(self, count: int) -> list[FilePlace]:
        """The next messages; none when none is left."""
        if self._merged is None:
            self._end_run()
            self._merged = heapq.merge(*map(_newest_first, self._runs), reverse=True)
        taken, self._back = self._back[:count], self._back[count:]
        taken.extend(map(_place, islice(self._merged, count - len(taken))))
        self.left -= len(taken)
        return taken

    def back(self, places: list[FilePlace]) -> None:
        """Of those taken last, the ones there was no room for."""
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
