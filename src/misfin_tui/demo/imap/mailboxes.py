"""The mailboxes of the demo's e-mail provider, in one SQLite file: folders, messages with UIDs and flags."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from misfin import sqlite
from misfin.model.folders import ARCHIVE, DRAFTS, JUNK, SENT, TRASH

INBOX: Final = "INBOX"
USES: Final[Mapping[str, str]] = {
    INBOX: "",
    ARCHIVE: "\\Archive",
    DRAFTS: "\\Drafts",
    JUNK: "\\Junk",
    SENT: "\\Sent",
    TRASH: "\\Trash",
}
_TABLES: Final = (
    (
        "CREATE TABLE folder (name TEXT PRIMARY KEY, use TEXT NOT NULL, epoch INTEGER NOT NULL,"
        " next INTEGER NOT NULL, modseq INTEGER NOT NULL)",
        "CREATE TABLE message (folder TEXT NOT NULL, uid INTEGER NOT NULL, flags TEXT NOT NULL,"
        " received INTEGER NOT NULL, modseq INTEGER NOT NULL, data BLOB NOT NULL,"
        " PRIMARY KEY (folder, uid)) WITHOUT ROWID",
    ),
)


class HostedFolder(NamedTuple):
    """A folder: its purpose (``\\\\Sent``, or empty), UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ."""

    name: str
    use: str = ""
    epoch: int = 1
    next: int = 1
    modseq: int = 1


class HostedMessage(NamedTuple):
    """A message of a folder without its bytes; ``received`` in Unix seconds."""

    uid: int
    flags: frozenset[str]
    received: int
    modseq: int
    size: int


class NewHosted(NamedTuple):
    """A message to put into a folder; its lines end with CRLF."""

    folder: str
    data: bytes
    flags: Collection[str] = ()
    received: float = 0.0


class Mailboxes:
    """The folders of one person. Blocks; several threads and processes may use the file at once.

    A change is on disk when the method returns. ``path`` None keeps everything in memory. Names of folders
    that are not there raise :class:`KeyError`. ``uses`` are the folders of a new file, with their purposes.
    """

    def __init__(self, path: Path | None, uses: Mapping[str, str] = USES) -> None:
        self._lock = threading.RLock()
        self._database = sqlite.connect(path)
        sqlite.log_ahead(self._database)
        sqlite.bring_up_to_date(self._database, "The mail server's file", _TABLES)
        if not self.folders():
            with self._writing():
                for name, use in uses.items():
                    self._database.execute("INSERT OR IGNORE INTO folder VALUES (?, ?, 1, 1, 1)", (name, use))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            if self._database.in_transaction:
                yield
            else:
                with sqlite.transaction(self._database):
                    yield

    # ---- looking

    def folders(self) -> Sequence[HostedFolder]:
        """All folders, INBOX first."""
        with self._lock:
            rows = self._database.execute("SELECT * FROM folder ORDER BY name <> 'INBOX', name").fetchall()
        return [HostedFolder(*row) for row in rows]

    def folder(self, name: str) -> HostedFolder:
        """One folder; INBOX in any case."""
        wanted = INBOX if name.upper() == INBOX else name
        with self._lock:
            row = self._database.execute("SELECT * FROM folder WHERE name = ?", (wanted,)).fetchone()
        if row is None:
            raise KeyError(name)
        return HostedFolder(*row)

    def messages(self, name: str) -> Sequence[HostedMessage]:
        """The messages of a folder by UID."""
        with self._lock:
            rows = self._database.execute(
                "SELECT uid, flags, received, modseq, length(data) FROM message WHERE folder = ?"
                " ORDER BY uid",
                (self.folder(name).name,),
            ).fetchall()
        return [HostedMessage(row[0], frozenset(row[1].split()), *row[2:]) for row in rows]

    def data(self, name: str, uid: int) -> bytes:
        """The bytes of a message; empty if it is gone."""
        with self._lock:
            row = self._database.execute(
                "SELECT data FROM message WHERE folder = ? AND uid = ?", (name, uid)
            ).fetchone()
        return bytes(row[0]) if row else b""

    # ---- changing

    def add(self, messages: Iterable[NewHosted]) -> list[int]:
        """Put messages into folders, all or none; returns their UIDs."""
        with self._writing():
            return [self._add(*each) for each in messages]

    def _add(self, name: str, data: bytes, flags: Collection[str], received: float) -> int:
        folder = self.folder(name)
        modseq = self._counted(folder.name, arrived=1)
        values = folder.name, folder.next, " ".join(sorted(flags)), int(received), modseq, data
        self._database.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", values)
        return folder.next

    def _counted(self, name: str, *, arrived: int = 0) -> int:
        """The number of a change that is about to be made in a folder, in which a message may arrive."""
        self._database.execute(
            "UPDATE folder SET modseq = modseq + 1, next = next + ? WHERE name = ?", (arrived, name)
        )
        return self.folder(name).modseq

    def set_flags(self, name: str, uid: int, flags: Collection[str]) -> None:
        """Give a message other flags."""
        with self._writing():
            modseq = self._counted(name)
            self._database.execute(
                "UPDATE message SET flags = ?, modseq = ? WHERE folder = ? AND uid = ?",
                (" ".join(sorted(flags)), modseq, name, uid),
            )

    def copy(self, name: str, uids: Iterable[int], to: str, *, move: bool = False) -> list[tuple[int, int]]:
        """Copy or move messages; returns the old and the new UID of each that was there."""
        pairs: list[tuple[int, int]] = []
        with self._writing():
            there = {message.uid: message for message in self.messages(name)}
            for message in (there[uid] for uid in uids if uid in there):
                new = self._add(to, self.data(name, message.uid), message.flags, message.received)
                pairs.append((message.uid, new))
            if move:
                self.remove(name, [old for old, _ in pairs])
        return pairs

    def remove(self, name: str, uids: Iterable[int]) -> None:
        """Delete messages for good."""
        with self._writing():
            for uid in uids:
                self._counted(name)
                self._database.execute("DELETE FROM message WHERE folder = ? AND uid = ?", (name, uid))

    def create(self, name: str) -> None:
        """Create a folder. Raises :class:`FileExistsError`."""
        with self._writing():
            if any(folder.name == name for folder in self.folders()):
                raise FileExistsError(name)
            epoch = 1 + max(folder.epoch for folder in self.folders())
            self._database.execute("INSERT INTO folder VALUES (?, '', ?, 1, 1)", (name, epoch))

    def rename(self, name: str, new: str) -> None:
        """Rename a folder; its messages keep their UIDs. Raises :class:`FileExistsError`."""
        with self._writing():
            folder = self.folder(name)
            if any(each.name == new for each in self.folders()):
                raise FileExistsError(new)
            self._database.execute("UPDATE folder SET name = ? WHERE name = ?", (new, folder.name))
            self._database.execute("UPDATE message SET folder = ? WHERE folder = ?", (new, folder.name))
