"""Sets of UIDs as IMAP writes them: ranges, which are never spelled out as they may span billions."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from misfin.email.imap.limits import MAX_NUMBERS, MAX_RANGES, MAX_SET
from misfin.errors import CommandError
from misfin.valueclass import dataclass

MAX_UID: Final = 0xFFFF_FFFF
_RANGE: Final = re.compile(rb"(\d{1,10})(?::(\d{1,10}))?(,?)")

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, init=False)
class UidSet:
    """An immutable set of UIDs, held as sorted ranges that neither overlap nor touch.

    Made from numbers, or from ``(first, last)`` pairs by :meth:`of_ranges`. Raises :class:`CommandError` for
    what cannot be a UID: 1 to 4,294,967,295.
    """

    ranges: Ranges

    def __init__(self, uids: Iterable[int] = ()) -> None:
        object.__setattr__(self, "ranges", _merged((uid, uid) for uid in uids))

    @classmethod
    def of_ranges(cls, ranges: Iterable[tuple[int, int]]) -> UidSet:
        """The set of all numbers of these ranges, both ends included and in any order."""
        made = cls()
        object.__setattr__(made, "ranges", _merged(ranges))
        return made

    @classmethod
    def since(cls, uid: int) -> UidSet:
        """``uid`` and all that follow, written ``uid:*``.

        A server answers with its last message even where that comes before ``uid`` (RFC 3501 §6.4.8): check.
        """
        return cls.of_ranges([(uid, MAX_UID)])

    @classmethod
    def parse(cls, text: bytes) -> UidSet:
        """The set a server wrote; raises ValueError."""
        return cls.of_ranges(_joined(parse_ranges(text)))

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, uid: int) -> bool:
        at = bisect_right(self.ranges, (uid, MAX_UID))
        return at > 0 and self.ranges[at - 1][0] <= uid <= self.ranges[at - 1][1]

    def __iter__(self) -> Iterator[int]:
        """Every number, smallest first. A server can claim billions: look at the length before."""
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __or__(self, other: UidSet) -> UidSet:
        return UidSet.of_ranges((*self.ranges, *other.ranges))

    def __bytes__(self) -> bytes:
        return b",".join(_written(*pair) for pair in self.ranges)

    def __str__(self) -> str:
        return bytes(self).decode("ascii")

    @property
    def open_ended(self) -> bool:
        """True where it reaches to the end of the mailbox, wherever that is."""
        return bool(self.ranges) and self.ranges[-1][1] == MAX_UID

    def split(self, longest: int = MAX_SET) -> Iterator[UidSet]:
        """The set in parts, each written in at most ``longest`` bytes (or as a single range)."""
        part: list[tuple[int, int]] = []
        length = -1
        for pair in self.ranges:
            more = len(_written(*pair)) + 1
            if part and length + more > longest:
                yield UidSet.of_ranges(part)
                part, length = [], -1
            part.append(pair)
            length += more
        if part:
            yield UidSet.of_ranges(part)


def parse_ranges(text: bytes) -> Iterator[tuple[int, int]]:
    """The ranges in the order a server wrote them, each from its smaller end; raises ValueError.

    Where two sets belong together number by number (COPYUID), the order matters. One by one, as a hostile
    server can put millions into a line.
    """
    if text.count(b",") >= MAX_NUMBERS:
        raise ValueError("too many UIDs")
    at, more = 0, b","
    while more:
        found = _RANGE.match(text, at)
        if found is None:
            raise ValueError("not a set of UIDs")
        first, last, more = found.groups()
        start = parse_number(first)
        end = parse_number(last) if last else start
        yield (start, end) if start <= end else (end, start)
        at = found.end()
    if at != len(text):
        raise ValueError("not a set of UIDs")


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges with those put together that follow each other; raises ValueError for too many."""
    joined: list[tuple[int, int]] = []
    most = MAX_RANGES // 2
    for first, last in ranges:
        if joined and joined[-1][0] <= first <= joined[-1][1] + 1:
            if last > joined[-1][1]:
                joined[-1] = (joined[-1][0], last)
            continue
        joined.append((first, last))
        if len(joined) > most:  # perhaps the same few, again and again
            joined = list(_merged(joined))
            if len(joined) > MAX_RANGES:
                raise ValueError("too many ranges of UIDs")
            most = len(joined) + MAX_RANGES // 2
    return joined


def parse_number(text: bytes) -> int:
    """A UID; raises ValueError. (``int`` alone would take ``b" 1_0"``.)"""
    if not text.isdigit() or not 0 < (number := int(text)) <= MAX_UID:
        raise ValueError("not a UID")
    return number


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted((a, b) if a <= b else (b, a) for a, b in ranges):
        if not 0 < first <= last <= MAX_UID:
            raise CommandError(f"{first if first < 1 else last} cannot be the UID of a message.")
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def _written(first: int, last: int) -> bytes:
    if first == last:
        return b"%d" % first
    return b"%d:*" % first if last == MAX_UID else b"%d:%d" % (first, last)
