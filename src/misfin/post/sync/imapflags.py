"""Converts flags between IMAP and this program: system flags are characters here, keywords are tags."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from misfin.post.sync.merging import flag_set
from misfin.post.sync.values import FlagSet
from misfin.store.mail.keywords import keyword_of, tag_of

_CHARS: Final = {
    "\\draft": "D",
    "\\flagged": "F",
    "$forwarded": "P",
    "\\answered": "R",
    "\\seen": "S",
    "\\deleted": "T",
}
_NAMES: Final = {
    "D": "\\Draft",
    "F": "\\Flagged",
    "P": "$Forwarded",
    "R": "\\Answered",
    "S": "\\Seen",
    "T": "\\Deleted",
}
MOST_TAGS: Final = 100
"""Tags of a message that are looked at; a folder here has 26."""


@lru_cache(maxsize=512)  # a mailbox has thousands of messages and a handful of sets of flags
def from_imap(flags: frozenset[str]) -> FlagSet:
    """The flags of a message from what a server says; other system flags (``\\\\Recent``) mean nothing."""
    chars = {char for flag in flags if (char := _CHARS.get(flag.lower()))}
    keywords = sorted(flag for flag in flags if flag[:1] != "\\" and flag.lower() not in _CHARS)
    tags = {tag for keyword in keywords[:MOST_TAGS] if (tag := tag_of(keyword))}
    return flag_set(chars, tags)


def to_imap(flags: FlagSet) -> list[str]:
    """The flags as a server spells them."""
    return [*(_NAMES[char] for char in flags.chars), *(keyword_of(tag) for tag in sorted(flags.tags))]


def permanent(flags: Collection[str]) -> tuple[str, bool, frozenset[str]]:
    """What PERMANENTFLAGS says: the flags a folder keeps, whether it keeps any tag, and the tags it knows.

    For :attr:`Seen.flags`, :attr:`Seen.tags` and :attr:`Seen.known_tags`. ``$Forwarded`` is a keyword to the
    server, so where any keyword is kept it is.
    """
    known = from_imap(frozenset(flags))
    any_tag = "\\*" in flags
    chars = set(known.chars) | ({"P"} if any_tag else set())
    return "".join(sorted(chars)), any_tag, known.tags
