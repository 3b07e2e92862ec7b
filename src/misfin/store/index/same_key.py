"""Gives a message a new key if another one in its folder has the same, because a program copied its name.

A key is what names a message: as long as two share it, what is meant for one happens to the other.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from misfin.store.index.file_place import FilePlace, split_key
from misfin.store.index.listing import arrival
from misfin.store.mail.filenames import unique_name

_KEYED: Final = "SELECT file FROM messages WHERE folder = ? AND (file = ? OR (file >= ? AND file < ?))"


def set_apart(db: sqlite3.Connection, folder: Path, place: FilePlace, *, empty: bool) -> FilePlace | None:
    """Rename a file that has the key of another message in its folder, or that message; its new place.

    ``empty`` says that the index has no messages yet, and so cannot tell.
    """
    root = os.fsencode(folder) + b"/"
    key = split_key(place.file[4:])
    if empty:
        twin = b"new/" + key
        apart = place.file.startswith(b"cur/") and _are_two(root + twin, root + place.file)
        return _renamed(root, FilePlace(place.folder, twin)) if apart else None
    for subdir in (b"new/", b"cur/"):
        name = subdir + key
        for (twin,) in db.execute(_KEYED, (place.folder, name, name + b"!", name + b"<")):
            if twin != place.file and split_key(twin[4:]) == key and _are_two(root + twin, root + place.file):
                return _renamed(root, place)
    return None


def _are_two(one: bytes, other: bytes) -> bool:
    """Whether both exist and are not one file, which a program may be about to rename."""
    with suppress(OSError):
        return not os.path.samefile(one, other)  # noqa: PTH121 - names as bytes, as in all of the index
    return False


def _renamed(root: bytes, place: FilePlace) -> FilePlace | None:
    subdir, name = place.file[:4], place.file[4:]
    with suppress(OSError):  # gone, or read-only: then both stay as they are
        arrived = arrival(name) or os.stat(root + place.file).st_mtime  # noqa: PTH116
        fresh = subdir + os.fsencode(unique_name(arrived)) + name[len(split_key(name)) :]
        os.rename(root + place.file, root + fresh)  # noqa: PTH104
        return FilePlace(place.folder, fresh)
    return None
