"""Bringing the index in line with the Maildirs: what came, went, moved or changed its flags.

Only files whose key is new are opened, the newest first, so that the first screen is right long before the
last message is in.

What a walk over the folders said may be old by the time it is written down: another program, or this one,
may have renamed the file once more. So the last look is taken inside the writing transaction: no message is
taken out whose file is there, none is given a name that is not there, and a file is a new message only when
it is not one the index knows by another name. A message that moves keeps its row at every moment.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from misfin.store.index import diff, folders, listing, write
from misfin.store.index.database import IndexFile, LostError
from misfin.store.index.diff import Differences, Known
from misfin.store.index.digest import Digest, read_place
from misfin.store.index.file_place import FilePlace
from misfin.store.index.folders import Folder
from misfin.store.index.links import Unsettled, settle
from misfin.store.index.listing import FileState
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import Changes

ScanProgress = Callable[[int, int], None]
"""Told how many messages of how many to be read are in: first, last, and now and then."""

TELL: Final = 1.0
"""Seconds between two tellings: each is a screen drawn again, which takes time and memory from the
reading."""

FIRST_BLOCK: Final = 200
BLOCK: Final = 1000
"""Messages put in with one transaction: few at first, for the first screen; never so many that others
wait."""

BLOCK_TEXT: Final = 500_000
"""Characters of their texts: what is in memory at once."""

BREATH: Final = 0.0001
"""Seconds to rest after each message read beside another thread: one that draws a screen, say, gets the
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
    """One look at all the mail, bringing the index in line."""

    def __init__(
        self,
        database: IndexFile,
        store: MailStore,
        now: Callable[[], float],
        progress: ScanProgress | None,
        filed: Callable[[], int | None] = int,
        address_of: Callable[[str], str] = str,
    ) -> None:
        """``filed`` gives a number that grows with every action of this program, None while one runs.

        ``address_of`` gives the address whose mail an account's directory holds.
        """
        self.address_of = address_of
        self.database = database
        self.filed = filed
        self.store = store
        self.now = now
        self.progress = progress
        self.serial = database.serial
        self.folders: dict[int, Folder] = {}
        self.unreadable: list[Path] = []
        """Accounts that cannot be looked into."""
        self.again: dict[FilePlace, Known] = {}
        """Messages to be read again, by where they are."""
        self.empty = False
        """Whether the index had no message yet, so that no file can be one it knows."""
        self.gently = threading.current_thread() is not threading.main_thread()

    def run(self) -> Changes:
        """Raises :class:`LostError` when the index was replaced meanwhile, and :class:`StoreError`."""
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
        """Walk over the folders until what seems gone is gone for certain, or has to wait for next time."""
        missed: set[Known] | None = None
        for _ in range(_WALKS):
            filed = self.filed()
            self.learn_folders()  # each time: a message may have gone into one that was just made
            walk = diff.Walk(self.folders, self.read, self.now)
            found = walk.compare()
            gone = set(found.gone)
            if not gone:
                break
            if filed is None or filed != self.filed():
                found.spare(gone)  # we ourselves are moving messages: no walk could be sure
                break
            if (missed is not None and gone <= missed) or walk.certain():
                break
            doubtful = gone if missed is None else gone - missed
            missed = gone
        else:
            found.spare(doubtful)
        return found

    def learn_folders(self) -> None:
        """Let the index know the folders there are; one that is gone stays until its messages are out."""
        present, self.unreadable = listing.mail_folders(self.store)
        known = {(folder.account, folder.name): folder.path for folder in self.read(folders.load)}
        if any(known.get(place) != path for place, path in present.items()):
            self.write(lambda db: folders.learn(db, present))
        self.folders = {folder.number: folder for folder in self.read(folders.load)}

    # ---- writing ----------------------------------------------------------------------------------

    def apply(self, found: Differences) -> Changes:
        """Bring what was found into the index: first what is known, then new messages in blocks."""
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
        size, told = FIRST_BLOCK, -math.inf
        while places := waiting.take(size):
            digests, read = self.digests(places)
            waiting.back(places[read:])
            size = BLOCK
            if digests or self.again:
                total.take(self.write(partial(self.put_in, places=places[:read], digests=digests)))
                touched.update(digest.place.folder for digest in digests)
            if self.progress is not None and (not waiting.left or time.monotonic() - told >= TELL):
                told = time.monotonic()
                self.progress(waiting.total - waiting.left, waiting.total)
        self.finish(found.states)
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
        """Rename what is there under its new name, and take out what still is not where it was."""
        left = Unsettled()
        there = [change for change in found.renamed if self.is_there(change.place)]
        write.rename(db, there, left)
        gone, fled = [], []
        for known in found.gone:
            if write.place_of(db, known.row) == known.place and not self.is_there(known.place):
                change = diff.fled(db, self.folders, known)
                if change is None:
                    gone.append(known.row)
                else:
                    fled.append(change)
        write.rename(db, fled, left)
        removed = write.remove(db, gone, left)
        settle(db, left)
        return Tally(removed=removed, moved=len(fled), flagged=len(found.renamed))

    def put_in(self, db: sqlite3.Connection, places: Sequence[FilePlace], digests: Sequence[Digest]) -> Tally:
        """Put messages in that were read from these places, unless the index knows them by another name."""
        left = Unsettled()
        by_place = {digest.place: digest for digest in digests}
        again = self.again.keys() & set(places) if self.again else set()
        gone = []
        for place in again:
            known, digest = self.again[place], by_place.get(place)
            if digest is not None and digest.faulty and known.faulty:
                del by_place[place]  # it still cannot be read
            elif self.is_there(place) and write.place_of(db, known.row) == place:
                gone.append(known.row)
        removed = write.remove(db, gone, left)
        renamed: dict[int, write.Renamed] = {}
        for digest in digests:
            if not self.is_there(digest.place):  # read, and renamed since
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

    def digests(self, fresh: Sequence[FilePlace]) -> tuple[list[Digest], int]:
        """Read files until there is enough for a block, but none that another scan has put in meanwhile.

        Also returns how many of them were dealt with.
        """

        def unknown(db: sqlite3.Connection) -> set[FilePlace]:
            asked = "SELECT 1 FROM messages WHERE folder = ? AND file = ?"
            return {
                place for place in fresh if place in self.again or db.execute(asked, place).fetchone() is None
            }

        wanted = self.read(unknown)
        read: list[Digest] = []
        weight = 0
        for number, place in enumerate(fresh, 1):
            if place not in wanted:
                continue
            folder = self.folders[place.folder]
            digest = read_place(folder.path, place, self.address_of(folder.account), folder.keywords)
            if digest is not None:
                read.append(digest)
                weight += len(digest.body)
            if weight > BLOCK_TEXT:
                return read, number
            if self.gently:
                time.sleep(BREATH)
        return read, len(fresh)


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM messages LIMIT 1").fetchone() is None
