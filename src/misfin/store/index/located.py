"""The files of messages: finds them for filing, and updates the index after they were renamed."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from misfin.store.evidence import ORDER, Evidence
from misfin.store.index import listing, read, write
from misfin.store.index.file_place import FilePlace
from misfin.store.index.links import Unsettled, settle
from misfin.store.index.threads import token
from misfin.store.rows import ConversationRow, MessageRow
from misfin.store.search.matches import Statement


@dataclass(frozen=True, slots=True)
class Located:
    """A message and its file as last seen; ``file`` is ``cur/NAME`` below ``root``, the folder's Maildir."""

    row: int
    thread: int
    account: str
    folder: str
    root: Path
    file: bytes
    unread: bool
    starred: bool

    @property
    def seen(self) -> str:
        """``file`` as the file system spells it."""
        return os.fsdecode(self.file)


@dataclass(frozen=True, slots=True)
class Refiled:
    """A message whose file was renamed: the folder it is in now, and ``cur/NAME`` there."""

    row: int
    account: str
    folder: str
    file: bytes


_LOCATED: Final = (
    "SELECT l.row, l.thread, f.account, f.name, f.path, l.file, l.unread, l.starred"
    " FROM messages l JOIN folders f USING (folder) "
)
_PAGE: Final = 1000


def by_id(db: sqlite3.Connection, ids: Sequence[str]) -> list[Located]:
    """Messages by their full id, oldest first; those that are gone are left out."""
    rows = [row for spelled in ids for row in read.rows_with_id(db, spelled)]
    return _located(db, rows)


def by_thread(db: sqlite3.Connection, threads: Sequence[int]) -> list[Located]:
    """All messages of conversations, in any folder, oldest first."""
    asked = "SELECT row FROM messages WHERE thread IN (SELECT value FROM json_each(?))"
    return _located(db, [row for (row,) in db.execute(asked, (json.dumps(threads),))])


def by_message_id(db: sqlite3.Connection, message_id: str) -> ConversationRow | None:
    """The conversation of the message with this Message-ID; of several copies, one outside the bins."""
    # `own_token` is the token of a message's own Message-ID; those it replies to are only among its tokens.
    asked = (
        "SELECT l.row FROM tokens t JOIN messages l ON l.thread = t.thread AND l.own_token = t.token"
        " JOIN folders f USING (folder) WHERE t.token = ? ORDER BY f.bin, l.row DESC LIMIT 1"
    )
    rows = [row for (row,) in db.execute(asked, (token(message_id),))]
    return next(iter(read.conversations(db, rows, None)), None)


def by_statement(db: sqlite3.Connection, statement: Statement) -> list[Located]:
    """Everything a view shows, oldest first."""
    rows: list[int] = []
    found = statement.first(db, _PAGE)
    while found:
        rows.extend(row for row, *_ in found)
        found = statement.below(db, rows[-1], _PAGE)
    return _located(db, rows)


def refile(db: sqlite3.Connection, changes: Sequence[Refiled]) -> bool:
    """Update the index after files were renamed; False if it does not know some of the messages or folders.

    A file that is no longer there was renamed again since; whoever did that, or the next scan, updates it.
    """
    folders = {
        (account, name): (number, Path(os.fsdecode(path)))
        for number, account, name, path in db.execute("SELECT folder, account, name, path FROM folders")
    }
    keywords = {number: listing.keywords_of(path) for number, path in folders.values()}
    left = Unsettled()
    renamed = []
    complete = True
    for change in changes:
        number, root = folders.get((change.account, change.folder), (0, Path()))
        if not number:
            complete = False
        elif os.path.lexists(os.fsencode(root) + b"/" + change.file):
            meant = listing.meaning(change.file, keywords[number])
            renamed.append(write.Renamed(change.row, FilePlace(number, change.file), *meant))
    complete &= write.rename(db, renamed, left) == len(renamed)
    settle(db, left)
    return complete


def set_evidence(db: sqlite3.Connection, message: MessageRow, proven: Evidence) -> None:
    """Write down what was found out about the sender of a message; one that is gone is left out."""
    found = read.find(db, message.row, message)
    if found is not None:
        row = (ORDER.index(proven), found.row)
        db.execute("UPDATE messages SET evidence = ? WHERE row = ?", row)


def _located(db: sqlite3.Connection, rows: Sequence[int]) -> list[Located]:
    return list(_each(db, sorted(set(rows))))


def _each(db: sqlite3.Connection, rows: Sequence[int]) -> Iterator[Located]:
    asked = _LOCATED + "JOIN json_each(?) page ON page.value = l.row ORDER BY l.row"
    for row, thread, account, name, path, file, unread, starred in db.execute(asked, (json.dumps(rows),)):
        yield Located(row, thread, account, name, Path(os.fsdecode(path)), file, bool(unread), bool(starred))
