"""The index's folders: added from the disk, with their state when last listed, removed when gone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from misfin.model.folders import BINS, INBOX, holds_mail
from misfin.store.index import listing
from misfin.store.index.listing import FileState

FolderPlaces = Mapping[tuple[str, str], Path]
"""The paths of folders, by (account, folder)."""


class Folder(NamedTuple):
    """A folder in the index, with its current tag names from the disk.

    ``states`` are those of ``new``, ``cur`` and ``keywords`` when last listed.
    """

    number: int
    account: str
    name: str
    path: Path
    states: Mapping[str, FileState]
    keywords: Mapping[str, str]

    def path_of(self, file: bytes) -> bytes:
        """The path of a message's file in this folder."""
        return os.fsencode(self.path) + b"/" + file


def load(db: sqlite3.Connection) -> list[Folder]:
    """All folders in the index. Raises ``sqlite3.DatabaseError`` for a damaged file."""
    rows = db.execute(
        "SELECT folder, account, name, path, new_state, cur_state, keywords FROM folders ORDER BY folder"
    ).fetchall()
    if not all(isinstance(row[3], bytes) for row in rows):  # SQLite does not notice every damage
        raise sqlite3.DatabaseError("a folder has no path")
    return [_folder(*row) for row in rows]


def learn(db: sqlite3.Connection, present: FolderPlaces) -> None:
    """Add new folders, and new paths of known ones."""
    for (account, name), path in present.items():
        db.execute(
            "INSERT INTO folders (account, name, path, bin, held) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (account, name) DO UPDATE SET path = excluded.path",
            (account, name, os.fsencode(path), name in BINS, holds_mail(account, name)),
        )
    # Every folder has its own list; held mail is also in the list of the Inbox.
    db.execute("INSERT OR IGNORE INTO boxes SELECT folder, folder FROM folders")
    db.execute(
        "INSERT OR IGNORE INTO boxes SELECT h.folder, i.folder FROM folders h JOIN folders i USING (account)"
        " WHERE h.held AND i.name = ?",
        (INBOX,),
    )


def remember(db: sqlite3.Connection, states: Mapping[tuple[int, str], FileState]) -> None:
    """Record that these parts of folders are indexed as of these states."""
    for (folder, part), state in states.items():
        db.execute(_REMEMBER[part], (str(state), folder))


def forget(db: sqlite3.Connection, gone: Iterable[int]) -> None:
    """Remove folders that no longer exist, unless the index still has messages in them."""
    for folder in gone:
        if db.execute("DELETE FROM folders WHERE folder = ? AND total = 0", (folder,)).rowcount:
            db.execute("DELETE FROM boxes WHERE ? IN (folder, box)", (folder,))
            db.execute("DELETE FROM conversations WHERE box = ?", (folder,))


_REMEMBER: Final = {
    "new": "UPDATE folders SET new_state = ? WHERE folder = ?",
    "cur": "UPDATE folders SET cur_state = ? WHERE folder = ?",
    "keywords": "UPDATE folders SET keywords = ? WHERE folder = ?",
}


def _folder(number: int, account: str, name: str, path: bytes, new: str, cur: str, keywords: str) -> Folder:
    where = Path(os.fsdecode(path))
    states = {"new": FileState.load(new), "cur": FileState.load(cur), "keywords": FileState.load(keywords)}
    return Folder(number, account, name, where, states, listing.keywords_of(where))
