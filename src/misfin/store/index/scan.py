"""Bringing the index in line with the Maildirs: what came, went, moved or changed its flags.

A folder that did not change since it was last listed costs two ``stat`` calls. A listed one costs its names,
compared with the index's in batches. Only files whose key is new are opened, the newest first, so that the
first screen is right long before the last letter is in.

Another program may rename any file at any moment, between two of our steps too. So nothing is taken out of
the index before its file was seen to be missing, and no new name is believed before it was seen to exist.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, TypeVar

from misfin.store.index import folders, listing, write
from misfin.store.index.database import Database, LostError
from misfin.store.index.digest import Digest, read_place
from misfin.store.index.folders import Folder
from misfin.store.index.links import Unsettled, settle
from misfin.store.index.listing import State
from misfin.store.index.place import Place, split_key
from misfin.store.keywords import FILE as KEYWORDS_FILE
from misfin.store.maildir import MailStore
from misfin.store.rows import Changes

Progress = Callable[[int, int], None]
"""Told how many letters of how many to be read are in; for the caller's thread."""

FIRST_BLOCK: Final = 200
BLOCK: Final = 1000
"""Letters put in with one transaction: few at first, for the first screen; never so many that others wait."""

BLOCK_TEXT: Final = 4_000_000
"""Characters of their texts: what is in memory at once."""

SMALL: Final = 1000
"""Folders of up to so many letters are also looked at for files replaced under their old name."""

SEARCHED: Final = 1000
"""Of up to so many new letters each is looked for among those that other folders have lost."""

BREATH: Final = 0.0001
"""Seconds to rest after each letter read beside another thread: one that draws a screen, say, gets the
interpreter at once instead of some milliseconds later."""

_ROUNDS: Final = 3
_BATCH: Final = 2000
_SUBDIRS: Final = (
    "new",
    "cur",
)  # in the order letters travel: one that moves meanwhile is seen twice, not never
_T = TypeVar("_T")


class Known(NamedTuple):
    """A letter in the index."""

    row: int
    folder: int
    file: bytes
    size: int
    mtime: int
    faulty: int


# A file the index does not know is kept as bytes: when it came, its folder, its name. They sort by arrival,
# and a hundred thousand of them take half the memory of as many tuples.
_FRESH: Final = struct.Struct(">QI")


def _fresh(arrival: int, place: Place) -> bytes:
    return _FRESH.pack(arrival, place.folder) + place.file


def _place(fresh: bytes) -> Place:
    return Place(_FRESH.unpack_from(fresh)[1], fresh[_FRESH.size :])


@dataclass(slots=True)
class Found:
    """What one round of listings says."""

    states: dict[tuple[int, str], State] = field(default_factory=dict)
    gone: list[Known] = field(default_factory=list)
    fresh: list[bytes] = field(default_factory=list)
    replaced: list[Known] = field(default_factory=list)
    """Letters whose file is another one now, or could not be read before: to be read again."""
    renamed: list[write.Renamed] = field(default_factory=list)
    moved: int = 0


