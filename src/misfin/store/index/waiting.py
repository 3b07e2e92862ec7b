"""Letters that wait to be read, the newest first, in hardly more memory than their names are long.

A hundred thousand small objects are what a first build would otherwise have most of its memory for, until its
end.
"""

from __future__ import annotations

from typing import Final

from misfin.store.index.compare import place_of
from misfin.store.index.place import Place

_CHUNK: Final = 500
_END: Final = b"\0"  # in no file name


class Waiting:
    """What is left of the letters ``fresh`` (of one ``compare.Found``), a list it empties."""

    def __init__(self, fresh: list[bytes]) -> None:
        self.total = self.left = len(fresh)
        self._chunks: list[bytes] = []
        """The newest last: that is where they are taken from, and memory given back."""
        self._next: list[Place] = []
        fresh.sort(reverse=True)
        while fresh:  # the oldest first
            self._chunks.append(_END.join(_written(place_of(one)) for one in fresh[-_CHUNK:]))
            del fresh[-_CHUNK:]

    def take(self, count: int) -> list[Place]:
        """The next letters; none when none is left."""
        while len(self._next) < count and self._chunks:
            self._next.extend(map(_read, self._chunks.pop().split(_END)))
        taken, self._next = self._next[:count], self._next[count:]
        self.left -= len(taken)
        return taken

    def back(self, places: list[Place]) -> None:
        """Of those taken last, the ones there was no room for."""
        self._next[:0] = places
        self.left += len(places)


def _written(place: Place) -> bytes:
    return b"%d/%b" % place


def _read(written: bytes) -> Place:
    folder, _, file = written.partition(b"/")
    return Place(int(folder), file)
