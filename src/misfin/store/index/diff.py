"""What differs between the Maildirs and the index: messages that came, went, moved or changed their flags.

A folder that did not change since it was last listed costs two ``stat`` calls. A listed one costs its names,
compared with the index's in batches. Nothing is written here, and opened are only new files that may be
messages which have vanished under their old names.

Another program may rename any file at any moment, between two of our steps too. A rename never takes a
message away for even a moment, but a walk over folders can miss one that leaves a folder not yet listed for
one that was. So a message counts as gone only when two walks in a row missed it, or nothing moved during one.
"""

from __future__ import annotations

import os
import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from misfin.store.index import listing, write
from misfin.store.index.digest import Digest, read_place
from misfin.store.index.file_place import FilePlace, split_key
from misfin.store.index.folders import Folder
from misfin.store.index.listing import FileState
from misfin.store.index.waiting import Waiting
from misfin.store.mail.keywords import FILE as KEYWORDS_FILE

SMALL: Final = 1000
"""Folders of up to so many messages are also looked at for files replaced under their old name."""

_BATCH: Final = 2000
_SUBDIRS: Final = ("new", "cur")  # in the order messages travel: one that moves is seen twice, not never

_T = TypeVar("_T")


class Reader(Protocol):
    """Does something in one state of the index."""

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
    """What one walk over the folders says."""

    states: dict[tuple[int, str], FileState] = field(default_factory=dict)
    gone: list[Known] = field(default_factory=list)
    fresh: Waiting = field(default_factory=Waiting)
    replaced: list[Known] = field(default_factory=list)
    """Messages whose file is another one now, or could not be read before: to be read again."""
    renamed: list[write.Renamed] = field(default_factory=list)
    moved: int = 0
    unreadable: list[Path] = field(default_factory=list)
    unsure: bool = False
    """Some messages could not be told from ones on their way; soon another walk can."""

    def spare(self, doubtful: set[Known]) -> None:
        """Take these for messages on their way: they stay, and their folders are listed again next time."""
        for known in doubtful:
            self.unsure = True
            for subdir in _SUBDIRS:
                self.states[known.folder, subdir] = FileState()
        self.gone = [known for known in self.gone if known not in doubtful]


class Walk:
    """One walk over all folders. ``folders`` are those the index knows; ``read`` asks it."""

    def __init__(self, folders: Mapping[int, Folder], read: Reader, now: Callable[[], float]) -> None:
        self.folders = folders
        self.read = read
        self.now = now
        self.found = Differences()

    def compare(self) -> Differences:
        """List what changed and tell messages that moved from those that came and went."""
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
        """Whether, for all that can be known, nothing was renamed while the folders were listed."""
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
            if blank:  # as at a first build: nothing to compare with, so nothing has to be in memory
                self.found_fresh(folder, prefix, listed)
            else:
                rest = sorted(listed)
        except OSError:  # it cannot be read now: what is known of it stays
            found.states[folder.number, subdir] = FileState()
            found.unreadable.append(folder.path)
            return
        closely = another or len(rest) <= SMALL

        def sift(db: sqlite3.Connection) -> None:
            cursor = db.execute(_NAMES, where)
            # Both in the order of names, the last ones first: of either, a part is compared at a time.
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
        """The names of the folder's tags changed: what the flags of its messages mean did, too."""

        def sift(db: sqlite3.Connection) -> None:
            cursor = db.execute("SELECT row, file, tags FROM messages WHERE folder = ?", (folder.number,))
            while batch := cursor.fetchmany(_BATCH):
                for row, file, tags in batch:
                    meant = listing.meaning(file, folder.keywords)
                    if meant.tags != tags:
                        self.found.renamed.append(write.Renamed(row, FilePlace(folder.number, file), *meant))

        self.read(sift)

    def pair(self) -> None:
        """Find new files that are messages known under another name: flags changed, or moved."""
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
        """Find new files that are messages known under another key: a sync tool gives its own names."""
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
        """Of messages whose files had the size and time of a new file, the one that says what it says."""
        folder = self.folders[place.folder]
        digest = read_place(folder.path, place, folder.account, folder.keywords)
        if digest is None:
            return None
        said = _said(digest)

        def says_it(db: sqlite3.Connection) -> Known | None:
            near = sorted(candidates, key=lambda known: known.folder != place.folder)
            own = [known for known in near if self.folders[known.folder].account == folder.account]
            return next((known for known in own if db.execute(_SAYS, (known.row, *said)).fetchone()), None)

        return self.read(says_it)

    def is_same(self, known: Known, fresh: FilePlace) -> bool | None:
        """Whether a new file of a known message's key is that message; None when it has gone on meanwhile.

        In another folder the key alone does not prove it.
        """
        folder = self.folders[fresh.folder]
        return known.folder == fresh.folder or _same_file(folder.path_of(fresh.file), known)


