"""Conversations that a person has split or joined, whatever the messages say.

Kept in a file of the profile as tokens of Message-IDs (:mod:`misfin.store.index.threads`), so that the index
can be rebuilt, and a message that arrives later goes where it belongs. A split message begins a conversation:
what it and its answers name before it no longer counts. A joined one belongs to another as if it answered it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from misfin.errors import StoreError
from misfin.files import write_private
from misfin.store.index import links
from misfin.store.index.digest import Digest
from misfin.store.index.threads import pack, unpack
from misfin.valueclass import dataclass

MOST: Final = 100_000
"""Decisions kept; the oldest are forgotten."""


class GroupingDecision(NamedTuple):
    """What is decided about one message: whether it begins a conversation, and which messages it belongs
    to.
    """

    message: int
    split: bool = False
    joined: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Regrouping:
    """``split`` are messages that begin a conversation; ``joined`` says which message belongs to which."""

    split: frozenset[int] = frozenset()
    joined: tuple[tuple[int, int], ...] = ()

    def tokens(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        """What counts of the tokens that a message says, its own first, and what was added to them."""
        own, *named = tokens or (0,)
        added = [to for message, to in self.joined if message == own]
        if own in self.split:
            named = []
        else:
            cut = max((at for at, token in enumerate(named) if token in self.split), default=0)
            named = named[cut:]
        return tuple(dict.fromkeys((*tokens[:1], *named, *added)))

    def digest(self, digest: Digest) -> Digest:
        """A message to be indexed."""
        if not (self.split or self.joined):
            return digest
        unlinked = digest.unlinked and digest.own_token not in self.split
        return replace(digest, tokens=self.tokens(digest.tokens), unlinked=unlinked)

    def with_split(self, message: int) -> Regrouping:
        """One more message begins a conversation."""
        joined = tuple(each for each in self.joined if each[0] != message)
        return Regrouping(self.split | {message}, joined)

    def with_joined(self, message: int, to: int) -> Regrouping:
        """One more message belongs to another, besides those it belongs to already."""
        others = tuple(each for each in self.joined if each != (message, to))
        return Regrouping(self.split, (*others, (message, to))[-MOST:])

    def about(self, message: int) -> GroupingDecision:
        """What is decided about a message."""
        joined = tuple(to for each, to in self.joined if each == message)
        return GroupingDecision(message, message in self.split, joined)

    def with_decision(self, decision: GroupingDecision) -> Regrouping:
        """The same with this decided about a message, and nothing else about it."""
        split = self.split - {decision.message}
        joined = tuple(each for each in self.joined if each[0] != decision.message)
        return Regrouping(
            split | {decision.message} if decision.split else split,
            (*joined, *((decision.message, to) for to in decision.joined))[-MOST:],
        )


NONE: Final = Regrouping()


class RegroupingFile:
    """The file; changed by one program at a time. Blocking."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Regrouping:
        """What was decided; nothing where the file is missing or damaged."""
        try:
            kept = json.loads(self._path.read_bytes())
            joined = tuple((int(message), int(to)) for message, to in kept["joined"])
            return Regrouping(frozenset(map(int, kept["split"])), joined)
        except (OSError, ValueError, KeyError, TypeError):
            return NONE

    def write(self, decided: Regrouping) -> None:
        """Replace it in one step. Raises :class:`StoreError`."""
        kept = {"split": sorted(decided.split), "joined": decided.joined}
        try:
            write_private(self._path, json.dumps(kept).encode())
        except OSError as error:
            raise StoreError(f"{self._path} could not be written: {error.strerror}.") from error


Said = Mapping[int, tuple[tuple[int, ...], bool]]
"""What messages themselves say, by their rows: see :func:`misfin.store.index.digest.linking`."""


def regroup(decided: Regrouping, said: Said) -> Callable[[sqlite3.Connection], None]:
    """The change of the index that puts what is decided into effect for messages that say this."""

    def act(db: sqlite3.Connection) -> None:
        lost: set[int] = set()
        touched: set[int] = set()
        positions: list[links.Position] = []
        asked = "SELECT own_token, tokens, thread, subject_key, date FROM messages WHERE row = ?"
        for row, (tokens, unlinked) in said.items():
            for own, packed, thread, subject, date in db.execute(asked, (row,)).fetchall():
                now, loose = decided.tokens(tokens), unlinked and own not in decided.split
                db.execute(
                    "UPDATE messages SET tokens = ?, unlinked = ?, parent = NULL WHERE row = ?",
                    (pack(now), loose, row),
                )
                lost.update(set(unpack(packed)) - set(now))
                known = links.threads_of(db, now)
                together = links.merge(db, [thread, *known.values()])
                db.executemany(
                    "INSERT OR IGNORE INTO tokens VALUES (?, ?)", [(token, together) for token in now]
                )
                touched.add(together)
                if subject is not None:
                    positions.append(links.Position(subject, date, loose, own))
        links.settle(db, links.Unsettled(positions, lost))
        places = links.threads_of(db, lost)
        for thread in touched:
            links.split(db, thread, {token for token, where in places.items() if where == thread})

    return act
