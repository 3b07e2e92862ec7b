"""Expands prefixes of words to longer prefixes or words of the index.

FTS5 answers a prefix from lists it keeps for prefixes of two and three characters. For any other it reads the
matches of every word with that prefix and sorts them before it returns the first: half a second for the
letter "a" in a hundred thousand messages. So such a prefix is expanded to prefixes it has lists for, or to
the words themselves if they are few; those are walked newest first, only as far as needed.
"""

from __future__ import annotations

import sqlite3
from typing import Final

KEPT: Final = (2, 3)
"""The prefix lengths for which the table ``words`` keeps lists."""

MANY: Final = 64
"""The most words to which a long prefix is expanded; with more, the words are rare ones anyway."""

_NEXT: Final = "SELECT term FROM temp.spelled WHERE term >= ? LIMIT 1"
_LAST: Final = chr(0x10FFFF)


def expand_prefix(db: sqlite3.Connection, prefix: str) -> list[tuple[str, bool]]:
    """Words of the index, each with whether it is a prefix, that together cover the prefix ``prefix``.

    ``prefix`` is spelled as in the index. Empty if FTS5 handles the prefix best itself.
    """
    if len(prefix) in KEPT:
        return []
    _open(db)
    found: list[tuple[str, bool]] = []
    word = _following(db, prefix)
    while word is not None and word.startswith(prefix):
        if len(found) >= MANY and len(prefix) > 1:
            return []
        if len(prefix) == 1 and len(word) > 1:
            head = word[: KEPT[0]]
            found.append((head, True))
            word = _following(db, head + _LAST)
        else:
            found.append((word, False))
            word = _following(db, word + "\0")
    return found


def _following(db: sqlite3.Connection, text: str) -> str | None:
    """The first word of the index at or after a text, by code points."""
    found = db.execute(_NEXT, (text,)).fetchone()
    return str(found[0]) if found else None


def _open(db: sqlite3.Connection) -> None:
    """Create the table of all words, visible only to this connection."""
    if db.execute("SELECT 1 FROM temp.sqlite_master WHERE name = 'spelled'").fetchone() is None:
        only = db.execute("PRAGMA query_only").fetchone()[0]
        db.execute("PRAGMA query_only=0")
        db.execute("CREATE VIRTUAL TABLE temp.spelled USING fts5vocab(main, words, instance)")
        db.execute(f"PRAGMA query_only={only}")
