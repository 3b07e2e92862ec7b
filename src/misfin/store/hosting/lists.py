"""Mailing lists and who belongs to them: settings, subscribers, moderators, and requests to subscribe."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from misfin.errors import StoreError
from misfin.store.database import Database

CONFIRM_WITHIN: Final = 86400.0
"""Seconds for which a code to confirm a subscription is good."""
_ASK_AGAIN: Final = 3600.0
"""Seconds until another code is sent to the same address: a stranger must not flood it."""
_MOST_TRIES: Final = 5
_MOST_REQUESTS: Final = 1000
"""Requests of one list that may wait for their codes."""


class Posting(StrEnum):
    """Who may write to a list."""

    SUBSCRIBERS = "subscribers"
    MODERATORS = "moderators"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class MailingList:
    """A list and its settings. ``moderated``: messages of all but moderators wait for approval.

    ``closed``: nobody can subscribe by message. ``hidden``: it is not on the public page. ``archive``: its
    mailbox keeps what was sent to the subscribers.
    """

    address: str
    description: str = ""
    posting: Posting = Posting.SUBSCRIBERS
    moderated: bool = False
    closed: bool = False
    hidden: bool = False
    archive: bool = True


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who gets a list. ``key`` is the one that confirmed the subscription (SPKI), empty if a person added it.

    ``failing_since`` is when the first of the messages was sent that could not be delivered, 0 while they
    can; ``why`` is what went wrong last. Unix seconds. ``moved`` is where the mailbox is for good, as its
    host says (31); empty if it is at ``address``.
    """

    address: str
    key: str = ""
    since: float = 0.0
    failing_since: float = 0.0
    why: str = ""
    moved: str = ""


_SUBSCRIBER: Final = "SELECT address, key, since, failing_since, why, moved FROM subscriber WHERE list = ?"


class CodeChecked(Enum):
    """What a code did."""

    YES = "yes"
    WRONG = "wrong"
    LATE = "late"