def on_the_way(db: sqlite3.Connection, folders: Mapping[int, Folder], digest: Digest) -> int | None:
    """The row of a message that a file new to the index is, missing where it was: known by its key, or, if
    that is another one, by what it says.
    """
    place = digest.place
    key = split_key(place.file[4:])
    here = sorted(folders.values(), key=lambda folder: folder.number != place.folder)
    for folder in here:
        for subdir in (b"new/", b"cur/"):
            name = subdir + key
            for row in db.execute(_KEYED, (folder.number, name, name + b":", name + b";")):
                known = Known._make(row)
                alike = folder.number == place.folder or (known.size, known.mtime) == _facts_of(digest)
                if alike and _missing(folders, known, place):
                    return known.row
    for row in db.execute(_TWINS, (digest.tie, *_said(digest), *_facts_of(digest))):
        known = Known._make(row)
        account = folders[known.folder].account if known.folder in folders else None
        if account == folders[place.folder].account and _missing(folders, known, place):
            return known.row
    return None


def _missing(folders: Mapping[int, Folder], known: Known, place: FilePlace) -> bool:
    return known.place != place and not os.path.lexists(folders[known.folder].path_of(known.file))


def fled(db: sqlite3.Connection, folders: Mapping[int, Folder], known: Known) -> write.Renamed | None:
    """Where a message is that every walk has missed: under its name in another folder, as moving leaves
    it."""
    for folder in folders.values():
        for subdir in (b"new/", b"cur/"):
            place = FilePlace(folder.number, subdir + known.file[4:])
            here = _same_file(folder.path_of(place.file), known)
            if (
                here
                and not db.execute("SELECT 1 FROM messages WHERE folder = ? AND file = ?", place).fetchone()
            ):
                return write.Renamed(known.row, place, *listing.meaning(place.file, folder.keywords))
    return None


_NAMES: Final = (  # answered by the index of file names alone
    "SELECT row, substr(file, 5) FROM messages WHERE folder = ? AND file >= ? AND file < ? ORDER BY file DESC"
)
_MESSAGE: Final = "SELECT row, folder, file, size, mtime, faulty FROM messages WHERE "
_KEYED: Final = _MESSAGE + "folder = ? AND (file = ? OR (file >= ? AND file < ?))"
_SAYS: Final = "SELECT 1 FROM messages WHERE row = ? AND date = ? AND turn = ?"
_TWINS: Final = (  # the token of a message's own Message-ID is among those of its thread
    "SELECT l.row, l.folder, l.file, l.size, l.mtime, l.faulty FROM tokens t JOIN messages l USING (thread)"
    " WHERE t.token = ? AND l.date = ? AND l.turn = ? AND l.size = ? AND l.mtime = ?"
)


def _known(db: sqlite3.Connection, row: int) -> Known:
    return Known._make(db.execute(_MESSAGE + "row = ?", (row,)).fetchone())


def _said(digest: Digest) -> tuple[float, int]:
    """What the index keeps of a message's contents that two messages hardly ever share."""
    return write.date_kept(digest.date), digest.turn


def _facts_of(digest: Digest) -> tuple[int, int]:
    return digest.size, digest.mtime


def _facts(path: bytes) -> tuple[int, int] | None:
    """Size and time of a file; None when there is none."""
    try:
        facts = os.stat(path)  # noqa: PTH116  (bytes)
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def _same_file(path: bytes, known: Known) -> bool | None:
    """Whether a file is the one that was read for a message; None when there is none."""
    facts = _facts(path)
    return None if facts is None else facts == (known.size, known.mtime)