class Scan:
    """One look at all the mail, bringing the index in line."""

    def __init__(
        self, database: Database, store: MailStore, now: Callable[[], float], progress: Progress | None
    ) -> None:
        self.database = database
        self.store = store
        self.now = now
        self.progress = progress
        self.serial = database.serial
        self.folders: dict[int, Folder] = {}
        self.gently = threading.current_thread() is not threading.main_thread()

    def run(self) -> Changes:
        """Raises :class:`LostError` when the index was replaced meanwhile, and :class:`StoreError`."""
        self.learn_folders()
        found = self.compare()
        for _ in range(_ROUNDS - 1):
            if not found.gone or not self.still_moving(found):
                break
            found = self.compare()  # a letter may have gone where we had looked before it left
        return self.apply(found)

    def read(self, act: Callable[[sqlite3.Connection], _T]) -> _T:
        result = self.database.read(act)
        if self.database.serial != self.serial:
            raise LostError
        return result

    def write(self, act: Callable[[sqlite3.Connection], _T], *, visible: bool = True) -> _T:
        def in_the_same_index(db: sqlite3.Connection) -> _T:
            if self.database.serial != self.serial:
                raise LostError
            return act(db)

        return self.database.write(in_the_same_index, visible=visible)

    # ---- looking ----------------------------------------------------------------------------------

    def learn_folders(self) -> None:
        """Let the index know the folders there are; one that is gone stays until its letters are out."""
        present = listing.mail_folders(self.store)
        known = {(folder.account, folder.name): folder.path for folder in self.read(folders.load)}
        if any(known.get(place) != path for place, path in present.items()):
            self.write(lambda db: folders.learn(db, present))
        self.folders = {folder.number: folder for folder in self.read(folders.load)}

    def compare(self) -> Found:
        """List what changed and tell letters that moved from those that came and went."""
        found = Found()
        for folder in self.folders.values():
            for subdir in _SUBDIRS:
                before, state = folder.states[subdir], listing.look(folder.path / subdir, self.now())
                if not state.same_as(before):
                    found.states[folder.number, subdir] = state
                    self.compare_subdir(folder, subdir, state.identity != before.identity, found)
            state = listing.look(folder.path / KEYWORDS_FILE, self.now())
            if not state.same_as(folder.states["keywords"]):
                found.states[folder.number, "keywords"] = state
                self.compare_tags(folder, found)
        self.pair(found)
        return found

    def compare_subdir(self, folder: Folder, subdir: str, another: bool, found: Found) -> None:
        rest = listing.names(folder.path / subdir)
        if rest is None:  # it cannot be read now: what is known of it stays
            found.states[folder.number, subdir] = State()
            return
        prefix = subdir.encode() + b"/"
        root = os.fsencode(folder.path) + b"/" + prefix
        closely = another or len(rest) <= SMALL

        def sift(db: sqlite3.Connection) -> None:
            cursor = db.execute(_KNOWN, (folder.number, *_range(subdir)))
            while batch := cursor.fetchmany(_BATCH):
                rows = {name: row for row, name in batch}
                # Names are compared as sets, not one by one: a hundred thousand in a tenth of a second.
                for name in rows.keys() - rest:
                    if not os.path.lexists(root + name):
                        found.gone.append(_known(db, rows[name]))
                if closely:
                    known = (_known(db, rows[name]) for name in rows.keys() & rest)
                    found.replaced.extend(
                        one for one in known if one.faulty or not _same_file(root + one.file[4:], one)
                    )
                rest.difference_update(rows)

        self.read(sift)
        while rest:  # emptied as it goes: at a first build these names are most of what is in memory
            name = rest.pop()
            found.fresh.append(_fresh(listing.arrival(name), Place(folder.number, prefix + name)))

    def compare_tags(self, folder: Folder, found: Found) -> None:
        """The names of the folder's tags changed: what the flags of its letters mean did, too."""

        def sift(db: sqlite3.Connection) -> None:
            cursor = db.execute("SELECT row, file, tags FROM letters WHERE folder = ?", (folder.number,))
            while batch := cursor.fetchmany(_BATCH):
                for row, file, tags in batch:
                    meant = listing.meaning(file, folder.keywords)
                    if meant.tags != tags:
                        found.renamed.append(write.Renamed(row, Place(folder.number, file), *meant))

        self.read(sift)

    def pair(self, found: Found) -> None:
        """Find new files that are letters known under another name: flags changed, or moved."""
        lost: defaultdict[bytes, list[Known]] = defaultdict(list)
        for known in found.gone:
            lost[split_key(known.file[4:])].append(known)
        if len(found.fresh) <= SEARCHED:
            for known in self.read(lambda db: list(self.namesakes(db, map(_place, found.fresh)))):
                if known not in lost[split_key(known.file[4:])]:
                    lost[split_key(known.file[4:])].append(known)
        if not lost:
            return
        kept: list[bytes] = []
        paired: set[int] = set()
        for fresh in found.fresh:
            place = _place(fresh)
            candidates = [
                known for known in lost.get(split_key(place.file[4:]), ()) if known.row not in paired
            ]
            candidates.sort(key=lambda known: known.folder != place.folder)  # its own folder first
            same = next((known for known in candidates if self.is_same(known, place)), None)
            if same is None:
                kept.append(fresh)
                continue
            paired.add(same.row)
            found.moved += same.folder != place.folder
            meant = listing.meaning(place.file, self.folders[place.folder].keywords)
            found.renamed.append(write.Renamed(same.row, place, *meant))
        found.fresh = kept
        found.gone = [known for known in found.gone if known.row not in paired]

    def namesakes(self, db: sqlite3.Connection, fresh: Iterable[Place]) -> Iterable[Known]:
        """Known letters with the key of a new file whose own file is missing, wherever they were."""
        for place in fresh:
            for known in _with_key(db, split_key(place.file[4:]), self.folders):
                if not os.path.lexists(self.path_of(known.folder, known.file)):
                    yield known

    def is_same(self, known: Known, fresh: Place) -> bool:
        """Whether the new file is the known letter. In another folder the key alone does not prove it."""
        path = self.path_of(fresh.folder, fresh.file)
        if known.folder == fresh.folder:
            return os.path.lexists(path)
        return _same_file(path, known)

    def still_moving(self, found: Found) -> bool:
        """Whether any folder changed since it was looked at."""
        for folder in self.folders.values():
            for subdir in _SUBDIRS:
                seen = found.states.get((folder.number, subdir), folder.states[subdir])
                if listing.look(folder.path / subdir, self.now())[:2] != seen[:2]:
                    return True
        return False

    def path_of(self, folder: int, file: bytes) -> bytes:
        return os.fsencode(self.folders[folder].path) + b"/" + file

    # ---- writing ----------------------------------------------------------------------------------

    def apply(self, found: Found) -> Changes:
        """Bring what was found into the index: first what is known, then new letters in blocks."""
        fresh = sorted(found.fresh, reverse=True)
        fresh += [_fresh(0, Place(known.folder, known.file)) for known in found.replaced]
        touched = {change.place.folder for change in found.renamed}
        touched.update(known.folder for known in (*found.gone, *found.replaced))
        added = removed = 0

        def first(db: sqlite3.Connection) -> int:
            left = Unsettled()
            write.rename(db, found.renamed, left)
            count = write.remove(db, [known.row for known in (*found.gone, *found.replaced)], left)
            settle(db, left)
            return count

        if found.renamed or found.gone or found.replaced:
            removed = self.write(first)
        size, done = FIRST_BLOCK, 0
        while done < len(fresh):
            digests, read = self.digests([_place(one) for one in fresh[done : done + size]])
            done += read
            size = BLOCK
            if digests:
                added += self.write(partial(_add, digests=digests))
                touched.update(digest.place.folder for digest in digests)
            if self.progress is not None:
                self.progress(done, len(fresh))
        self.finish(found.states)
        again = len(found.replaced)
        return Changes(
            added=max(0, added - again),
            removed=removed - again,
            moved=found.moved,
            flagged=len(found.renamed) - found.moved + again,
            folders=frozenset(
                (self.folders[number].account, self.folders[number].name) for number in touched
            ),
        )

    def finish(self, states: Mapping[tuple[int, str], State]) -> None:
        """Remember that everything listed is in; forget folders that are no more."""
        news = {
            (number, part): state
            for (number, part), state in states.items()
            if str(state) != str(self.folders[number].states[part])
        }
        gone = [folder.number for folder in self.folders.values() if not os.path.exists(folder.path)]  # noqa: PTH110  (never raises)
        if gone:
            self.write(lambda db: folders.forget(db, gone))
        if news:
            self.write(lambda db: folders.remember(db, news), visible=False)

    def digests(self, fresh: Sequence[Place]) -> tuple[list[Digest], int]:
        """Read files until there is enough for a block, but none that another scan has put in meanwhile.

        Also returns how many of them were dealt with.
        """

        def unknown(db: sqlite3.Connection) -> set[Place]:
            asked = "SELECT 1 FROM letters WHERE folder = ? AND file = ?"
            return {place for place in fresh if db.execute(asked, place).fetchone() is None}

        wanted = self.read(unknown)
        read: list[Digest] = []
        weight = 0
        for number, place in enumerate(fresh, 1):
            if place not in wanted:
                continue
            folder = self.folders[place.folder]
            digest = read_place(folder.path, place, folder.account, folder.keywords)
            if digest is not None:
                read.append(digest)
                weight += len(digest.body)
            if weight > BLOCK_TEXT:
                return read, number
            if self.gently:
                time.sleep(BREATH)
        return read, len(fresh)


