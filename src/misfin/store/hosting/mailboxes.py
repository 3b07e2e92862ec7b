"""What the mailboxes of a host want: who each of them blocks, and what it answers while its owner is away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from misfin.store.database import Database
from misfin.store.hosting.lists import put_notice

ANSWER_AGAIN: Final = 86400.0
"""Seconds in which nobody gets a second automatic answer."""


@dataclass(frozen=True, slots=True)
class Away:
    """A message to answer with from ``begins`` to ``ends`` (Unix seconds; 0: from now on, without an end)."""

    text: str
    begins: float = 0.0
    ends: float = 0.0

    def applies(self, now: float) -> bool:
        """Whether it is sent at this time."""
        return self.begins <= now and (not self.ends or now < self.ends)


class MailboxRules:
    """Blocks and away messages of all mailboxes. Thread-safe; every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # ---- blocking

    def block(self, mailbox: str, name: str) -> bool:
        """Refuse messages of ``name``, an address or ``@host``; False where that was so already."""
        with self._db.write():
            return bool(
                self._db.execute(
                    "INSERT OR IGNORE INTO block (mailbox, name) VALUES (?, ?)", (mailbox, name.casefold())
                ).rowcount
            )

    def unblock(self, mailbox: str, name: str) -> bool:
        """Take messages of ``name`` again; False where it was not blocked."""
        with self._db.write():
            return bool(
                self._db.execute(
                    "DELETE FROM block WHERE mailbox = ? AND name = ?", (mailbox, name.casefold())
                ).rowcount
            )

    def blocks(self) -> dict[str, frozenset[str]]:
        """What each mailbox blocks."""
        found: dict[str, set[str]] = {}
        for mailbox, name in self._db.read("SELECT mailbox, name FROM block"):
            found.setdefault(mailbox, set()).add(name)
        return {mailbox: frozenset(names) for mailbox, names in found.items()}

    # ---- away messages

    def set_away(self, mailbox: str, away: Away) -> None:
        """Answer for a mailbox from now on; everybody may get one answer again."""
        with self._db.write():
            self._db.execute(
                "INSERT OR REPLACE INTO away (mailbox, text, begins, ends) VALUES (?, ?, ?, ?)",
                (mailbox, away.text, away.begins, away.ends),
            )

    def back(self, mailbox: str) -> bool:
        """Answer no longer; False where nothing was answered."""
        with self._db.write():
            return bool(self._db.execute("DELETE FROM away WHERE mailbox = ?", (mailbox,)).rowcount)

    def away(self) -> dict[str, Away]:
        """The message of each mailbox that has one."""
        rows = self._db.read("SELECT mailbox, text, begins, ends FROM away")
        return {mailbox: Away(*rest) for mailbox, *rest in rows}

    def answer(self, mailbox: str, person: str, text: str, *, now: float) -> bool:
        """Have ``text`` sent to somebody; False where they had an answer within a day, or are a list."""
        with self._db.write():
            self._db.execute(  # one from the future was written under a wrong clock
                "DELETE FROM answered WHERE at <= ? OR at > ?", (now - ANSWER_AGAIN, now + ANSWER_AGAIN)
            )
            if self._db.read(
                "SELECT 1 FROM answered WHERE mailbox = ? AND address = ?", (mailbox, person)
            ) or self._db.read(
                "SELECT 1 FROM list_elsewhere WHERE mailbox = ? AND address = ?", (mailbox, person)
            ):
                return False
            self._db.execute(
                "INSERT OR REPLACE INTO answered (mailbox, address, at) VALUES (?, ?, ?)",
                (mailbox, person, now),
            )
            put_notice(self._db, mailbox, person, text)
            return True

    def note_list(self, mailbox: str, address: str) -> None:
        """Remember that an address is a mailing list: it asked this mailbox to confirm a subscription."""
        with self._db.write():
            self._db.execute(
                "INSERT OR IGNORE INTO list_elsewhere (mailbox, address) VALUES (?, ?)", (mailbox, address)
            )
