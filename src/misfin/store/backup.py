"""Copies a whole profile while its programs run: every message that was there, and databases as they stood.

Files of messages never change, but their names do, so a message can escape one look at its folder, and is
looked for twice. SQLite copies its files itself. What can be made again, and what belongs to running
programs, is left out. The copy appears under its name once it is complete and on disk.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import sqlite3
import stat
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.files import new_private, private_folder, sync_folder
from misfin.store.mail.filenames import split_name

_LOOKS: Final = 2
_DATABASE: Final = ".db"
_MAGIC: Final = b"SQLite format 3\0"
_BESIDE_IT: Final = ("-wal", "-shm", "-journal")
_IN_MAILDIR: Final = ("new", "cur")
_CHUNK: Final = 1024 * 1024
_PATIENCE: Final = 30.0
"""Seconds to wait for a database that another process is writing."""


@dataclass(slots=True)
class BackupReport:
    """What a backup holds; ``skipped`` are paths that are neither files nor folders, such as links."""

    messages: int = 0
    databases: int = 0
    files: int = 0
    skipped: list[Path] = field(default_factory=list)


def back_up(
    root: Path, target: Path, *, leave_out: Collection[Path] = (), earlier: Path | None = None
) -> BackupReport:
    """Copy the profile in ``root`` to ``target``, which must not exist yet. Blocking.

    ``leave_out`` are folders that are not copied. Messages that ``earlier``, another backup on the same file
    system, has already are shared with it and take no room. Raises :class:`StoreError`; then there is no
    ``target``.
    """
    target, root = target.absolute(), root.absolute()
    if target.exists() or target.is_relative_to(root):
        where = "exists already" if target.exists() else "is inside the profile"
        raise StoreError(f"{target} {where}.", remedy="Name a new folder somewhere else.")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    report = BackupReport()
    try:
        private_folder(draft)
        _Copying(root, draft, {each.absolute() for each in leave_out}, earlier, report).run()
        os.sync()
        draft.rename(target)
        sync_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise StoreError(
            f"The backup could not be made: {why}.", remedy="Check the disk, and run it again."
        ) from error
    finally:
        with suppress(OSError):
            shutil.rmtree(draft)
    return report


class _Copying:
    def __init__(
        self, root: Path, draft: Path, leave_out: set[Path], earlier: Path | None, report: BackupReport
    ) -> None:
        self._root = root
        self._draft = draft
        self._leave_out = leave_out
        self._earlier = earlier
        self._report = report
        self._done: dict[str, list[Path]] = {}
        """The copies of messages, by key."""

    def run(self) -> None:
        maildirs = list(self._walk(self._root))
        for look in range(_LOOKS):
            for folder in maildirs if not look else list(self._walk(self._root, again=True)):
                self._messages(folder, again=bool(look))

    def _walk(self, folder: Path, *, again: bool = False) -> Iterator[Path]:
        """Copy everything but messages; the Maildirs that were found on the way."""
        here = self._here(folder)
        private_folder(here)
        entries = _entries(folder)
        maildir = all((folder / part).is_dir() for part in _IN_MAILDIR)
        if maildir:
            yield folder
        for entry in entries:
            path = Path(entry.path)
            kind = entry.stat(follow_symlinks=False).st_mode if _is_there(path) else 0
            if path in self._leave_out or not kind or (maildir and entry.name in (*_IN_MAILDIR, "tmp")):
                continue
            if stat.S_ISDIR(kind):
                yield from self._walk(path, again=again)
            elif not stat.S_ISREG(kind):
                if not again:
                    self._report.skipped.append(path)
            elif not again:
                self._file(path)

    def _file(self, path: Path) -> None:
        if path.name.endswith(tuple(f"{_DATABASE}{each}" for each in _BESIDE_IT)):
            return
        if path.suffix == _DATABASE and _is_sqlite(path):
            self._database(path)
            self._report.databases += 1
            return
        with suppress(FileNotFoundError):  # a draft of a file, say
            _copy(path, self._here(path))
            self._report.files += 1

    def _database(self, path: Path) -> None:
        where = f"{path.as_uri()}?mode=ro"
        copy = self._here(path)
        with new_private(copy, sync=False):
            pass  # it has its mode from the first moment
        with (
            closing(sqlite3.connect(where, uri=True, timeout=_PATIENCE)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)

    def _messages(self, folder: Path, *, again: bool) -> None:
        known, here = self._of_earlier(folder), self._here(folder)
        for part in _IN_MAILDIR:
            private_folder(self._here(folder / part))
            for entry in _entries(folder / part):
                key = split_name(entry.name)[0]
                copy = self._here(Path(entry.path))
                # In the first look, a message of this name in another folder is one of its own.
                copies = [each for each in self._done.get(key, ()) if again or each.parent.parent == here]
                try:
                    if any(filecmp.cmp(entry.path, each, shallow=False) for each in copies):
                        continue
                    if not _share(known.get(key), copy, entry.stat().st_size):
                        _copy(Path(entry.path), copy)
                except FileNotFoundError:
                    continue  # moved, marked or deleted: the second look knows
                self._done.setdefault(key, []).append(copy)
                self._report.messages += 1
        private_folder(self._here(folder / "tmp"))

    def _of_earlier(self, folder: Path) -> dict[str, Path]:
        if self._earlier is None:
            return {}
        there = self._earlier / folder.relative_to(self._root)
        return {
            split_name(entry.name)[0]: Path(entry.path)
            for part in _IN_MAILDIR
            for entry in _entries(there / part)
        }

    def _here(self, path: Path) -> Path:
        return self._draft / path.relative_to(self._root)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def _share(earlier: Path | None, copy: Path, size: int) -> bool:
    """Give the file of an earlier backup another name; False if it is not the same or cannot be shared."""
    if earlier is None:
        return False
    try:
        if earlier.stat().st_size != size:
            return False
        os.link(earlier, copy)
    except OSError:  # on another file system
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        facts = os.fstat(file.fileno())
        with new_private(target, sync=False) as copy:
            shutil.copyfileobj(file, copy, _CHUNK)
    os.utime(target, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
