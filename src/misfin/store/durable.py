"""Many new files on disk at once: the part of storing letters that takes time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.store.files import empty_drive_cache, sync_folder

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

NewFile = tuple[Path | str, bytes, float | None]
"""Where, what, and which time the file shall bear (Unix seconds; None: now)."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_OPEN_AT_ONCE = 64
"""Files open at the same time; systems allow a process a few hundred."""
_PARALLEL_FROM = 4
"""From so many files on, waiting for the disk in parallel is worth handing them to other threads."""


def write_new(files: Iterable[NewFile]) -> None:
    """Write files that must not exist yet, mode 0600; their content is on disk when this returns.

    Their names are not: that takes a :func:`~misfin.store.files.sync_folder` by the caller. Raises
    :class:`OSError` as the system does, and may then leave some of the files.
    """
    rest = iter(files)
    while batch := list(islice(rest, _OPEN_AT_ONCE)):
        handles: list[int] = []
        try:
            for path, data, time in batch:
                handles.append(os.open(path, _FLAGS, 0o600))
                _write(handles[-1], data, time)
            if len(handles) > 1:
                for handle in handles:
                    _begin_sync(handle)
            if len(handles) < _PARALLEL_FROM:
                for handle in handles:
                    os.fsync(handle)
            else:
                list(_syncers().map(os.fsync, handles))
            empty_drive_cache(handles[-1])  # once for all of them
        finally:
            for handle in handles:
                os.close(handle)


def rename_across(source: Path, target: Path, draft: Path) -> None:
    """Rename; between file systems copy durably by way of ``draft``, and only then remove ``source``."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_new([(draft, source.read_bytes(), source.stat().st_mtime)])
        draft.rename(target)
        sync_folder(target.parent)
        source.unlink()


def _write(handle: int, data: bytes, time: float | None) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    if time is not None:
        with suppress(OSError, OverflowError, ValueError):  # a year no file system can hold
            os.utime(handle, (time, time))


def _begin_sync(handle: int) -> None:
    """Have the system begin to write a file, without waiting for it: a hint, and no promise.

    When all files of a batch have found their place before the first fsync, that one writes the file system's
    journal for all of them; else each has a journal write of its own to wait for. Linux begins to write what
    it is told nobody will read soon.
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


@lru_cache(maxsize=1)
def _syncers() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # late: a reader of mail never needs it

    return ThreadPoolExecutor(4, "fsync")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_syncers.cache_clear)
