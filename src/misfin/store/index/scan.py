"""Updates the index from the Maildirs: messages added, removed, moved or with other flags.

Only files with a new key are opened, newest first, so that the first screen is correct long before the last
message is indexed.

The result of a walk over the folders may be outdated when it is written: another program, or this one, may
have renamed the file again. So everything is checked once more inside the write transaction: no message is
removed whose file exists, none gets a name that does not exist, and a file is a new message only if it is not
known to the index under another name. A message that moves always keeps its row.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from misfin.store.index import diff, folders, listing, write
from misfin.store.index.database import IndexFile, LostError
from misfin.store.index.diff import Differences, Known
from misfin.store.index.digest import Digest, IsOwn, Owner, read_place
from misfin.store.index.file_place import FilePlace
from misfin.store.index.folders import Folder
from misfin.store.index.links import Unsettled, settle
from misfin.store.index.listing import FileState
from misfin.store.index.regrouping import Regrouping
from misfin.store.index.same_key import set_apart
from misfin.store.mail.maildir import MailStore
from misfin.store.proofs import Proofs
from misfin.store.rows import Changes
from misfin.valueclass import dataclass

ScanProgress = Callable[[int, int], None]
"""Called with the number of messages read so far and the total: first, last, and now and then."""

REPORT_EVERY: Final = 1.0
"""Seconds between two progress reports: each redraws the screen, which slows down the reading."""

FIRST_BLOCK: Final = 200
BLOCK: Final = 1000
"""Messages added per transaction: few at first, for the first screen; never so many that others wait."""

BLOCK_TEXT: Final = 500_000
"""Characters of text per transaction, which limits memory use."""

BREATH: Final = 0.0001
"""Seconds to sleep after each message if other threads run, so that one that draws the screen gets the
interpreter at once instead of some milliseconds later."""

_WALKS: Final = 4
_T = TypeVar("_T")


@dataclass(slots=True)
class Tally:
    """Numbers of messages, as in :class:`Changes`."""

    added: int = 0
    removed: int = 0
    moved: int = 0
    flagged: int = 0

    def take(self, other: Tally) -> None:
        self.added += other.added
        self.removed += other.removed
        self.moved += other.moved
        self.flagged += other.flagged


class Scan:
    """One scan of all mail, which updates the index."""

    def __init__(
        self,
        database: IndexFile,
        store: MailStore,
        now: Callable[[], float],
        progress: ScanProgress | None,
        filed: Callable[[], int | None] = int,
        address_of: Callable[[str], str] = str,
        is_own: IsOwn | None = None,
        proofs: Proofs | None = None,
        regrouping: Callable[[], Regrouping] | None = None,
    ) -> None:
        """``filed`` gives a number that grows with every filing action of this program, None while one runs.

        ``address_of`` gives the address of an account's directory; ``is_own`` knows its aliases,
        ``regrouping`` what a person has decided about conversations.
        """
        self.proofs = proofs
        self.address_of = address_of
        self.is_own = is_own
        self.decided = regrouping() if regrouping else None
        self.database = database
        self.filed = filed
        self.store = store
        self.now = now
        self.progress = progress
        self.serial = database.serial
        self.folders: dict[int, Folder] = {}
        self.unreadable: list[Path] = []
        """Accounts that cannot be read."""
        self.again: dict[FilePlace, Known] = {}
        """Messages to read again, by place."""
        self.apart: list[FilePlace] = []
        """Files renamed because another message has the same key, to be read."""
        self.faulty: set[tuple[int, str]] = set()
        """Folders and parts of them with files that could not be read; listed again by the next scan."""
        self.empty = False
        """Whether the index had no messages, so that no file can be a known message."""
        self.gently = threading.current_thread() is not threading.main_thread()

    def run(self) -> Changes:
        """Run the scan. Raises :class:`LostError` if the index was replaced, and :class:`StoreError`."""
        return self.apply(self.look())

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

    def look(self) -> Differences:
        """Walk over the folders until it is certain what is gone, or leave it to the next scan."""
        missed: set[Known] | None = None
        for _ in range(_WALKS):
            filed = self.filed()
            self.learn_folders()  # each time: a message may have moved to a folder that was just created
            walk = diff.Walk(self.folders, self.read, self.now)
            found = walk.compare()
            gone = set(found.gone)
            if not gone:
                break
            if filed is None or filed != self.filed():
                found.spare(gone)  # this program is moving messages, so no walk can be certain
                break
            if (missed is not None and gone <= missed) or walk.certain():
                break
            doubtful = gone if missed is None else gone - missed
            missed = gone
        else:
            found.spare(doubtful)
        return found

    def learn_folders(self) -> None:
        """Add the existing folders to the index; one that is gone stays until its messages are removed."""
        present, self.unreadable = listing.mail_folders(self.store)
        known = {(folder.account, folder.name): folder.path for folder in self.read(folders.load)}
        if any(known.get(place) != path for place, path in present.items()):
            self.write(lambda db: folders.learn(db, present))
        self.folders = {folder.number: folder for folder in self.read(folders.load)}

    # ---- writing ----------------------------------------------------------------------------------

    def apply(self, found: Differences) -> Changes:
        """Write the differences to the index: first known messages, then new ones in blocks."""
        self.again = {known.place: known for known in found.replaced}
        self.empty = self.read(_is_empty)
        waiting = found.fresh
        for place in self.again:
            waiting.add(0, place)
        touched = {change.place.folder for change in found.renamed}
        touched.update(known.folder for known in (*found.gone, *found.replaced))
        total = Tally(moved=found.moved)
        if found.renamed or found.gone:
            total.take(self.write(partial(self.settle_known, found=found)))
            total.flagged -= found.moved
        size, reported = FIRST_BLOCK, -math.inf
        while places := waiting.take(size):
            digests, read = self.digests(places)
            waiting.back([*self.apart, *places[read:]])
            self.apart.clear()
            size = BLOCK
            if digests or self.again:
                total.take(self.write(partial(self.put_in, places=places[:read], digests=digests)))
                touched.update(digest.place.folder for digest in digests)
            if self.progress is not None and (
                not waiting.left or time.monotonic() - reported >= REPORT_EVERY
            ):
                reported = time.monotonic()
                self.progress(waiting.total - waiting.left, waiting.total)
        self.finish(found.states | dict.fromkeys(self.faulty, FileState()))
        if waiting.total > BLOCK:
            self.write(lambda db: db.execute("PRAGMA shrink_memory"), visible=False)
        return Changes(
            added=total.added,
            removed=total.removed,
            moved=total.moved,
            flagged=total.flagged,
            folders=frozenset(
                (self.folders[number].account, self.folders[number].name) for number in touched
            ),
            unsure=found.unsure,
            unreadable=tuple(
                dict.fromkeys(
                    next((away for away in self.unreadable if away == path or away in path.parents), path)
                    for path in (*self.unreadable, *found.unreadable)
                )
            ),
        )

    def settle_known(self, db: sqlite3.Connection, found: Differences) -> Tally:
        """Rename known messages that exist under a new name, and remove those that are still missing."""
        left = Unsettled()
        there = [change for change in found.renamed if self.is_there(change.place)]
        write.rename(db, there, left)
        gone, moved = [], []
        for known in found.gone:
            if write.place_of(db, known.row) == known.place and not self.is_there(known.place):
                change = diff.moved_to(db, self.folders, known)
                if change is None:
                    gone.append(known.row)
                else:
                    moved.append(change)
        write.rename(db, moved, left)
        removed = write.remove(db, gone, left)
        settle(db, left)
        return Tally(removed=removed, moved=len(moved), flagged=len(found.renamed))

    def put_in(self, db: sqlite3.Connection, places: Sequence[FilePlace], digests: Sequence[Digest]) -> Tally:
        """Add messages read from these places, unless the index knows them under another name."""
        left = Unsettled()
        by_place = {digest.place: digest for digest in digests}
        again = self.again.keys() & set(places) if self.again else set()
        gone = []
        for place in again:
            known, digest = self.again[place], by_place.get(place)
            if digest is not None and digest.faulty and known.faulty:
                del by_place[place]  # it is still unreadable
            elif self.is_there(place) and write.place_of(db, known.row) == place:
                gone.append(known.row)
        removed = write.remove(db, gone, left)
        renamed: dict[int, write.Renamed] = {}
        for digest in digests:
            if not self.is_there(digest.place):  # renamed since it was read
                by_place.pop(digest.place, None)
            if self.empty or digest.place in again or digest.place not in by_place:
                continue
            row = diff.on_the_way(db, self.folders, digest)
            if row is not None and row not in renamed:
                meant = digest.unread, digest.starred, digest.tags
                renamed[row] = write.Renamed(row, by_place.pop(digest.place).place, *meant)
        write.rename(db, list(renamed.values()), left)
        added = len(write.add(db, by_place.values(), left))
        settle(db, left)
        changed = min(added, removed)
        return Tally(added - changed, removed - changed, len(renamed), changed)

    def is_there(self, place: FilePlace) -> bool:
        return os.path.lexists(self.folders[place.folder].path_of(place.file))

    def finish(self, states: Mapping[tuple[int, str], FileState]) -> None:
        """Record that everything listed is indexed; remove folders that no longer exist."""
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

    def digests(self, fresh: Sequence[FilePlace]) -> tuple[list[Digest], int]:
        """Read files until there is enough for a block, skipping those that another scan has added meanwhile.

        Also returns how many files were processed.
        """

        def unknown(db: sqlite3.Connection) -> set[FilePlace]:
            asked = "SELECT 1 FROM messages WHERE folder = ? AND file = ?"
            return {
                place
                for place in fresh
                if place in self.again
                or (db.execute(asked, place).fetchone() is None and not self.renamed(db, place))
            }

        wanted = self.read(unknown)
        read: list[Digest] = []
        weight = 0
        for number, place in enumerate(fresh, 1):
            if place not in wanted:
                continue
            folder = self.folders[place.folder]
            owner = Owner(folder.account, self.address_of(folder.account), self.is_own, self.proofs)
            digest = read_place(folder.path, place, owner, folder.keywords)
            if digest is not None:
                read.append(self.decided.digest(digest) if self.decided else digest)
                if digest.faulty:
                    self.faulty.add((place.folder, place.file[:3].decode()))
                weight += len(digest.body)
            if weight > BLOCK_TEXT:
                return read, number
            if self.gently:
                time.sleep(BREATH)
        return read, len(fresh)

    def renamed(self, db: sqlite3.Connection, place: FilePlace) -> bool:
        """Whether a file had the key of another message and now has one of its own; it is read later."""
        fresh = set_apart(db, self.folders[place.folder].path, place, empty=self.empty)
        if fresh is not None:
            self.apart.append(fresh)
        return fresh is not None and fresh.file[:4] == place.file[:4]


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM messages LIMIT 1").fetchone() is None
