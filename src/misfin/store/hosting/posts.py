"""Messages to mailing lists on their way: accepted, held for a moderator, and handed to the outbox in parts.

A post is durable before its author gets 20. From then on each step can be repeated: who gets a copy is
settled in the transaction that accepts it, and what goes to the outbox goes there under a token.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from misfin.store.database import Database
from misfin.store.hosting.lists import put_notice

_SAME: Final = 600.0
"""Seconds in which the same text by the same author is one post: its answer may have been lost."""
_REPEATED: Final = 86400.0
"""Seconds in which the text of one post, sent by somebody else, may be a loop through another list."""
_HOUR: Final = 3600.0
_KEPT: Final = 7 * 86400.0
"""Seconds for which a finished post is remembered."""


class PostState(StrEnum):
    """Where a post is."""

    HELD = "held"
    ACCEPTED = "accepted"
    SENT = "sent"
    """Every copy is in the outbox."""
    REJECTED = "rejected"


class PostTaken(Enum):
    """What became of a new post."""

    ACCEPTED = "accepted"
    HELD = "held"
    KNOWN = "known"
    """It came a moment ago."""
    TOO_MANY = "too many"


@dataclass(frozen=True, slots=True)
class NewPost:
    """A message as it came: ``message`` is what goes to the subscribers, ``file`` what the archive keeps.

    ``digest`` is equal for posts with the same text.
    """

    list: str
    author: str
    at: float
    digest: str
    subject: str
    message: bytes
    file: bytes


@dataclass(frozen=True, slots=True)
class ListPost:
    """A post that is kept; ``token`` names it for good, ``id`` is its number for people."""

    id: int
    token: str
    list: str
    author: str
    at: float
    subject: str
    message: bytes
    file: bytes
    state: PostState


@dataclass(frozen=True, slots=True)
class PostPart:
    """Some copies of a post; ``token`` is the same whenever it is asked for again."""

    token: str
    ids: tuple[int, ...]
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostNotice:
    """A short message to send from ``account``."""

    id: int
    token: str
    account: str
    recipient: str
    text: str


class PostBook:
    """The posts of all lists of a host. Thread-safe; every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def take(self, post: NewPost, *, hold: bool, most_an_hour: int, notice: str = "") -> PostTaken:
        """Keep a post durably, unless it is a repetition or one too many.

        ``notice`` tells the moderators of one that is held (its ``{number}``).
        """
        with self._db.write():
            self._db.execute(
                "DELETE FROM post WHERE state IN ('sent', 'rejected') AND at < ?", (post.at - _KEPT,)
            )
            seen = self._db.read(
                "SELECT author, at FROM post WHERE list = ? AND digest = ? AND at > ?",
                (post.list, post.digest, post.at - _REPEATED),
            )
            if any(author == post.author and at > post.at - _SAME for author, at in seen):
                return PostTaken.KNOWN
            ((recent,),) = self._db.read(
                "SELECT count(*) FROM post WHERE list = ? AND author = ? AND at > ?",
                (post.list, post.author, post.at - _HOUR),
            )
            if recent >= most_an_hour:
                return PostTaken.TOO_MANY
            hold = hold or any(author != post.author for author, _ in seen)
            number = self._db.insert(
                "INSERT INTO post (token, list, author, at, digest, subject, message, file, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(os.urandom(16).hex(), post.list, post.author, post.at, post.digest, post.subject),
                    *(post.message, post.file, PostState.HELD if hold else PostState.ACCEPTED),
                ),
            )
            if not hold:
                self._settle(number, post.list, post.author)
                return PostTaken.ACCEPTED
            moderators = self._db.read("SELECT address FROM moderator WHERE list = ?", (post.list,))
            for (person,) in moderators if notice else ():
                put_notice(self._db, post.list, person, notice.replace("{number}", str(number)))
            return PostTaken.HELD

    def approve(self, address: str, number: int) -> bool:
        """Send a post that is held; False where there is none with this number."""
        with self._db.write():
            found = self._db.read(
                "SELECT author FROM post WHERE id = ? AND list = ? AND state = 'held'", (number, address)
            )
            if not found:
                return False
            self._db.execute("UPDATE post SET state = 'accepted' WHERE id = ?", (number,))
            self._settle(number, address, found[0][0])
            return True

    def reject(self, address: str, number: int) -> bool:
        """Drop a post that is held; False where there is none with this number."""
        with self._db.write():
            return bool(
                self._db.execute(
                    "UPDATE post SET state = 'rejected', message = x'', file = x''"
                    " WHERE id = ? AND list = ? AND state = 'held'",
                    (number, address),
                ).rowcount
            )

    def posts(self, state: PostState, address: str = "") -> list[ListPost]:
        """Posts in this state, of one list or of all; oldest first."""
        rows = self._db.read(
            "SELECT id, token, list, author, at, subject, message, file, state FROM post"
            " WHERE state = ? AND (? = '' OR list = ?) ORDER BY id",
            (state, address, address),
        )
        return [_post(row) for row in rows]

    def next_accepted(self) -> ListPost | None:
        """The oldest post that is not yet in the outbox."""
        rows = self._db.read(
            "SELECT id, token, list, author, at, subject, message, file, state FROM post"
            " WHERE state = 'accepted' ORDER BY id LIMIT 1"
        )
        return _post(rows[0]) if rows else None

    def next_part(self, post: ListPost, most: int) -> PostPart | None:
        """The next copies of a post that are not yet in the outbox."""
        rows = self._db.read(
            "SELECT id, address FROM copy WHERE post = ? ORDER BY id LIMIT ?", (post.id, most)
        )
        if not rows:
            return None
        ids, people = zip(*rows, strict=True)
        return PostPart(f"list:{post.token}:{ids[0]}", ids, people)

    def queued(self, part: PostPart) -> None:
        """These copies are in the outbox."""
        with self._db.write():
            self._db.executemany("DELETE FROM copy WHERE id = ?", [(each,) for each in part.ids])

    def finished(self, post: ListPost) -> None:
        """Every copy is in the outbox, and the archive has the post."""
        with self._db.write():
            self._db.execute(
                "UPDATE post SET state = 'sent', message = x'', file = x'' WHERE id = ?", (post.id,)
            )

    # ---- short messages

    def notices(self, most: int) -> list[HostNotice]:
        """Short messages that are not yet in the outbox."""
        rows = self._db.read(
            "SELECT id, token, account, recipient, text FROM notice ORDER BY id LIMIT ?", (most,)
        )
        return [HostNotice(*row) for row in rows]

    def noticed(self, notice: HostNotice) -> None:
        """A short message is in the outbox."""
        with self._db.write():
            self._db.execute("DELETE FROM notice WHERE id = ?", (notice.id,))

    def _settle(self, number: int, address: str, author: str) -> None:
        self._db.execute(
            "INSERT INTO copy (post, address) SELECT ?, address FROM subscriber"
            " WHERE list = ? AND address <> ? ORDER BY address",
            (number, address, author),
        )


def _post(row: tuple[Any, ...]) -> ListPost:
    number, token, address, author, at, subject, message, file, state = row
    return ListPost(number, token, address, author, at, subject, message, file, PostState(state))
