"""Writes new messages to a Maildir: finished in ``tmp/``, then renamed, all of a batch or none."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from misfin.errors import StoreError
from misfin.files import sync_folder, write_new
from misfin.store.mail.filenames import INFO, Entry, ordered
from misfin.valueclass import dataclass

Finished = tuple[Path | str, str, str]
"""A file in ``tmp/`` whose content is on disk; its flags; the key of its :class:`NewMessage`, or ``""``."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to deliver; ``received`` (Unix seconds) becomes the file's time, which IMAP servers show.

    A caller that gives a ``key`` guarantees that it is unique: storing the message again then replaces it
    with itself, so that only one copy exists even if the program died in between.
    """

    data: bytes
    flags: str = ""
    received: float | None = None
    key: str = ""


def write(maildir: Path, drafts: Sequence[str], new_messages: Sequence[NewMessage]) -> None:
    """Write messages to these new files, with their content on disk on return, or none and an error.

    Raises :class:`StoreError`.
    """
    try:
        with translated(f"A message could not be stored in {maildir}"):
            write_new(
                (draft, new_message.data, new_message.received)
                for draft, new_message in zip(drafts, new_messages, strict=True)
            )
    except BaseException:
        _remove(drafts)
        raise


def take(maildir: Path, files: Sequence[Finished]) -> list[Entry]:
    """See :meth:`misfin.store.mail.maildir.Maildir.take`."""
    folder = str(maildir)  # paths as strings: joining Path objects costs more than the system calls
    waiting: list[tuple[str, str, Entry]] = []
    landed: list[str] = []
    try:
        with translated(f"A message could not be stored in {maildir}"):
            for path, messages, named in files:
                draft = str(path)
                key, flags = named or draft.rpartition("/")[2], ordered(messages)
                subdir, name = ("cur", f"{key}{INFO}{flags}") if flags else ("new", key)
                waiting.append((draft, f"{folder}/{subdir}/{name}", Entry(key, subdir, flags, maildir, name)))
            for (draft, target, _), (_, _, named) in zip(waiting, files, strict=True):
                new = not named or not os.path.lexists(target)
                os.rename(draft, target)  # noqa: PTH104 - as above
                if new:  # what was there before was promised to somebody else
                    landed.append(target)
            for subdir in {entry.subdir for _, _, entry in waiting}:
                sync_folder(f"{folder}/{subdir}")
    except BaseException:
        # The caller answers "not stored" and the sender tries again: leave no copy, or there would be two.
        _remove([*landed, *(str(path) for path, _, _ in files)])
        raise
    return [entry for _, _, entry in waiting]


def clean(maildir: Path, now: float, age: float) -> int:
    """Remove files that crashed writers left in ``tmp/`` at least ``age`` seconds ago; returns how many."""
    removed = 0
    with suppress(FileNotFoundError), os.scandir(maildir / "tmp") as entries:
        for entry in entries:
            with suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                # An imported message has its own mtime.
                newest = max(facts.st_mtime, facts.st_ctime)
                if stat.S_ISREG(facts.st_mode) and now - newest > age:
                    Path(entry.path).unlink()
                    removed += 1
    return removed


def _remove(paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - paths as strings


@contextmanager
def translated(sentence: str, ignored: type[OSError] | tuple[()] = ()) -> Iterator[None]:
    """Turn :class:`OSError` into :class:`StoreError`, except for the ``ignored`` kinds."""
    try:
        yield
    except ignored:
        return
    except StoreError:
        raise
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "")
        raise StoreError(f"{sentence}: {error.strerror or error}.", remedy=remedy) from error


_REMEDIES = {
    errno.ENOSPC: "The disk is full; free some space and try again.",
    errno.EDQUOT: "Your disk quota is used up; free some space and try again.",
    errno.EROFS: "The file system is read-only; mount it read-write.",
    errno.EACCES: "Check the owner and the permissions of the folder.",
    errno.EPERM: "Check the owner and the permissions of the folder.",
}