class ListBook:
    """The lists of a host. Thread-safe; every method is one transaction and raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # ---- lists

    def create(self, wanted: MailingList, *, now: float) -> bool:
        """Add a list; False where there is one with this address already."""
        with self._db.write():
            return bool(
                self._db.execute(
                    "INSERT OR IGNORE INTO list (address, description, posting, moderated, closed, hidden,"
                    " archive, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (wanted.address, *_values(wanted), now),
                ).rowcount
            )

    def change(self, wanted: MailingList) -> None:
        """Give a list these settings."""
        with self._db.write():
            self._db.execute(
                "UPDATE list SET description = ?, posting = ?, moderated = ?, closed = ?, hidden = ?,"
                " archive = ? WHERE address = ?",
                (*_values(wanted), wanted.address),
            )

    def lists(self) -> list[MailingList]:
        """Every list, by address."""
        rows = self._db.read(
            "SELECT address, description, posting, moderated, closed, hidden, archive FROM list"
            " ORDER BY address"
        )
        return [
            MailingList(address, description, Posting(posting), *map(bool, flags))
            for address, description, posting, *flags in rows
        ]

    def get(self, address: str) -> MailingList | None:
        """The list with this address, or None."""
        return next((each for each in self.lists() if each.address == address), None)

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many subscribers each list has, and how many of its messages wait for a moderator."""
        rows = self._db.read(
            "SELECT l.address, (SELECT count(*) FROM subscriber s WHERE s.list = l.address),"
            " (SELECT count(*) FROM post p WHERE p.list = l.address AND p.state = 'held') FROM list l"
        )
        return {address: (subscribers, held) for address, subscribers, held in rows}

    # ---- subscribers

    def subscribers(self, address: str) -> list[Subscriber]:
        """Who gets a list, by address."""
        rows = self._db.read(f"{_SUBSCRIBER} ORDER BY address", (address,))
        return [Subscriber(*row) for row in rows]

    def subscriber(self, address: str, person: str) -> Subscriber | None:
        """One of them, or None."""
        rows = self._db.read(f"{_SUBSCRIBER} AND address = ?", (address, person))
        return Subscriber(*rows[0]) if rows else None

    def subscribe(self, address: str, people: Iterable[str], *, now: float) -> list[str]:
        """Add subscribers; returns those that are new."""
        added = []
        with self._db.write():
            for person in people:
                found = self._db.execute(
                    "INSERT OR IGNORE INTO subscriber (list, address, since) VALUES (?, ?, ?)",
                    (address, person, now),
                )
                if found.rowcount:
                    added.append(person)
        return added

    def unsubscribe(self, address: str, person: str) -> bool:
        """Remove a subscriber; False where there was none."""
        with self._db.write():
            return bool(
                self._db.execute(
                    "DELETE FROM subscriber WHERE list = ? AND address = ?", (address, person)
                ).rowcount
            )

    def noted(self) -> set[tuple[str, str]]:
        """List and address of every subscriber whose messages could not be delivered lately, or who moved."""
        return set(
            self._db.read("SELECT list, address FROM subscriber WHERE failing_since > 0 OR moved <> ''")
        )

    def delivered(self, address: str, person: str, *, elsewhere: bool = False) -> None:
        """Something reached this subscriber, at their own address or ``elsewhere``, where a redirect led."""
        with self._db.write():
            self._db.execute(
                "UPDATE subscriber SET failing_since = 0, why = '', moved = iif(?, moved, '')"
                " WHERE list = ? AND address = ?",
                (elsewhere, address, person),
            )

    def moved(self, address: str, person: str, to: str) -> None:
        """A subscriber's host says that the mailbox is at ``to`` for good."""
        with self._db.write():
            self._db.execute(
                "UPDATE subscriber SET moved = ? WHERE list = ? AND address = ?", (to, address, person)
            )

    def failed(
        self, address: str, person: str, why: str, *, sent: float, now: float, patience: float
    ) -> bool:
        """A message of the time ``sent`` did not reach a subscriber; True where that ended the subscription.

        That is so ``patience`` seconds after the first such message, with nothing delivered in between.
        """
        with self._db.write():
            found = self._db.read(
                "SELECT failing_since FROM subscriber WHERE list = ? AND address = ?", (address, person)
            )
            if not found:
                return False
            ((since,),) = found
            if now - (since or sent) >= patience:
                self._db.execute("DELETE FROM subscriber WHERE list = ? AND address = ?", (address, person))
                return True
            self._db.execute(
                "UPDATE subscriber SET failing_since = ?, why = ? WHERE list = ? AND address = ?",
                (min(since or sent, sent), why[:500], address, person),
            )
            return False

    # ---- moderators

    def moderators(self, address: str) -> list[str]:
        """Who moderates a list."""
        rows = self._db.read("SELECT address FROM moderator WHERE list = ? ORDER BY address", (address,))
        return [person for (person,) in rows]

    def is_moderator(self, address: str, person: str) -> bool:
        """Whether somebody moderates a list."""
        return person in self.moderators(address)

    def set_moderator(self, address: str, person: str, *, moderates: bool) -> None:
        """Make somebody a moderator, or no longer one."""
        statement = (
            "INSERT OR IGNORE INTO moderator (list, address) VALUES (?, ?)"
            if moderates
            else "DELETE FROM moderator WHERE list = ? AND address = ?"
        )
        with self._db.write():
            self._db.execute(statement, (address, person))

    # ---- subscribing by message

    def request(self, address: str, person: str, key: str, text: str, *, now: float) -> bool:
        """Keep a request to subscribe, and have its code sent in ``text`` (its ``{code}``).

        False where too many wait, or one was sent to this address within the hour.
        """
        code = os.urandom(4).hex()
        with self._db.write():
            self._db.execute("DELETE FROM request WHERE at < ?", (now - CONFIRM_WITHIN,))
            ((waiting,),) = self._db.read("SELECT count(*) FROM request WHERE list = ?", (address,))
            recent = self._db.read(
                "SELECT 1 FROM request WHERE list = ? AND address = ? AND at > ?",
                (address, person, now - _ASK_AGAIN),
            )
            if recent or waiting >= _MOST_REQUESTS:
                return False
            self._db.execute(
                "INSERT OR REPLACE INTO request (list, address, code, key, at) VALUES (?, ?, ?, ?, ?)",
                (address, person, code, key, now),
            )
            put_notice(self._db, address, person, text.replace("{code}", code))
        return True

    def confirm(
        self, address: str, person: str, key: str, code: str, text: str, *, now: float
    ) -> CodeChecked:
        """Subscribe somebody who sends the code back with the key that asked for it; welcome them."""
        import hmac  # late: it loads all of hashlib, and a receiver may run for days without comparing a code

        with self._db.write():
            found = self._db.read(
                "SELECT code, key, tries FROM request WHERE list = ? AND address = ? AND at >= ?",
                (address, person, now - CONFIRM_WITHIN),
            )
            if not found or found[0][2] >= _MOST_TRIES:
                return CodeChecked.LATE
            if not hmac.compare_digest(found[0][0], code.lower()) or found[0][1] != key:
                self._db.execute(
                    "UPDATE request SET tries = tries + 1 WHERE list = ? AND address = ?", (address, person)
                )
                return CodeChecked.WRONG
            self._db.execute("DELETE FROM request WHERE list = ? AND address = ?", (address, person))
            self._db.execute(
                "INSERT OR REPLACE INTO subscriber (list, address, key, since) VALUES (?, ?, ?, ?)",
                (address, person, key, now),
            )
            put_notice(self._db, address, person, text)
        return CodeChecked.YES


def put_notice(database: Database, account: str, recipient: str, text: str) -> None:
    """Have a short message sent, in the transaction of the caller."""
    database.execute(
        "INSERT INTO notice (token, account, recipient, text) VALUES (?, ?, ?, ?)",
        (os.urandom(16).hex(), account, recipient, text),
    )


def require(book: ListBook, address: str) -> MailingList:
    """The list with this address. Raises StoreError where there is none."""
    found = book.get(address)
    if found is None:
        raise StoreError(
            f"There is no mailing list {address} here.",
            remedy="`misfin-tui mailing-list list` shows the lists.",
        )
    return found


def _values(wanted: MailingList) -> tuple[object, ...]:
    return (
        wanted.description,
        wanted.posting,
        wanted.moderated,
        wanted.closed,
        wanted.hidden,
        wanted.archive,
    )
