"""The file of the mail index, named after its schema version.

So two versions of the program can be open on one profile without replacing each other's index. This module
imports little, because the name is needed before the first frame.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

VERSION: Final = 12
"""The version of the tables (:mod:`misfin.store.index.schema`) and of what is read from a message.

Each version has its own file, so after a change of either the index is built again, newest first.
"""

UNUSED_AFTER: Final = 30 * 86400.0
"""Seconds after which the unused index of another version is removed."""

PARTS: Final = ("", "-wal", "-shm", "-journal")
"""The files of one SQLite database, as suffixes of its name."""


def index_file(cache: Path) -> Path:
    """The index file of this version in a profile's cache folder."""
    return cache / f"index-{VERSION}.db"


def remove_unused(cache: Path, now: float) -> list[Path]:
    """Remove indexes of other versions that have not been used for a long time; returns them.

    ``now`` is Unix seconds. A version that is or was recently open on the profile keeps its index. An index
    that is needed again is rebuilt from the mail. Never raises: this only saves disk space.
    """
    import os
    import re
    from contextlib import suppress

    ours, removed = index_file(cache), []
    with suppress(OSError):
        for path in sorted(cache.iterdir()):
            if path == ours or not re.fullmatch(r"index(-\d+)?\.db", path.name):
                continue
            used = 0.0
            for part in PARTS:
                with suppress(FileNotFoundError):
                    facts = os.stat(f"{path}{part}", follow_symlinks=False)  # noqa: PTH116 - a string, not a Path
                    used = max(used, facts.st_mtime, facts.st_atime)
            if used < now - UNUSED_AFTER:
                removed.append(path)
                for part in reversed(PARTS):  # the database last, so that a partly removed one is found again
                    path.with_name(f"{path.name}{part}").unlink(missing_ok=True)
    return removed
