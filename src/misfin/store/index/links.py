"""Maintains conversations in the index: which thread a message joins, and when threads merge or split.

The rules are in :mod:`misfin.store.index.threads`; here they are applied to the messages a change affects.
Every function works inside the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import NamedTuple

from misfin.store.index.threads import LOOK_BACK, REACH, Candidate, Groups, choose_parent, unpack
from misfin.valueclass import dataclass


class Position(NamedTuple):
    """The position of a message among those with its subject; positions compare in order of time."""

    subject_key: int
    date: float
    unlinked: bool
    own_token: int


@dataclass(slots=True)
class Unsettled:
    """What has to be checked again after a change, before the transaction ends."""

    positions: list[Position] = field(default_factory=list)
    """Positions of messages added or removed."""
    lost: set[int] = field(default_factory=set)
    """Tokens of removed messages, whose threads may have to be split."""


def join(db: sqlite3.Connection, messages: Sequence[tuple[int, ...]]) -> list[int]:
    """The thread of each new message, given its tokens; merges the threads they connect."""
    known = threads_of(db, {token for tokens in messages for token in tokens})
    groups: Groups[int] = Groups()  # items: n is the nth new message, -t the existing thread t
    seen: dict[int, int] = {}
    for number, tokens in enumerate(messages):
        groups.find(number)
        for token in tokens:
            if token in known:
                groups.join(number, -known[token])
            groups.join(number, seen.setdefault(token, number))
    existing: defaultdict[int, set[int]] = defaultdict(set)
    for thread in set(known.values()):
        existing[groups.find(-thread)].add(thread)
    last = before = _last_thread(db)
    chosen: dict[int, int] = {}
    for number in range(len(messages)):
        group = groups.find(number)
        if group not in chosen:
            if group in existing:
                chosen[group] = merge(db, existing[group])
            else:
                last += 1
                chosen[group] = last
    if last != before:
        _set_last_thread(db, last)
    db.executemany(
        "INSERT OR IGNORE INTO tokens VALUES (?, ?)",
        ((token, chosen[groups.find(number)]) for token, number in seen.items() if token not in known),
    )
    return [chosen[groups.find(number)] for number in range(len(messages))]


def merge(db: sqlite3.Connection, threads: Iterable[int]) -> int:
    """Merge several threads into the largest of them; returns it."""
    pool = sorted(set(threads))
    if len(pool) == 1:
        return pool[0]
    sizes = dict(
        db.execute(
            "SELECT thread, messages FROM threads WHERE thread IN (SELECT value FROM json_each(?))",
            (json.dumps(pool),),
        )
    )
    keep = max(pool, key=lambda thread: (sizes.get(thread, 0), -thread))
    for thread in pool:
        if thread != keep:
            packed = db.execute("SELECT tokens FROM messages WHERE thread = ?", (thread,))
            tokens = {token for (data,) in packed for token in unpack(data)}
            db.execute("UPDATE messages SET thread = ? WHERE thread = ?", (keep, thread))
            _point(db, tokens, keep)
    return keep


def settle(db: sqlite3.Connection, left: Unsettled) -> None:
    """Update unlinked replies and split threads after messages were added or removed."""
    reconsidered = list(_reconsidered(db, left.positions))
    db.executemany(
        "UPDATE messages SET parent = ? WHERE row = ?", ((new, row) for row, _, new in reconsidered)
    )
    for row, _, new in reconsidered:
        if new is not None:
            merge(db, _threads_at(db, [row, new]))
    doubtful = _threads_at(db, [row for row, old, _ in reconsidered if old is not None])
    lost = threads_of(db, left.lost)
    for thread in doubtful | set(lost.values()):
        split(db, thread, {token for token, where in lost.items() if where == thread})


def _reconsidered(
    db: sqlite3.Connection, positions: Iterable[Position]
) -> Iterator[tuple[int, int | None, int | None]]:
    """Unlinked replies near ``positions`` whose parent changes: (row, old parent, new parent)."""
    by_subject: defaultdict[int, list[Position]] = defaultdict(list)
    for position in positions:
        by_subject[position.subject_key].append(position)
    subjects = db.execute(
        "SELECT DISTINCT subject_key FROM messages"
        " WHERE unlinked AND subject_key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(by_subject)),),
    )
    concerned: dict[int, tuple[int, float, int, bytes, int | None]] = {}
    for (subject,) in subjects.fetchall():
        for at in by_subject[subject]:
            # The message itself, and those after it that may have it among their LOOK_BACK earlier ones.
            found = db.execute(
                "SELECT row, subject_key, date, own_token, people, parent FROM messages"
                " WHERE unlinked AND subject_key = ? AND date BETWEEN ? AND ?"
                " AND (date > ? OR ? <= own_token OR NOT ?) ORDER BY date, own_token LIMIT ?",
                (subject, at.date, at.date + REACH, at.date, at.own_token, at.unlinked, LOOK_BACK + 1),
            )
            concerned.update((row, tuple(rest)) for row, *rest in found)
    for row, (subject, date, own_token, people, old) in concerned.items():
        earlier = db.execute(
            "SELECT row, people FROM messages WHERE subject_key = ?"
            " AND (date, unlinked, own_token) < (?, 1, ?) AND date >= ?"
            " ORDER BY date DESC, unlinked DESC, own_token DESC LIMIT ?",
            (subject, date, own_token, date - REACH, LOOK_BACK),
        )
        new = choose_parent(
            frozenset(unpack(people)), (Candidate(other, frozenset(unpack(who))) for other, who in earlier)
        )
        if new != old:
            yield row, old, new


def split(db: sqlite3.Connection, thread: int, lost: set[int]) -> None:
    """Split a thread into the parts that are still connected; drop tokens that no message has any more."""
    groups: Groups[tuple[str, int]] = Groups()
    carried: dict[int, int] = {}
    members: list[int] = []
    for row, packed, parent in db.execute(
        "SELECT row, tokens, parent FROM messages WHERE thread = ?", (thread,)
    ):
        members.append(row)
        if parent is not None:
            groups.join(("row", row), ("row", parent))
        for token in unpack(packed):
            carried[token] = row
            groups.join(("row", row), ("token", token))
    dead = lost - carried.keys()
    db.executemany("DELETE FROM tokens WHERE token = ?", ((token,) for token in dead))
    parts: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for row in members:
        parts[groups.find(("row", row))].append(row)
    if len(parts) < 2:
        return
    last = _last_thread(db)
    for group, rows in sorted(parts.items(), key=lambda item: -len(item[1]))[1:]:
        last += 1
        db.executemany("UPDATE messages SET thread = ? WHERE row = ?", ((last, row) for row in rows))
        _point(db, [token for token, row in carried.items() if groups.find(("row", row)) == group], last)
    _set_last_thread(db, last)


def _threads_at(db: sqlite3.Connection, rows: Sequence[int]) -> set[int]:
    asked = "SELECT thread FROM messages WHERE row IN (SELECT value FROM json_each(?))"
    return {thread for (thread,) in db.execute(asked, (json.dumps(rows),))}


def threads_of(db: sqlite3.Connection, tokens: Iterable[int]) -> dict[int, int]:
    asked = "SELECT token, thread FROM tokens WHERE token IN (SELECT value FROM json_each(?))"
    return dict(db.execute(asked, (json.dumps(list(tokens)),)))


def _point(db: sqlite3.Connection, tokens: Iterable[int], thread: int) -> None:
    db.executemany("UPDATE tokens SET thread = ? WHERE token = ?", ((thread, token) for token in tokens))


def _last_thread(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM facts WHERE name = 'last_thread'").fetchone()[0])


def _set_last_thread(db: sqlite3.Connection, last: int) -> None:
    db.execute("UPDATE facts SET value = ? WHERE name = 'last_thread'", (last,))
