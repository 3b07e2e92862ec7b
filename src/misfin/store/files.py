"""Whole files replaced in one durable step, and folders only their owner can enter."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``: after a crash the file holds either all of the old or all of the new bytes.

    The file has mode 0600 from its first moment; missing folders are made with mode 0700.

    Raises:
        OSError: nothing was changed.
    """
    private_folder(path.parent)
    import tempfile  # late: reading needs none of it

    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            sync_file(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def private_folder(path: Path) -> Path:
    """Make a folder, and missing ones above it, that only its owner can enter; returns it."""
    if not path.is_dir():
        private_folder(path.parent)  # mkdir's own parents=True would let others into those
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def sync_file(handle: int) -> None:
    """Have what was written to an open file on the disk itself when this returns; raises :class:`OSError`."""
    if not empty_drive_cache(handle):
        os.fsync(handle)


def empty_drive_cache(handle: int) -> bool:
    """Have the drive write what it was given, of any file; False where the system offers nothing for it.

    On macOS fsync hands data to the drive, which may lose it with the power (fsync(2) there); F_FULLFSYNC
    is for the rest. File systems that do not know it, and all other systems, have fsync alone.
    """
    import fcntl  # late: reading needs none of it

    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        return False
    try:
        fcntl.fcntl(handle, full)
    except OSError:
        return False
    return True


def sync_folder(path: Path) -> None:
    """Make a rename inside ``path`` durable; a no-op where the system has no such thing."""
    try:
        folder = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except PermissionError:  # Windows cannot open folders
        return
    try:
        sync_file(folder)
    finally:
        os.close(folder)
