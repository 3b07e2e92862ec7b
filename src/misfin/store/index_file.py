"""The file of the mail index, named after the version of its tables.

So two versions of the program that are open on one profile leave each other's index alone.
Asking for the name imports nothing else: it is needed before the first frame.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

VERSION: Final = 7
"""Of the tables in :mod:`misfin.store.index.schema`; a file of another version is another file."""

UNUSED_AFTER: Final = 30 * 86400.0
"""Seconds after which the index of another version is removed: nobody goes back to that version any more."""

PARTS: Final = ("", "-wal", "-shm", "-journal")
"""What one SQLite database consists of: suffixes of its name."""


def index_file(cache: Path) -> Path:
    """The index of this version in a profile's cache folder."""
    return cache / f"index-{VERSION}.db"


def remove_unused(cache: Path, now: float) -> list[Path]:
    """Remove the indexes of other versions that no program has used for a long time; returns them.

    ``now`` is Unix seconds. A version that is open on the profile, or was not long ago, keeps its index. One
    that is missed after all is built again from the mail. Never raises: it is only about room on the disk.
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
                    facts = os.stat(f"{path}{part}", follow_symlinks=False)  # noqa: PTH116 - a text, not a path
                    used = max(used, facts.st_mtime, facts.st_atime)
            if used < now - UNUSED_AFTER:
                removed.append(path)
                for part in reversed(PARTS):  # the database last: what is left of one is found again
                    path.with_name(f"{path.name}{part}").unlink(missing_ok=True)
    return removed
