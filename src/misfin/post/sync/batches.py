"""Divides a list of messages to fetch into batches that are requested and stored together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from misfin.post.sync.values import Wanted

FIRST: Final = 50
"""Messages of the first part: about a screen, so that the newest are there at once."""
MOST: Final = 200
MOST_BYTES: Final = 2 << 20
LARGE: Final = 1 << 20
"""Messages from this size on are fetched alone and in pieces."""
_GUESS: Final = 10_000
"""Assumed size of a message, where the server did not give one."""


def in_batches(wanted: Sequence[Wanted], first: int = FIRST) -> Iterator[Sequence[Wanted]]:
    """Parts of at most 200 messages and 2 MiB, the first of at most ``first``; a large message is alone."""
    most, begun, size, alone = first, 0, 0, False
    for at, each in enumerate(wanted):
        bytes_ = _GUESS if each.size is None else each.size
        full = at - begun == most or size + bytes_ > MOST_BYTES
        if at > begun and (full or alone or bytes_ >= LARGE):
            yield wanted[begun:at]
            most, begun, size = MOST, at, 0
        size += bytes_
        alone = bytes_ >= LARGE
    if begun < len(wanted):
        yield wanted[begun:]
