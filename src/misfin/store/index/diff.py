"""Finds differences between the Maildirs and the index: messages added, removed, moved or with other flags.

A folder that has not changed since it was last listed costs two ``stat`` calls. A changed one is listed, and
its names are compared with the index in batches. Nothing is written here, and the only files opened are new
ones that may be messages missing under their old names.

Another program may rename any file at any moment, also between two of our steps. A renamed message is never
absent, but a walk over folders can miss one that moves from a folder not yet listed to one already listed. So
a message counts as gone only if two walks in a row missed it, or if nothing changed during a walk.
"""

from __future__ import annotations

import os
import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from misfin.model.account import kind_in
from misfin.store.index import listing, write
from misfin.store.index.digest import Digest, Owner, read_place
from misfin.store.index.file_place import FilePlace, split_key
from misfin.store.index.folders import Folder
from misfin.store.index.listing import FileState
from misfin.store.index.waiting import Waiting
from misfin.store.mail.keywords import FILE as KEYWORDS_FILE
from misfin.valueclass import dataclass

SMALL: Final = 1000
"""Folders with up to this many messages are also checked for files replaced under the same name."""

_BATCH: Final = 2000
_SUBDIRS: Final = (
    "new",
    "cur",
)  # in the order messages move, so that a moving one is seen twice rather than never

_T = TypeVar("_T")


class Reader(Protocol):
    """Runs a function on one consistent state of the index."""

    def __call__(self, act: Callable[[sqlite3.Connection], _T]) -> _T: ...


class Known(NamedTuple):
    """A message in the index."""

    row: int
    folder: int
    file: bytes
    size: int
    mtime: int
    faulty: int

    @property
    def place(self) -> FilePlace:
        return FilePlace(self.folder, self.file)


@dataclass(slots=True)
class Differences:
    """The result of one walk over the folders."""

    states: dict[tuple[int, str], FileState] = field(default_factory=dict)
    gone: list[Known] = field(default_factory=list)
    fresh: Waiting = field(default_factory=Waiting)
    replaced: list[Known] = field(default_factory=list)
    """Messages to read again, because the file was replaced or could not be read before."""
    renamed: list[write.Renamed] = field(default_factory=list)
    moved: int = 0
    unreadable: list[Path] = field(default_factory=list)
    unsure: bool = False
    """Whether some messages may be missing only because they are being moved; walk again soon."""

    def spare(self, doubtful: set[Known]) -> None:
        """Treat these as being moved: keep them, and list their folders again next time."""
        for known in doubtful:
            self.unsure = True
            for subdir in _SUBDIRS:
                self.states[known.folder, subdir] = FileState()
        self.gone = [known for known in self.gone if known not in doubtful]


