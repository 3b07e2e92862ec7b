"""Whether the index is up to date, from the times of folders alone: nothing that reads mail is loaded."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.store.index import folders, listing, schema
from misfin.store.mail.keywords import FILE
from misfin.store.mail.maildir import SUBDIRS, MailStore

_PARTS: Final = {**{subdir: subdir for subdir in SUBDIRS}, "keywords": FILE}
"""Each state of a folder, and the file it is the state of."""


def is_up_to_date(index: Path, mail_root: Path, now: float) -> bool:
    """Whether a scan would find nothing. ``now`` is the time (Unix seconds). Never raises: False in doubt."""
    try:
        if not index.exists():
            return False
        database = schema.connect(index)
        try:
            if not schema.usable(database):
                return False
            known = folders.load(database)
        finally:
            database.close()
        present, unreadable = listing.mail_folders(MailStore(mail_root))
    except (sqlite3.Error, OSError, StoreError):
        return False
    if unreadable or {(each.account, each.name): each.path for each in known} != present:
        return False
    return all(
        listing.look(each.path / file, now).same_as(each.states[part])
        for each in known
        for part, file in _PARTS.items()
    )
