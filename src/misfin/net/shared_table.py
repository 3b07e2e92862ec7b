"""A table in memory that several processes share: a few numbers for each key, and no locks.

The processes are forks of one, so :func:`hash` is the same in all of them, and strangers cannot foresee it. A
number is written whole, as 8 bytes; nothing else is needed. A process that is killed or stopped in the middle
of something keeps nobody waiting, which a lock could not promise. Two that change a number in the same
microsecond may lose one of the two changes: limits then let one more message pass
(docs/decisions.md §23).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_WAYS: Final = 8
"""Places a key may be in: when all are taken, the one with the smallest stamp is given up."""
_ROUNDING: Final = 1e-3
"""Part of a token that a sum of times may lose; Unix seconds have 22 bits behind the point."""


class SharedTable:
    """``sets`` times 8 keys, each with a stamp and ``width`` numbers, in a part of shared memory.

    ``memory`` has :meth:`size` bytes, which were zero before anybody used them. The stamp says what is given
    up for a new key: the smallest.
    """

    __slots__ = ("_sets", "_tags", "_width", "stamps", "values")

    def __init__(self, memory: memoryview, sets: int, width: int = 0) -> None:
        keys = sets * _WAYS
        self._sets = sets
        self._width = width
        self._tags = memory[: keys * 8].cast("q")
        self.stamps = memory[keys * 8 : keys * 16].cast("d")
        """By the place of a key."""
        self.values = memory[keys * 16 : keys * (16 + 8 * width)].cast("d")
        """Those of the key in a place begin at ``place * width``."""

    @staticmethod
    def size(sets: int, width: int = 0) -> int:
        """Bytes of such a table."""
        return sets * _WAYS * (16 + 8 * width)

    def place(self, key: str) -> int:
        """Where a key is, with stamp and numbers zero if it was not there."""
        tag = hash(key) or 1  # 0 is a place that is free
        first = tag % self._sets * _WAYS
        tags: Sequence[int] = self._tags[first : first + _WAYS].tolist()
        if tag in tags:
            return first + tags.index(tag)
        stamps: Sequence[float] = self.stamps[first : first + _WAYS].tolist()
        place = first + stamps.index(min(stamps))
        for number in range(place * self._width, (place + 1) * self._width):
            self.values[number] = 0.0
        self.stamps[place] = 0.0
        self._tags[place] = tag
        return place


class SharedBuckets:
    """As :class:`~misfin.net.limits.TokenBuckets`, for all processes together.

    The stamp of a key says when its bucket will be full, which is all there is to know about it. So a full
    bucket is given up first, and that forgets nothing. ``now`` is a clock that all processes share.
    """

    __slots__ = ("_capacity", "_rate", "_table")

    def __init__(self, table: SharedTable, capacity: float, rate: float) -> None:
        self._table = table
        self._capacity = max(1.0, capacity)
        self._rate = max(1e-6, rate)

    def take(self, key: str, now: float) -> float:
        """Take one token and return 0.0, or take none and return the seconds until there is one."""
        stamps = self._table.stamps
        place = self._table.place(key)
        full_at = max(stamps[place], now)
        latest = now + self._capacity / self._rate
        if full_at > latest:  # a clock that was set back must not lock anybody out
            full_at = stamps[place] = latest
        tokens = self._capacity - (full_at - now) * self._rate
        if tokens < 1.0 - _ROUNDING:
            return (1.0 - tokens) / self._rate
        stamps[place] = full_at + 1.0 / self._rate
        return 0.0


class SharedTotals:
    """Sums by key: each process adds to a number of its own, and the sum is that of all.

    For ``process``, counted from 0, of as many as the table is wide. The sum to which nobody has added for
    the longest time is forgotten first.
    """

    __slots__ = ("_process", "_table", "_width")

    def __init__(self, table: SharedTable, process: int, width: int) -> None:
        self._table = table
        self._process = process
        self._width = width

    def add(self, key: str, amount: float, now: float) -> None:
        """Add to the sum of a key; ``now`` says how recent that is."""
        place = self._table.place(key)
        self._table.values[place * self._width + self._process] += amount
        self._table.stamps[place] = now

    def total(self, key: str) -> float:
        """What all have added so far, unless it was forgotten meanwhile."""
        first = self._table.place(key) * self._width
        return sum(self._table.values[first : first + self._width])
