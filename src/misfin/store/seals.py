"""The key of a profile's seals, and which messages were there before it (docs/trust.md §8).

``seal.key`` is beside the mail. It begins with the key; then come the names of all messages that Misfin
accounts had when it was made, as sorted hashes, because what they say counted before there were seals. The
file is made once and whole, so of two programs that make it one is too late and uses the other's.
"""

from __future__ import annotations

import mmap
import os
import re
import threading
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.files import create_private, private_folder
from misfin.model.account import AddressKind, kind_in
from misfin.store.blake2 import blake2b
from misfin.store.mail.filenames import split_name
from misfin.store.mail.maildir import SUBDIRS, Maildir, MailStore, NewMessage
from misfin.store.mail.maildir_writing import translated
from misfin.store.message import envelope, seal
from misfin.store.warning import warn
from misfin.valueclass import dataclass

FILE: Final = "seal.key"
_HEAD: Final = re.compile(rb"misfin-seal v1 ([0-9a-f]{64})\n")
_HEAD_SIZE: Final = 80
_HASH_SIZE: Final = 16
_WALKS: Final = 2
"""How often all names are listed: once can miss a message that is being moved."""
_REMEDY: Final = (
    "Restore it from a backup. If you delete it, a new one is made, and whatever is in your Misfin accounts "
    "then counts as received here."
)


@dataclass(frozen=True, slots=True)
class _KeyFile:
    """The key, and the mapped file: what is not looked at takes no memory."""

    key: bytes
    data: mmap.mmap

    def has(self, name: bytes) -> bool:
        """Whether a message with this file name was there before the key."""
        count = (len(self.data) - _HEAD_SIZE) // _HASH_SIZE
        if not count:
            return False
        wanted = _hash(os.fsdecode(name))
        at = bisect_left(range(count), wanted, key=self._at)
        return at < count and self._at(at) == wanted

    def release_memory(self) -> None:
        """Give up the pages that are in memory; the system maps more than the one that is read."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.data.madvise(mmap.MADV_DONTNEED)

    def _at(self, number: int) -> bytes:
        start = _HEAD_SIZE + number * _HASH_SIZE
        return self.data[start : start + _HASH_SIZE]


class Seals:
    """The seals of one profile, whose mail is in ``mail_root``. Thread-safe; several processes may share it.

    Nothing touches the disk before :meth:`open`, which every other method does when it is first needed.
    """

    def __init__(self, mail_root: Path) -> None:
        self._mail = mail_root
        self._path = mail_root.parent / FILE
        self._lock = threading.Lock()
        self._file: _KeyFile | None = None

    def open(self) -> None:
        """Read the key; makes it if there is none. Blocks: the first time every name in Misfin accounts is
        read.

        Raises :class:`StoreError`.
        """
        self._opened()

    def seal(self, data: bytes) -> bytes:
        """A message that this program files, sealed; what is not a stored Misfin message is returned as it
        is.

        Raises :class:`StoreError`.
        """
        return seal.seal(data, self._opened().key) if envelope.is_gemmail(data) else data

    def is_sealed(self, data: bytes) -> bool:
        """Whether a message has a seal of this profile. Without a usable key none has."""
        try:
            return seal.is_sealed(data, self._opened().key)
        except StoreError as error:
            warn("misfin.seals", "%s %s", error, error.remedy)
            return False

    def counts(self, name: bytes, data: bytes) -> bool:
        """Whether the ``Misfin-*`` fields of a whole message count: it is sealed, or older than the seals.

        ``name`` is that of its file in a Misfin account, with or without flags.
        """
        return self.is_sealed(data) or (self._file is not None and self._file.has(name))

    def release_memory(self) -> None:
        """Give up the pages of the file that were looked at: they are read again when they are needed."""
        if self._file is not None:
            self._file.release_memory()

    def _opened(self) -> _KeyFile:
        if self._file is None:
            with self._lock:
                if self._file is None:
                    self._file = self._open()
        return self._file

    def _open(self) -> _KeyFile:
        try:
            if not self._path.exists():
                self._make()
            with self._path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise StoreError(f"{self._path} is empty.", remedy=_REMEDY) from error
        except OSError as error:
            raise StoreError(
                f"The key that seals received messages, {self._path}, cannot be used: "
                f"{error.strerror or error}.",
                remedy="Make it readable and its folder writable, and check that the disk has space.",
            ) from error
        found = _HEAD.match(data)
        if found is None or (len(data) - _HEAD_SIZE) % _HASH_SIZE:
            raise StoreError(f"{self._path} is damaged.", remedy=_REMEDY)
        opened = _KeyFile(bytes.fromhex(found[1].decode()), data)
        opened.release_memory()
        return opened

    def _make(self) -> None:
        known = {_hash(name) for _ in range(_WALKS) for name in _names(MailStore(self._mail))}
        head = f"misfin-seal v1 {os.urandom(32).hex()}\n".encode()
        private_folder(self._path.parent)
        with suppress(FileExistsError):  # another program was quicker, and its key counts
            create_private(self._path, head + b"".join(sorted(known)))


def sealed_copy(seals: Seals, maildir: Maildir, key: str, seen: str) -> NewMessage | None:
    """A copy of a message that counts only by the name of its file, which the copy will not have.

    None for any other message. ``seen`` as in :meth:`Maildir.find`. Raises :class:`MessageGoneError` and
    :class:`StoreError`.
    """
    data = maildir.read(key, seen=seen)
    if not envelope.is_gemmail(data) or seals.is_sealed(data) or not seals.counts(os.fsencode(key), data):
        return None
    entry = maildir.find(key, seen)
    with translated(f"A message in {maildir.path} could not be read"):
        received = entry.path.stat().st_mtime if entry is not None else None
    return NewMessage(seals.seal(data), received=received)


def _names(store: MailStore) -> Iterator[str]:
    """The file names of all messages in Misfin accounts."""
    for account in store.accounts():
        if kind_in(account) is AddressKind.MISFIN:
            for folder in store.folders(account):
                for part in SUBDIRS:
                    try:
                        yield from store.folder(account, folder).names(part)
                    except StoreError as error:  # what cannot be read now must not keep mail from coming in
                        warn("misfin.seals", "%s What is in it will count as unproven.", error)


def _hash(name: str) -> bytes:
    """The hash of the part of a file name that stays: not the flags, nor what IMAP programs add behind a
    comma.
    """
    unique = split_name(name)[0].partition(",")[0]
    return blake2b(os.fsencode(unique), digest_size=_HASH_SIZE).digest()
