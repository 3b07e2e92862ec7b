"""Private, durable files: only the owner can read them, and they are complete on disk when a call returns.

Everything that writes a file goes through here, so that permissions never depend on the umask.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

NewFile = tuple[Path | str, bytes, float | None]
"""Path, content and modification time (Unix seconds; None: now)."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_OPEN_AT_ONCE = 64
"""Files kept open at the same time; systems allow a process a few hundred."""
_PARALLEL_FROM = 4
"""From this many files on, syncing in parallel is worth the threads."""
_SYNCERS = 4
"""Threads that sync at the same time; a drive empties its cache once for all that ask meanwhile."""
_NO_FOLDER_SYNC = frozenset({errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP})
"""The errors of systems and file systems that cannot sync a folder."""


# ---- folders


def private_folder(path: Path) -> Path:
    """Create a folder that only its owner can enter, with any missing parents; returns it."""
    if not path.is_dir():
        private_folder(path.parent)  # mkdir's own parents=True would let others into the parents
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def sync_folder(path: Path | str) -> None:
    """Make a rename inside ``path`` durable; does nothing where the file system cannot do that."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        sync_file(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(folder)


def sync_file(handle: int) -> None:
    """Sync an open file to the disk itself. Raises :class:`OSError`."""
    if not empty_drive_cache(handle):
        os.fsync(handle)


def empty_drive_cache(handle: int) -> bool:
    """Flush the drive's own cache, for all files; False where the system has no call for it.

    On macOS fsync only hands data to the drive, which may lose it in a power cut (fsync(2) there);
    F_FULLFSYNC does the rest. File systems without it, and all other systems, have only fsync.
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


# ---- one file


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


@contextmanager
def new_private(path: Path, *, sync: bool = True, drafts: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write that appears at ``path``, mode 0600, once it is complete and on disk.

    An existing file is never overwritten, even one created in the meantime; a failure inside the block
    leaves no file. It is written in the same folder, or in the folder ``drafts`` on the same file system.
    ``sync=False`` leaves :func:`sync_folder` to the caller, once for many files.

    Raises:
        FileExistsError: the name is taken.
        OSError: the file cannot be written, or its folder is missing.
    """
    if os.path.lexists(path):  # fail before all the work; the name itself is claimed at the end
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    # Not named after the file: with anything added, the longest names would no longer fit.
    draft = (drafts or path.parent) / f".misfin-{os.urandom(8).hex()}.part"
    handle = os.open(draft, _NEW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            sync_file(file.fileno())
        _give_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    if sync:
        sync_folder(path.parent)


def create_private(path: Path, data: bytes, *, sync: bool = True, drafts: Path | None = None) -> None:
    """Write a new file in one go, as :func:`new_private` does."""
    with new_private(path, sync=sync, drafts=drafts) as file:
        file.write(data)


def _give_name(draft: Path, path: Path) -> None:
    """Rename a file, never over another one. Raises :class:`FileExistsError`, :class:`OSError`."""
    try:
        os.link(draft, path)  # unlike a rename, fails where the name is taken
        return
    except FileExistsError:
        raise
    except OSError:  # exFAT, FAT, some SMB and FUSE: no hard links, and each reports it differently
        pass
    # Claim the name with an empty file, which fails if it is taken, then rename over that file. A crash
    # between the two leaves the empty file, never part of the content.
    os.close(os.open(path, _NEW, 0o600))
    try:
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


# ---- many files


def write_new(files: Iterable[NewFile]) -> None:
    """Write files that must not exist yet, mode 0600; their content is on disk when this returns.

    Meant for a Maildir's ``tmp/``: a crash may leave some of them, or parts of them. Their names are not
    durable until the caller runs :func:`sync_folder`. Raises :class:`OSError` as the system does, and may
    then leave some of the files.
    """
    rest = iter(files)
    while batch := list(islice(rest, _OPEN_AT_ONCE)):
        handles: list[int] = []
        try:
            for path, data, time in batch:
                handles.append(os.open(path, _NEW, 0o600))
                _write(handles[-1], data, time)
            if len(handles) > 1:
                for handle in handles:
                    _begin_sync(handle)
            _sync_all(handles)
            empty_drive_cache(handles[-1])  # once for all of them
        finally:
            for handle in handles:
                os.close(handle)


def rename_across(source: Path, target: Path, draft: Path) -> None:
    """Rename; between file systems, copy durably through ``draft`` and only then remove ``source``."""
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


def _sync_all(handles: Sequence[int]) -> None:
    """Sync open files; many of them in parts, one for each thread and one for this one.

    Handing over each file on its own would cost more than it takes (docs/decisions.md §24).
    """
    first, *others = [handles[start::_SYNCERS] for start in range(_SYNCERS)]
    if len(handles) < _PARALLEL_FROM:
        first, others = handles, []
    syncing = [_syncers().submit(_sync_each, part) for part in others]
    try:
        _sync_each(first)
    finally:
        failures = [each.exception() for each in syncing]  # waits for all: the files are closed afterwards
    for failure in failures:
        if failure is not None:
            raise failure


def _sync_each(handles: Sequence[int]) -> None:
    for handle in handles:
        os.fsync(handle)


def _begin_sync(handle: int) -> None:
    """Ask the system to start writing a file, without waiting: a hint, not a guarantee.

    When all files of a batch are allocated before the first fsync, that fsync writes the file system's
    journal for all of them; otherwise each waits for a journal write of its own. Linux starts writing a file
    when advised that it will not be read soon.
    """
    if hasattr(os, "posix_fadvise"):  # macOS does not have it
        with suppress(OSError):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


@lru_cache(maxsize=1)
def _syncers() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # late: reading mail never needs it

    return ThreadPoolExecutor(_SYNCERS - 1, "fsync")


os.register_at_fork(after_in_child=_syncers.cache_clear)  # threads do not survive a fork
