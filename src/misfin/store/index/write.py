"""Changes the index: adds, removes and renames messages, inside the caller's transaction.

Nothing is remembered from one transaction to the next: another program may have written in between.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from misfin.store.index import links
from misfin.store.index.digest import Digest
from misfin.store.index.file_place import SEPARATOR, FilePlace
from misfin.store.index.threads import pack, unpack
from misfin.store.search.words import searchable

EARLIEST: Final = -(2**40)
LATEST: Final = 2**40
"""Dates are limited to these Unix seconds: beyond any calendar, and far from the limits of an integer."""

_STRIDE: Final = 512

_INSERT: Final = (
    "INSERT INTO messages (row, folder, file, thread, unread, starred, own, evidence, attachment, link,"
    " faulty, date, tiebreak, size, mtime, subject_key, unlinked, own_token, tokens, people, tags,"
    " sender, address, recipients, subject, snippet)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_WORDS: Final = (
    "INSERT INTO words (rowid, subject, sender, recipients, body, files, list) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class Renamed(NamedTuple):
    """A message whose file has another name or folder now, with the meaning of its new flags."""

    row: int
    place: FilePlace
    unread: bool
    starred: bool
    tags: str


def add(db: sqlite3.Connection, digests: Iterable[Digest], left: links.Unsettled) -> list[int]:
    """Add messages and return their rows; files already in the index are left out."""
    fresh = _unknown(db, digests)
    # In row order: otherwise FTS5 would write a separate segment for every message that goes back in time.
    fresh.sort(key=lambda digest: (digest.date, digest.own_token))
    rows = _free_rows(db, [digest.date for digest in fresh])
    threads = links.join(db, [digest.tokens for digest in fresh])
    db.executemany(_INSERT, map(_message_values, fresh, rows, threads))
    db.executemany(_INSERT_WORDS, map(_word_values, fresh, rows))
    left.positions.extend(
        links.Position(digest.subject_key, digest.date, digest.unlinked, digest.own_token)
        for digest in fresh
        if digest.subject_key is not None
    )
    return rows


def remove(db: sqlite3.Connection, rows: Iterable[int], left: links.Unsettled) -> int:
    """Remove messages; returns how many there were."""
    removed = 0
    for row in rows:
        facts = db.execute(
            "SELECT subject_key, date, unlinked, own_token, tokens FROM messages WHERE row = ?", (row,)
        ).fetchone()
        if facts is None:
            continue
        *position, tokens = facts
        db.execute("DELETE FROM messages WHERE row = ?", (row,))
        db.execute("INSERT OR IGNORE INTO removed_rows VALUES (?)", (row,))
        left.lost.update(unpack(tokens))
        if position[0] is not None:
            left.positions.append(links.Position(*position))
        removed += 1
    return removed


def rename(db: sqlite3.Connection, renamed: Sequence[Renamed], left: links.Unsettled) -> int:
    """Update file names, folders, flags and tags of messages; returns how many there were."""
    # Temporary names first: names may be exchanged within the batch, and must be unique at every moment.
    away = db.executemany(
        "UPDATE messages SET file = CAST('?' || row AS BLOB) WHERE row = ?",
        ((change.row,) for change in renamed),
    )
    for row, place, unread, starred, tags in renamed:
        _make_way(db, row, place, left)
        db.execute(
            "UPDATE messages SET folder = ?1, file = ?2, unread = ?3, starred = ?4, tags = ?5,"
            " own = address = (SELECT account FROM folders WHERE folder = ?1) WHERE row = ?6",
            (place.folder, place.file, unread, starred, tags, row),
        )
    return away.rowcount


def _make_way(db: sqlite3.Connection, row: int, place: FilePlace, left: links.Unsettled) -> None:
    """Remove a row that another program's scan created for the file before it knew which message it was."""
    asked = "SELECT row FROM messages WHERE folder = ? AND file = ? AND row <> ?"
    if twin := db.execute(asked, (*place, row)).fetchone():
        remove(db, twin, left)


def date_kept(date: float) -> float:
    return min(max(date, EARLIEST), LATEST)


def place_of(db: sqlite3.Connection, row: int) -> FilePlace | None:
    """The place of a message in the index; None if it has been removed."""
    found = db.execute("SELECT folder, file FROM messages WHERE row = ?", (row,)).fetchone()
    return FilePlace._make(found) if found else None


def _unknown(db: sqlite3.Connection, digests: Iterable[Digest]) -> list[Digest]:
    """Those whose file is not in the index: another program may have added some since they were listed."""
    fresh: dict[FilePlace, Digest] = {}
    for digest in digests:
        place = (digest.place.folder, digest.place.file)
        if db.execute("SELECT 1 FROM messages WHERE folder = ? AND file = ?", place).fetchone() is None:
            fresh[digest.place] = digest
    return list(fresh.values())


def _free_rows(db: sqlite3.Connection, dates: Sequence[float]) -> list[int]:
    """For ascending dates, the first free row from each one's second upwards."""
    rows: list[int] = []
    displaced = 0
    for date in dates:
        wanted = math.floor(date_kept(date))
        row = _free_row(db, max(wanted, rows[-1] + 1) if rows else wanted)
        rows.append(row)
        displaced = max(displaced, row - wanted)
    db.execute("UPDATE facts SET value = max(value, ?) WHERE name = 'displaced'", (displaced,))
    return rows


def _free_row(db: sqlite3.Connection, row: int) -> int:
    """The first number from ``row`` on that no message has or had."""
    while db.execute(_TAKEN, (row,)).fetchone():
        # A run of used rows is skipped many at a time: thousands of messages may share one second.
        for (used,) in db.execute(_TAKEN_FROM, (row, _STRIDE)).fetchall():
            if used != row:
                break
            row += 1
    return row


_TAKEN: Final = "SELECT 1 FROM messages WHERE row = ?1 UNION ALL SELECT 1 FROM removed_rows WHERE row = ?1"
_TAKEN_FROM: Final = (
    "SELECT row FROM messages WHERE row >= ?1 UNION ALL SELECT row FROM removed_rows WHERE row >= ?1"
    " ORDER BY 1 LIMIT ?2"
)


def _message_values(digest: Digest, row: int, thread: int) -> tuple[object, ...]:
    return (
        row,
        digest.place.folder,
        digest.place.file,
        thread,
        digest.unread,
        digest.starred,
        digest.own,
        digest.evidence,
        digest.attachment,
        digest.link,
        digest.faulty,
        date_kept(digest.date),
        digest.tiebreak,
        digest.size,
        digest.mtime,
        digest.subject_key,
        digest.unlinked,
        digest.own_token,
        pack(digest.tokens),
        digest.people,
        digest.tags,
        digest.sender,
        digest.address,
        digest.recipients,
        digest.subject,
        digest.snippet,
    )


def _word_values(digest: Digest, row: int) -> tuple[object, ...]:
    return (
        row,
        searchable(digest.subject),
        searchable(f"{digest.sender} {digest.address}"),
        searchable(digest.recipients.replace(SEPARATOR, " , ")),
        searchable(digest.body),
        searchable(digest.files),
        searchable(digest.list_id),
    )
