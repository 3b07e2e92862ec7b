"""A list in another order than by date: all its conversations are sorted once, and kept as two arrays.

Sixteen bytes per conversation; pages are then slices. Sender and subject are compared without regard to case
and accents, subjects without ``Re:``. Equal ones stay newest first.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from misfin.store.index.file_place import SEPARATOR
from misfin.store.index.threads import split_subject
from misfin.store.rows import Order, View
from misfin.store.search.folding import bare

_Facts = tuple[int, int, str, str, str, str, int, int]
"""Row, thread, sender, address, recipients, subject, size, and whether the user wrote it."""


Key = tuple[View, Order, int]
"""A view, its order, and the generation of the index it was sorted in."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """The conversations of a view: the row of each one's newest message there, and its thread."""

    key: Key
    newest: array[int]
    threads: array[int]

    def position(self, thread: int) -> int | None:
        """The place of a conversation, None if it is not there."""
        try:
            return self.threads.index(thread)
        except ValueError:
            return None


def sort(db: sqlite3.Connection, key: Key, box: int | None, matches: Callable[[], Sequence[int]]) -> Sorted:
    """Sort a view: the list of a folder (``box``), or the newest messages that a search found."""
    view, order, _ = key
    if box is None:
        found = db.execute(_ROWS, (json.dumps(list(matches())),))
    else:
        asked = _BOX.replace("/*unread*/", "AND c.unread > 0" if view.unread_only else "")
        found = db.execute(asked, (box,))
    rows = found.fetchall()
    if order is Order.OLDEST:
        rows.reverse()
    elif order is not Order.NEWEST:
        rows.sort(key=_KEYS[order])  # stable: newest first among equals
    return Sorted(key, array("q", [row[0] for row in rows]), array("q", [row[1] for row in rows]))


def _by_sender(facts: _Facts) -> str:
    _, _, sender, address, recipients, *_, own = facts
    name = recipients.partition(SEPARATOR)[0] if own else sender or address
    return bare(name).strip(" \"'")


def _by_subject(facts: _Facts) -> str:
    return bare(split_subject(facts[5])[0])


def _by_size(facts: _Facts) -> int:
    return -facts[6]


_KEYS: Final[dict[Order, Callable[[_Facts], str | int]]] = {
    Order.SENDER: _by_sender,
    Order.SUBJECT: _by_subject,
    Order.SIZE: _by_size,
}
_COLUMNS: Final = "SELECT l.row, l.thread, l.sender, l.address, l.recipients, l.subject, l.size, l.own FROM "
_BOX: Final = _COLUMNS + (
    "conversations c CROSS JOIN messages l ON l.row = c.newest WHERE c.box = ? /*unread*/"
    " ORDER BY c.date DESC, c.tiebreak DESC, c.newest DESC"
)
_ROWS: Final = _COLUMNS + "json_each(?) page JOIN messages l ON l.row = page.value ORDER BY page.key"
