"""Which messages form a conversation: pure rules whose result does not depend on the order of arrival.

A conversation is a connected set of messages. Two things connect them (docs/mail-on-disk.md §7):

*Tokens.* A message has the token of its own Message-ID and of those it replies to (References, In-Reply-To, a
``=> mid:`` link). Messages that share a token are connected, even if the message a token names never arrived.
So a repeated Message-ID connects messages and never drops any.

*Subjects.* A message that is a reply by its subject but does not say to what ("unlinked") is connected with
the newest earlier message of the same subject, at most :data:`REACH` seconds older, in which the same people
took part. Anything else with that subject, such as a weekly report, stays separate.

Both depend only on the set of messages, so the index only has to find out which messages a change affects.
Each message is stored as 64-bit hashes: small, and nothing has to be parsed again.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Hashable, Iterable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from misfin.store.blake2 import blake2b

REACH: Final = 60 * 86400.0
"""Seconds after a message within which a reply without references can belong to it."""

LOOK_BACK: Final = 64
"""How many earlier messages of one subject are examined; limits the work if all are called "hello"."""

MAX_TOKENS: Final = 64
"""References stored per message. A thread's root comes first and the nearest parents last; both are kept."""

MAX_PEOPLE: Final = 64

_REPLY = r"re|aw|antw|antwort|sv|vs|rif|odp|ynt|res|回复|回覆|答复|答覆|返信"
_FORWARD = r"fwd?|wg|tr|vb|doorst|enc|rv|转发|轉寄"
_PREFIX: Final = re.compile(
    rf"\s*(?:(?P<reply>{_REPLY})|(?:{_FORWARD}))\s*(?:\[\d+\]|\^\d+|\(\d+\))?\s*[:：]", re.IGNORECASE
)
_SPACE: Final = re.compile(r"\s+")


def token(text: str) -> int:
    """A 64-bit hash of a Message-ID, an address or a subject, signed as SQLite's integers are."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def message_tokens(own: str, answered: Sequence[str]) -> tuple[int, ...]:
    """Tokens of a message: its own Message-ID first, then those it replies to; at most ``MAX_TOKENS``."""
    half = MAX_TOKENS // 2
    if len(answered) >= MAX_TOKENS:
        answered = [*answered[:half], *answered[-half + 1 :]]
    return tuple(dict.fromkeys(token(name) for name in (own, *answered) if name))


def people_tokens(addresses: Iterable[str]) -> frozenset[int]:
    """The people in a message, as hashes of their addresses; case does not matter."""
    folded = sorted({address.casefold() for address in addresses if address})
    return frozenset(token(address) for address in folded[:MAX_PEOPLE])


def pack(tokens: Iterable[int]) -> bytes:
    """Tokens as stored in the index: eight bytes each."""
    values = tuple(tokens)
    return struct.pack(f">{len(values)}q", *values)


def unpack(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(data) // 8}q", data)


def split_subject(subject: str) -> tuple[str, bool]:
    """A subject without prefixes, folded for comparison, and whether the outermost prefix means a reply."""
    is_reply, start = False, 0
    while found := _PREFIX.match(subject, start):
        if start == 0:
            is_reply = found["reply"] is not None
        start = found.end()
    return _SPACE.sub(" ", subject[start:]).strip().casefold(), is_reply


class Candidate(NamedTuple):
    """An earlier message of the same subject, with what :func:`choose_parent` needs."""

    row: int
    people: frozenset[int]


def choose_parent(people: frozenset[int], earlier: Iterable[Candidate]) -> int | None:
    """The row an unlinked reply belongs to: the first of ``earlier`` (newest first) with the same people.

    The same people means two in common, usually the author and one other; this still holds for a reply to one
    person out of a larger group. A note to oneself has only one person, and then the groups must be equal.
    """
    for candidate in earlier:
        shared = people & candidate.people
        if len(shared) >= 2 or (shared and people == candidate.people):
            return candidate.row
    return None


Item = TypeVar("Item", bound=Hashable)


class Groups(Generic[Item]):
    """Disjoint sets that can be joined (union by size, with path halving)."""

    def __init__(self) -> None:
        self._above: dict[Item, Item] = {}
        self._size: dict[Item, int] = {}

    def find(self, item: Item) -> Item:
        """The representative of the group of ``item``; an unknown item is a group of its own."""
        above = self._above
        if item not in above:
            above[item] = item
            self._size[item] = 1
            return item
        while above[item] != item:
            above[item] = above[above[item]]
            item = above[item]
        return item

    def join(self, one: Item, other: Item) -> Item:
        """Join the groups of both items; returns the representative of the result."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return one
        if self._size[one] < self._size[other]:
            one, other = other, one
        self._above[other] = one
        self._size[one] += self._size.pop(other)
        return one
