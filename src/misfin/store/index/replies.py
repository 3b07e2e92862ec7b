"""Which message of a conversation answers which: the tree of replies, from what the index knows."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from misfin.store.index import read
from misfin.store.index.threads import unpack
from misfin.store.rows import MessageRow

_ASKED = "SELECT row, own_token, tokens, parent FROM messages WHERE thread = ? ORDER BY date, tiebreak, row"


def tree(db: sqlite3.Connection, thread: int) -> list[tuple[MessageRow, int]]:
    """The messages of a conversation with their depth, each before its replies, those of one message by date.

    A message answers the last one it names that is here, else the one it was joined to by its subject. Time
    and memory are linear in the number of messages; loops are cut where they begin.
    """
    found = db.execute(_ASKED, (thread,)).fetchall()
    by_token = {token: row for row, token, _, _ in reversed(found)}  # of several copies, the first
    known = {row for row, *_ in found}
    children: defaultdict[int | None, list[int]] = defaultdict(list)
    for row, _, tokens, joined in found:
        named = (by_token[token] for token in reversed(unpack(tokens)[1:]) if token in by_token)
        parent = next((each for each in named if each != row), joined if joined in known else None)
        children[parent].append(row)
    placed: dict[int, int] = {}
    rest = iter([row for row, *_ in found])
    waiting = [(row, 0) for row in reversed(children[None])]
    while len(placed) < len(found):
        while waiting:
            row, depth = waiting.pop()
            if row not in placed:
                placed[row] = depth
                waiting.extend((child, depth + 1) for child in reversed(children[row]))
        if len(placed) < len(found):  # messages that answer each other in a circle
            waiting.append((next(row for row in rest if row not in placed), 0))
    return [(row, placed[row.row]) for row in read.messages(db, list(placed))]
