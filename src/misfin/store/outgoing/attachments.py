"""Files that go with messages being written: copied into the profile once, named by what is in them.

A draft and a queued message hold only the key of a file, never its bytes, so that saving a draft again costs
nothing. Whoever attaches a file may change or delete it afterwards. What no draft and no queued message needs
any more is deleted after a day.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from misfin.errors import InputError, StoreError
from misfin.files import new_private, private_folder, sync_folder
from misfin.valueclass import dataclass

_KEY = re.compile(r"[0-9a-f]{64}")
_UNFINISHED = ".misfin-"
_CHUNK = 1024 * 1024
_GRACE = 86400.0  # seconds; a file just attached belongs to no draft yet


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """One attached file: ``key`` names its content, ``name`` is what others see, ``size`` is bytes."""

    key: str
    name: str
    size: int


class AttachmentFiles:
    """The folder of attached files. Thread-safe, and several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, path: Path, name: str = "") -> AttachedFile:
        """Copy a file into the profile; when this returns the copy survives a power cut.

        It takes little memory, whatever the size. Raises :class:`InputError` for what is not a readable file,
        :class:`StoreError` when the copy cannot be kept; nothing of it is left then.
        """
        try:
            file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - Path.open has no opener
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from error
        with file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{path} is not a file.", remedy="Attach one file at a time.")
            key, size = self._keep(_pieces(file, str(path)), str(path))
        return AttachedFile(key, name or path.name, size)

    def add_bytes(self, data: bytes) -> str:
        """Keep these bytes as a file; returns its key. Nothing is written where it is there already."""
        key = key_of(data)
        if not self._touch(key, len(data)):
            self.add_pieces([data])
        return key

    def add_pieces(self, pieces: Iterable[bytes]) -> tuple[str, int]:
        """Keep what these make together, as :meth:`add` does; returns its key and its size in bytes.

        Raises :class:`StoreError`, and lets what ``pieces`` raises pass.
        """
        return self._keep(pieces, "the message")

    def path(self, key: str) -> Path:
        """The path of the file with this key; raises :class:`StoreError` where there is none."""
        path = self._place(key)
        if not path.is_file():
            raise StoreError(
                f"An attached file is missing: {path}.",
                remedy="Attach it again, or restore a backup.",
            )
        return path

    def has(self, key: str) -> bool:
        """Whether the file with this key is there."""
        return is_key(key) and self._place(key).is_file()

    def read(self, key: str) -> bytes:
        """The whole content of a small file; raises :class:`StoreError`."""
        path = self.path(key)
        with _translated(f"The attached file {path} cannot be read"):
            return path.read_bytes()

    def sweep(self, in_use: Callable[[], set[str]], now: float) -> int:
        """Delete what has not been needed for a day; returns how many files.

        ``in_use`` gives the keys that are needed, and is only asked where something looks old enough.
        """
        if not self._old(now):
            return 0
        needed, gone = in_use(), 0
        for path in self._old(now):  # looked at again: attaching a file once more makes it young
            if path.name not in needed:
                with suppress(OSError):
                    path.unlink()
                    gone += 1
        return gone

    def _old(self, now: float) -> list[Path]:
        found = []
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                ours = _KEY.fullmatch(entry.name) or entry.name.startswith(_UNFINISHED)
                if ours and now - entry.stat(follow_symlinks=False).st_mtime > _GRACE:
                    found.append(Path(entry.path))
        return found

    def _place(self, key: str) -> Path:
        if not is_key(key):  # a draft may come from anywhere
            raise StoreError(f"{key[:80]!a} does not name an attached file.")
        return self.folder / key

    def _touch(self, key: str, size: int) -> bool:
        """Whether the file is there whole; it counts as new from now on."""
        path = self._place(key)
        try:
            if path.stat().st_size != size:
                return False
            os.utime(path)
        except OSError:
            return False
        return True

    def _keep(self, pieces: Iterable[bytes], called: str) -> tuple[str, int]:
        import hashlib  # late: it loads OpenSSL, and drafts without attachments do not need it

        with _translated(f"{called} cannot be attached: the copy in {self.folder} failed"):
            private_folder(self.folder)
            unfinished = self.folder / f"{_UNFINISHED}{os.urandom(8).hex()}.new"
            digest, size = hashlib.sha256(), 0
            try:
                with new_private(unfinished, sync=False) as copy:
                    for piece in pieces:
                        digest.update(piece)
                        size += len(piece)
                        copy.write(piece)
                key = digest.hexdigest()
                if not self._touch(key, size):
                    unfinished.replace(self.folder / key)
                    sync_folder(self.folder)
            finally:
                unfinished.unlink(missing_ok=True)
        return key, size


def key_of(data: bytes) -> str:
    """The key under which these bytes are kept."""
    import hashlib  # late: as above

    return hashlib.sha256(data).hexdigest()


def is_key(text: str) -> bool:
    """Whether this can be the key of a file."""
    return _KEY.fullmatch(text) is not None


def _pieces(source: BinaryIO, called: str) -> Iterator[bytes]:
    try:
        while piece := source.read(_CHUNK):
            yield piece
    except OSError as error:
        raise InputError(f"{called} cannot be read: {error.strerror}.") from error


def _without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would wait for somebody to write into it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextmanager
def _translated(sentence: str) -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "The disk is full; free some space and try again." if full else "Check the folder's permissions."
        )
        raise StoreError(f"{sentence}: {error.strerror or error}.", remedy=remedy) from error