class Walk:
    """One walk over all folders. ``folders`` are those in the index; ``read`` queries it."""

    def __init__(self, folders: Mapping[int, Folder], read: Reader, now: Callable[[], float]) -> None:
        self.folders = folders
        self.read = read
        self.now = now
        self.found = Differences()

    def compare(self) -> Differences:
        """List changed folders; match removed and added messages that are the same one, moved."""
        for folder in self.folders.values():
            for subdir in _SUBDIRS:
                before, state = folder.states[subdir], listing.look(folder.path / subdir, self.now())
                if not state.same_as(before):
                    self.found.states[folder.number, subdir] = state
                    self.compare_subdir(folder, subdir, state.identity != before.identity)
            state = listing.look(folder.path / KEYWORDS_FILE, self.now())
            if not state.same_as(folder.states["keywords"]):
                self.found.states[folder.number, "keywords"] = state
                self.compare_tags(folder)
        self.pair()
        return self.found

    def certain(self) -> bool:
        """Whether nothing was renamed while the folders were listed, as far as this can be known."""
        for folder in self.folders.values():
            for subdir in _SUBDIRS:
                seen = self.found.states.get((folder.number, subdir), folder.states[subdir])
                if not listing.look(folder.path / subdir, self.now()).same_as(seen):
                    return False
        return True

    def compare_subdir(self, folder: Folder, subdir: str, another: bool) -> None:
        found, prefix = self.found, subdir.encode() + b"/"
        root = os.fsencode(folder.path) + b"/" + prefix
        where = (folder.number, prefix, subdir.encode() + b"0")
        blank = self.read(lambda db: db.execute(_NAMES, where).fetchone() is None)
        rest: list[bytes] = []
        try:
            listed = listing.names(folder.path / subdir)
            if blank:  # as in a first build: nothing to compare with, so nothing has to be in memory
                self.found_fresh(folder, prefix, listed)
            else:
                rest = sorted(listed)
        except OSError:  # it cannot be read now: keep its messages
            found.states[folder.number, subdir] = FileState()
            found.unreadable.append(folder.path)
            return
        closely = another or len(rest) <= SMALL

        def sift(db: sqlite3.Connection) -> None:
            cursor = db.execute(_NAMES, where)
            # Both sorted by name, descending, so that they can be compared part by part.
            while batch := cursor.fetchmany(_BATCH):
                rows = {name: row for row, name in batch}
                start = bisect_left(rest, batch[-1][1])
                here = set(rest[start:])
                del rest[start:]
                for name in rows.keys() - here:
                    if not os.path.lexists(root + name):
                        found.gone.append(_known(db, rows[name]))
                if closely:
                    known = (_known(db, rows[name]) for name in rows.keys() & here)
                    found.replaced.extend(
                        one for one in known if one.faulty or _same_file(root + one.file[4:], one) is False
                    )
                self.found_fresh(folder, prefix, here - rows.keys())

        if not blank:
            self.read(sift)
            self.found_fresh(folder, prefix, rest)

    def found_fresh(self, folder: Folder, prefix: bytes, names: Iterable[bytes]) -> None:
        for name in names:
            self.found.fresh.add(listing.arrival(name), FilePlace(folder.number, prefix + name))

    def compare_tags(self, folder: Folder) -> None:
        """The names of the folder's tags changed, so the flags of its messages mean other tags."""

        def sift(db: sqlite3.Connection) -> None:
            cursor = db.execute("SELECT row, file, tags FROM messages WHERE folder = ?", (folder.number,))
            while batch := cursor.fetchmany(_BATCH):
                for row, file, tags in batch:
                    meant = listing.meaning(file, folder.keywords)
                    if meant.tags != tags:
                        self.found.renamed.append(write.Renamed(row, FilePlace(folder.number, file), *meant))

        self.read(sift)

    def pair(self) -> None:
        """Find new files that are known messages under another name, because of new flags or a move."""
        found = self.found
        lost: defaultdict[bytes, list[Known]] = defaultdict(list)
        for known in found.gone:
            lost[split_key(known.file[4:])].append(known)
        if not lost:
            return
        kept = Waiting()
        paired: set[int] = set()
        moving: set[Known] = set()
        while places := found.fresh.take(_BATCH):
            for place in places:
                candidates = [
                    known for known in lost.get(split_key(place.file[4:]), ()) if known.row not in paired
                ]
                candidates.sort(key=lambda known: known.folder != place.folder)  # its own folder first
                same = {known: self.is_same(known, place) for known in candidates}
                chosen = next((known for known in candidates if same[known]), None)
                if chosen is None:
                    kept.add(listing.arrival(place.file[4:]), place)
                    moving.update(known for known in candidates if same[known] is None)
                    continue
                paired.add(chosen.row)
                self.found_renamed(chosen, place)
        found.fresh = kept
        found.gone = [known for known in found.gone if known.row not in paired]
        self.pair_by_contents()
        found.spare(moving & set(found.gone))

    def pair_by_contents(self) -> None:
        """Find new files that are known messages under another key, because a sync tool renamed them."""
        found = self.found
        lost: defaultdict[tuple[int, int], list[Known]] = defaultdict(list)
        for known in found.gone:
            if not known.faulty:
                lost[known.size, known.mtime].append(known)
        if not lost:
            return
        kept = Waiting()
        paired: set[int] = set()
        while places := found.fresh.take(_BATCH):
            for place in places:
                facts = _facts(self.folders[place.folder].path_of(place.file))
                candidates = lost.get(facts, []) if facts else []
                chosen = self.alike(place, candidates) if candidates else None
                if chosen is None:
                    kept.add(listing.arrival(place.file[4:]), place)
                    continue
                candidates.remove(chosen)
                paired.add(chosen.row)
                self.found_renamed(chosen, place)
        found.fresh = kept
        found.gone = [known for known in found.gone if known.row not in paired]

    def found_renamed(self, known: Known, place: FilePlace) -> None:
        self.found.moved += known.folder != place.folder
        meant = listing.meaning(place.file, self.folders[place.folder].keywords)
        self.found.renamed.append(write.Renamed(known.row, place, *meant))

    def alike(self, place: FilePlace, candidates: Sequence[Known]) -> Known | None:
        """Of messages whose files had the size and time of a new file, the one with the same content."""
        folder = self.folders[place.folder]
        digest = read_place(folder.path, place, Owner(folder.account, folder.account), folder.keywords)
        if digest is None:
            return None
        said = _said(digest)

        def says_it(db: sqlite3.Connection) -> Known | None:
            near = sorted(candidates, key=lambda known: known.folder != place.folder)
            own = [known for known in near if self.folders[known.folder].account == folder.account]
            return next((known for known in own if db.execute(_SAYS, (known.row, *said)).fetchone()), None)

        return self.read(says_it)

    def is_same(self, known: Known, fresh: FilePlace) -> bool | None:
        """Whether a new file with a known message's key is that message; None if it has moved on since.

        In another folder the key alone is no proof.
        """
        folder = self.folders[fresh.folder]
        if known.folder == fresh.folder:
            return True
        return _same_kind(self.folders, known, folder) and _same_file(folder.path_of(fresh.file), known)


