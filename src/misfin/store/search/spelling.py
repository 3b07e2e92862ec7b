"""How the words in the index go on: what a word of which only the beginning is known can be spelled as.

FTS5 answers an open word from lists it keeps for beginnings of two and of three characters. For any other
it reads all the letters of every word that begins so, and puts them in order before it names the first:
half a second for the one letter "a" in a hundred thousand letters. So such a beginning is spelled out into
beginnings it has lists for, or into the words themselves where they are few; those are walked newest first,
as far as somebody looks.
"""

from __future__ import annotations

import sqlite3
from typing import Final

KEPT: Final = (2, 3)
"""Lengths of the beginnings the table ``words`` keeps lists for."""

MANY: Final = 64
"""Words a long beginning is spelled out into at most; so many that begin alike are rare ones."""

_NEXT: Final = "SELECT term FROM temp.spelled WHERE term >= ? LIMIT 1"
_LAST: Final = chr(0x10FFFF)


def beginnings(db: sqlite3.Connection, begun: str) -> list[tuple[str, bool]]:
    """Words as spelled in the index, each with whether it is open, that together mean ``begun`` and any end.

    ``begun`` is in the spelling of the index. Empty where FTS5 does best by itself.
    """
    if len(begun) in KEPT:
        return []
    _open(db)
    found: list[tuple[str, bool]] = []
    word = _following(db, begun)
    while word is not None and word.startswith(begun):
        if len(found) >= MANY and len(begun) > 1:
            return []
        if len(begun) == 1 and len(word) > 1:
            head = word[: KEPT[0]]
            found.append((head, True))
            word = _following(db, head + _LAST)
        else:
            found.append((word, False))
            word = _following(db, word + "\0")
    return found


def _following(db: sqlite3.Connection, text: str) -> str | None:
    """The first word at or after a text, in the order of their characters."""
    found = db.execute(_NEXT, (text,)).fetchone()
    return str(found[0]) if found else None


def _open(db: sqlite3.Connection) -> None:
    """The table of all words, as a view of this connection alone."""
    if db.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'spelled'").fetchone() is None:
        only = db.execute("PRAGMA query_only").fetchone()[0]
        db.execute("PRAGMA query_only=0")
        db.execute("CREATE VIRTUAL TABLE temp.spelled USING fts5vocab(main, words, instance)")
        db.execute(f"PRAGMA query_only={only}")
