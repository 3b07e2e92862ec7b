"""Conversations that are muted: those with a message that has the tag ``muted``.

A tag is a flag of the file, so muting needs nothing of its own to be kept: it survives a rebuilt index, other
programs see it, and it reaches a server that keeps keywords.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from misfin.model.folders import INBOX
from misfin.store.index.file_place import message_id

MUTED: Final = "muted"

_TAGGED: Final = "tags <> '' AND tags LIKE '% muted %'"
_NEW: Final = (
    f"SELECT l.file FROM (SELECT DISTINCT thread FROM messages WHERE {_TAGGED}) t"  # noqa: S608 - constants
    " CROSS JOIN messages l ON l.thread = t.thread JOIN folders f ON f.folder = l.folder"
    f" WHERE f.name = ? AND NOT (l.{_TAGGED.replace(' tags LIKE', ' l.tags LIKE')})"
)
_SOME: Final = (
    "SELECT thread FROM json_each(?) asked JOIN messages ON thread = asked.value"  # noqa: S608 - a constant
    f" WHERE {_TAGGED} GROUP BY thread"
)


def new_messages(db: sqlite3.Connection) -> list[str]:
    """Ids of messages that came into an inbox since their conversation was muted."""
    return [message_id(file) for (file,) in db.execute(_NEW, (INBOX,))]


def muted_of(db: sqlite3.Connection, threads: Sequence[int]) -> set[int]:
    """Those of some conversations that are muted."""
    return {thread for (thread,) in db.execute(_SOME, (json.dumps(list(threads)),))}