def on_the_way(db: sqlite3.Connection, folders: Mapping[int, Folder], digest: Digest) -> int | None:
    """The row of the known message that a new file is, if it is missing at its old place.

    It is recognized by its key or, if that differs, by its content.
    """
    place = digest.place
    key = split_key(place.file[4:])
    here = sorted(folders.values(), key=lambda folder: folder.number != place.folder)
    for folder in here:
        for subdir in (b"new/", b"cur/"):
            name = subdir + key
            for row in db.execute(_KEYED, (folder.number, name, name + b"!", name + b"<")):
                known = Known._make(row)
                if split_key(known.file[4:]) != key:
                    continue
                alike = folder.number == place.folder or (
                    (known.size, known.mtime) == _facts_of(digest)
                    and _same_kind(folders, known, folders[place.folder])
                )
                if alike and _missing(folders, known, place):
                    return known.row
    for row in db.execute(_TWINS, (digest.own_token, *_said(digest), *_facts_of(digest))):
        known = Known._make(row)
        account = folders[known.folder].account if known.folder in folders else None
        if account == folders[place.folder].account and _missing(folders, known, place):
            return known.row
    return None


def _same_kind(folders: Mapping[int, Folder], known: Known, folder: Folder) -> bool:
    """Whether a message may be in a folder without being read again.

    What it proves depends on the kind of account it is in.
    """
    return known.folder in folders and kind_in(folders[known.folder].account) is kind_in(folder.account)


def _missing(folders: Mapping[int, Folder], known: Known, place: FilePlace) -> bool:
    return known.place != place and not os.path.lexists(folders[known.folder].path_of(known.file))


def moved_to(db: sqlite3.Connection, folders: Mapping[int, Folder], known: Known) -> write.Renamed | None:
    """Where a message is that every walk has missed: under the same name in another folder, after a move."""
    for folder in folders.values():
        for subdir in (b"new/", b"cur/"):
            place = FilePlace(folder.number, subdir + known.file[4:])
            here = _same_kind(folders, known, folder) and _same_file(folder.path_of(place.file), known)
            if (
                here
                and not db.execute("SELECT 1 FROM messages WHERE folder = ? AND file = ?", place).fetchone()
            ):
                return write.Renamed(known.row, place, *listing.meaning(place.file, folder.keywords))
    return None


_NAMES: Final = (  # answered from the SQL index of file names alone
    "SELECT row, substr(file, 5) FROM messages WHERE folder = ? AND file >= ? AND file < ? ORDER BY file DESC"
)
_MESSAGE: Final = "SELECT row, folder, file, size, mtime, faulty FROM messages WHERE "
_KEYED: Final = _MESSAGE + "folder = ? AND (file = ? OR (file >= ? AND file < ?))"
_SAYS: Final = "SELECT 1 FROM messages WHERE row = ? AND date = ? AND tiebreak = ?"
_TWINS: Final = (  # the token of a message's own Message-ID is among those of its thread
    "SELECT l.row, l.folder, l.file, l.size, l.mtime, l.faulty FROM tokens t JOIN messages l USING (thread)"
    " WHERE t.token = ? AND l.date = ? AND l.tiebreak = ? AND l.size = ? AND l.mtime = ?"
)


def _known(db: sqlite3.Connection, row: int) -> Known:
    return Known._make(db.execute(_MESSAGE + "row = ?", (row,)).fetchone())


def _said(digest: Digest) -> tuple[float, int]:
    """Values of a message in the index that two different messages hardly ever share."""
    return write.date_kept(digest.date), digest.tiebreak


def _facts_of(digest: Digest) -> tuple[int, int]:
    return digest.size, digest.mtime


def _facts(path: bytes) -> tuple[int, int] | None:
    """Size and time of a file; None if it does not exist."""
    try:
        facts = os.stat(path)  # noqa: PTH116  (bytes)
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def _same_file(path: bytes, known: Known) -> bool | None:
    """Whether a file is the one that was read for a message; None if it does not exist."""
    facts = _facts(path)
    return None if facts is None else facts == (known.size, known.mtime)
