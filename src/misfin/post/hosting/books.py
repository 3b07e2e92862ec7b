"""The file of a host as a running server uses it: opened once a command has made it, then followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.store.hosting.file import open_hosting
from misfin.store.hosting.lists import ListBook, MailingList
from misfin.store.hosting.mailboxes import Away, MailboxRules
from misfin.store.hosting.posts import PostBook

if TYPE_CHECKING:
    from misfin.store.database import Database


@dataclass(frozen=True, slots=True)
class Hosted:
    """What is looked at for each message, in memory: by the address of the mailbox."""

    lists: Mapping[str, MailingList] = field(default_factory=dict)
    away: Mapping[str, Away] = field(default_factory=dict)
    blocks: Mapping[str, frozenset[str]] = field(default_factory=dict)


class HostBooks:
    """Lists, posts and rules of the profile whose file is ``path`` (None: in memory, and empty).

    Methods block and raise StoreError.
    """

    lists: ListBook
    posts: PostBook
    rules: MailboxRules

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.hosted = Hosted()
        """What was there at the last :meth:`refresh`."""
        self._db: Database | None = None
        self._seen: object = None

    @property
    def opened(self) -> bool:
        """Whether there is a file."""
        return self._db is not None

    def open(self) -> None:
        """Open the file, and make it if there is none."""
        if self._db is None:
            self._db = open_hosting(self.path)
            self.lists = ListBook(self._db)
            self.posts = PostBook(self._db)
            self.rules = MailboxRules(self._db)

    def refresh(self) -> bool:
        """Read again what has changed; True if anything has, ourselves included."""
        if self._db is None:
            if self.path is not None and not self.path.exists():
                return False
            self.open()
        assert self._db is not None
        seen = self._db.generation()
        if seen == self._seen:
            return False
        self.hosted = Hosted(
            {each.address: each for each in self.lists.lists()}, self.rules.away(), self.rules.blocks()
        )
        self._seen = seen
        return True

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None