# ---- statements -----------------------------------------------------------------------------------

_KNOWN: Final = (  # answered by the index of file names alone
    "SELECT row, substr(file, 5) FROM letters WHERE folder = ? AND file >= ? AND file < ?"
)


def _known(db: sqlite3.Connection, row: int) -> Known:
    asked = "SELECT row, folder, file, size, mtime, faulty FROM letters WHERE row = ?"
    return Known._make(db.execute(asked, (row,)).fetchone())


def _with_key(db: sqlite3.Connection, key: bytes, folders: Iterable[int]) -> Iterable[Known]:
    for folder in folders:
        for subdir in (b"new/", b"cur/"):
            name = subdir + key
            yield from map(
                Known._make,
                db.execute(
                    "SELECT row, folder, file, size, mtime, faulty FROM letters"
                    " WHERE folder = ? AND (file = ? OR (file >= ? AND file < ?))",
                    (folder, name, name + b":", name + b";"),
                ),
            )


def _add(db: sqlite3.Connection, digests: list[Digest]) -> int:
    left = Unsettled()
    rows = write.add(db, digests, left)
    settle(db, left)
    return len(rows)


def _range(subdir: str) -> tuple[bytes, bytes]:
    return subdir.encode() + b"/", subdir.encode() + b"0"


def _same_file(path: bytes, known: Known) -> bool:
    try:
        facts = os.stat(path)  # noqa: PTH116  (bytes)
    except OSError:
        return False
    return facts.st_size == known.size and facts.st_mtime_ns == known.mtime
