"""Maildirs: durable delivery, moves and flags, while other programs use the same folders.

This follows the Maildir specification (cr.yp.to/proto/maildir.html): a message is written and fsynced in
``tmp/``, then renamed into ``new/`` (or ``cur/`` if it already has flags), and the folder is fsynced. A name
in ``cur/`` is ``key:2,FLAGS``. The key never changes while the message exists, and never contains data from
outside. Other programs may rename any file at any moment, so every operation looks again if a name is gone.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from misfin.errors import MessageGoneError, StoreError
from misfin.files import private_folder, rename_across, sync_folder
from misfin.model.folders import FOLDERS, INBOX
from misfin.store.mail.casing import own_name, read_back, spelled_out
from misfin.store.mail.filenames import INFO, LIKELY_PLACES, Entry, ordered, split_name, unique_name
from misfin.store.mail.foldernames import folder_path, names_of
from misfin.store.mail.maildir_writing import Finished, NewMessage, clean, take, translated, write
from misfin.store.mail.plain_folders import inbox_path, is_maildir, plain_names

__all__ = [
    "ABANDONED_AFTER",
    "SUBDIRS",
    "Entry",
    "MailStore",
    "Maildir",
    "NewMessage",
    "split_name",
    "unique_name",
]

SUBDIRS = ("new", "cur")
DRAFTS = "tmp"
ABANDONED_AFTER = 36 * 3600.0
"""Seconds after which a file in ``tmp/`` counts as abandoned (the figure of the Maildir specification)."""

_RENAME_TRIES = 20
"""How often a message is looked up again while other programs keep renaming it."""

_STRAY = re.compile("[\udc80-\udcff]")
"""Python's representation of bytes in a file name that are not text."""


class Maildir:
    """One folder of messages. Safe for any number of threads and programs; its only state is its path.

    Raises :class:`StoreError` for errors of the system (disk full, read-only, no permission) and
    :class:`MessageGoneError` if a message is no longer in this folder. ``before_removal`` is called with the
    keys of messages that are about to be deleted for good.
    """

    __slots__ = ("before_removal", "path")

    def __init__(self, path: Path, before_removal: Callable[[Sequence[str]], object] | None = None) -> None:
        self.path = path
        self.before_removal = before_removal

    def __repr__(self) -> str:
        return f"Maildir({str(self.path)!r})"

    def create(self) -> Maildir:
        """Create the folder, or any missing part of it, with mode 0700; returns itself."""
        with translated(f"The mail folder {self.path} could not be created"):
            made = [self.path / part for part in (DRAFTS, *SUBDIRS) if not (self.path / part).is_dir()]
            for part in made:
                private_folder(part)
            if made:
                self.path.chmod(0o700)
                sync_folder(self.path)
                sync_folder(self.path.parent)
        return self

    def exists(self) -> bool:
        """Whether it exists and can be entered."""
        return is_maildir(self.path)

    # ---- delivery ---------------------------------------------------------------------------------

    def deliver(
        self, data: bytes, *, flags: str = "", received: float | None = None, now: float | None = None
    ) -> Entry:
        """Store one message; when this returns, it will survive a crash or a power cut."""
        return self.deliver_many([NewMessage(data, flags, received)], now=now)[0]

    def deliver_many(self, batch: Sequence[bytes | NewMessage], *, now: float | None = None) -> list[Entry]:
        """Store several messages with one fsync per folder: all of them, or none and an error.

        A message without flags goes to ``new/``, one with flags to ``cur/``.
        """
        new_messages = [NewMessage(item) if isinstance(item, bytes) else item for item in batch]
        drafts = self._write(new_messages, time.time() if now is None else now)
        return self.take(
            [
                (draft, new_message.flags, new_message.key)
                for draft, new_message in zip(drafts, new_messages, strict=True)
            ]
        )

    def new_paths(self, count: int = 1, *, now: float) -> list[Path]:
        """Unique paths to write ``count`` messages to before :meth:`take` files them.

        Raises :class:`StoreError` if the folder cannot be created.
        """
        return [Path(name) for name in self._new_names(count, now)]

    def write(self, batch: Sequence[NewMessage], *, now: float) -> list[Path]:
        """Write messages to ``tmp/``, for :meth:`take`: all of them, or none and an error.

        Raises :class:`StoreError`.
        """
        return [Path(draft) for draft in self._write(batch, now)]

    def take(self, files: Sequence[Finished]) -> list[Entry]:
        """File finished messages from ``tmp/``: all of them, or none and an error, with the files removed.

        When this returns, they will survive a crash or a power cut. Raises :class:`StoreError`.
        """
        return take(self.path, files)

    def _write(self, batch: Sequence[NewMessage], now: float) -> list[str]:
        drafts = self._new_names(len(batch), now)
        write(self.path, drafts, batch)
        return drafts

    def _new_names(self, count: int, now: float) -> list[str]:
        drafts = f"{self.path}/{DRAFTS}"
        if not os.path.isdir(drafts):  # noqa: PTH112 - as above; a sync tool or a user removed an empty folder
            self.create()
        return [f"{drafts}/{unique_name(now)}" for _ in range(count)]

    # ---- looking ----------------------------------------------------------------------------------

    def names(self, subdir: str) -> list[str]:
        """File names in ``new`` or ``cur``, unsorted: everything that could be a message, without opening it.

        Names that start with a dot are for other programs (Maildir specification) and are left out, as is
        anything that is not a file: opening a named pipe, for example, would block.
        """
        found: list[str] = []
        with translated(f"The mail folder {self.path} could not be read"):
            try:
                entries = os.scandir(self.path / subdir)
            except FileNotFoundError:
                return found
            with entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    with suppress(OSError):  # a broken symbolic link
                        if entry.is_file():
                            found.append(entry.name)
        return found

    def list(self, subdir: str | None = None) -> list[Entry]:
        """Every message (of one subfolder, or of both), sorted by name, oldest delivery first."""
        entries = []
        for part in SUBDIRS if subdir is None else (subdir,):
            for name in self.names(part):
                key, flags = split_name(name)
                entries.append(Entry(key, part, flags, self.path, name))
        entries.sort(key=lambda entry: entry.name)
        return entries

    def keys(self) -> set[str]:
        return {split_name(name)[0] for subdir in SUBDIRS for name in self.names(subdir)}

    def find(self, key: str, seen: str = "") -> Entry | None:
        """The message with this key, with any flags, in ``new/`` or ``cur/``.

        ``seen`` is where it was last (``cur/NAME``); that and other likely names are tried before listing.
        """
        subdir, _, name = seen.partition("/")
        if name and os.path.lexists(self.path / subdir / name):
            return Entry(key, subdir, split_name(name)[1], self.path, name)
        for subdir, ending in LIKELY_PLACES:
            name = key + ending
            if os.path.lexists(self.path / subdir / name):
                return Entry(key, subdir, ending[len(INFO) :], self.path, name)
        # A listing may miss a file that is renamed meanwhile: look again while anything changes.
        for _ in range(_RENAME_TRIES):
            before = self._changed()
            for subdir in ("cur", "new"):
                for name in self.names(subdir):
                    if name.startswith(key) and split_name(name)[0] == key:
                        return Entry(key, subdir, split_name(name)[1], self.path, name)
            if before == self._changed():
                break
        return None

    def _changed(self) -> tuple[int, ...]:
        """When names last changed, as far as the system reports it."""
        with suppress(OSError):
            return tuple((self.path / subdir).stat().st_mtime_ns for subdir in SUBDIRS)
        return ()

    def read(self, key: str, limit: int = -1, *, seen: str = "") -> bytes:
        """The bytes of a message, at most ``limit``. ``seen`` as in :meth:`find`."""
        data = b""

        def load(entry: Entry) -> Entry:
            nonlocal data
            with entry.path.open("rb") as file:
                data = file.read(limit)
            return entry

        self._follow(key, load, seen)
        return data

    # ---- changing ---------------------------------------------------------------------------------

    def set_flags(self, key: str, flags: str, *, sync: bool = True) -> Entry:
        """Set a message's flags (``DFPRST``, and a–z for IMAP keywords), which moves it to ``cur/``."""
        return self._reflag(key, lambda _: flags, sync)

    def change_flags(
        self, key: str, *, add: str = "", remove: str = "", sync: bool = True, seen: str = ""
    ) -> Entry:
        """Add and remove flags, keeping those other programs have set. ``seen`` as in :meth:`find`."""
        return self._reflag(key, lambda old: "".join((set(old) | set(add)) - set(remove)), sync, seen)

    def move(
        self, key: str, to: Maildir, flags: str | None = None, *, sync: bool = True, seen: str = ""
    ) -> Entry:
        """Move a message to another folder in one rename, with other flags if given; its key stays the same.

        If the target already has another file of that name, the message gets a new key. ``seen`` as in
        :meth:`find`.
        """

        def rename(entry: Entry) -> Entry:
            wanted = entry.flags if flags is None else ordered(flags, entry.flags)
            new_key, subdir = entry.key, "cur" if wanted or flags is not None else entry.subdir
            taken = (to.path / "cur" / entry.renamed(wanted), to.path / "new" / new_key)
            if any(map(os.path.lexists, taken)):
                new_key = unique_name(time.time())
            name = new_key if subdir == "new" else entry.renamed(wanted, new_key)
            target = Entry(new_key, subdir, wanted, to.path, name)
            rename_across(entry.path, target.path, to.path / DRAFTS / unique_name(time.time()))
            return target

        if to.path == self.path:
            return self._follow(key, lambda entry: entry) if flags is None else self.set_flags(key, flags)
        if not (to.path / DRAFTS).is_dir():
            to.create()
        moved = self._follow(key, rename, seen)
        if sync:
            to.sync()
            self.sync()
        return moved

    def remove(self, key: str, *, sync: bool = True) -> None:
        """Delete a message for good. Only for emptying the trash, and for drafts."""
        if self.before_removal is not None:
            self.before_removal([key])

        def unlink(entry: Entry) -> Entry:
            entry.path.unlink()
            return entry

        self._follow(key, unlink)
        if sync:
            self.sync()

    def sync(self) -> None:
        """Make earlier ``sync=False`` changes durable: one fsync for a whole batch."""
        with translated(f"The mail folder {self.path} could not be written"):
            for subdir in SUBDIRS:
                sync_folder(self.path / subdir)

    def clean(self, now: float) -> int:
        """Remove files that crashed writers left in ``tmp/`` at least 36 hours ago; returns their number."""
        return clean(self.path, now, ABANDONED_AFTER)

    def _reflag(self, key: str, change: Callable[[str], str], sync: bool, seen: str = "") -> Entry:
        def rename(entry: Entry) -> Entry:
            flags = ordered(change(entry.flags), entry.flags)
            target = Entry(entry.key, "cur", flags, self.path, entry.renamed(flags))
            if target.path != entry.path:
                if os.path.lexists(target.path):  # two files with one key: never overwrite one with the other
                    fresh = unique_name(time.time())
                    target = Entry(fresh, "cur", flags, self.path, entry.renamed(flags, fresh))
                entry.path.rename(target.path)
            return target

        changed = self._follow(key, rename, seen)
        if sync:
            with translated(f"The mail folder {self.path} could not be written"):
                sync_folder(self.path / "cur")
        return changed

    def _follow(self, key: str, act: Callable[[Entry], Entry], seen: str = "") -> Entry:
        """Apply ``act`` to the file of ``key``, looking again if another program renames it meanwhile."""
        for _ in range(_RENAME_TRIES):
            entry = self.find(key, seen)
            if entry is None:
                break
            with translated(f"A message in {self.path} could not be changed", FileNotFoundError):
                return act(entry)
        else:
            raise StoreError(
                f"A message in {self.path} could not be changed: another program keeps renaming it."
            )
        raise MessageGoneError(f"The message {key} is no longer in {self.path}.")


# ---- accounts and their folders -------------------------------------------------------------------


BeforeRemoval = Callable[[str, str, Sequence[str]], object]  # account, folder, keys; StoreError keeps them


class MailStore:
    """All mail of a profile: one Maildir++ per account below ``root``.

    ``account`` is always the name of its directory, :attr:`misfin.model.account.Account.directory`.
    ``before_removal`` writes down deletions for good: that they were meant cannot be seen from the result.
    """

    __slots__ = ("_before_removal", "root")

    def __init__(self, root: Path, before_removal: BeforeRemoval | None = None) -> None:
        self.root = root
        self._before_removal = before_removal

    def accounts(self) -> list[str]:
        """Accounts that have a Maildir, sorted."""
        with suppress(FileNotFoundError), os.scandir(self.root) as entries:
            return sorted(
                self._account_in(entry.name)
                for entry in entries
                if not entry.name.startswith(".")
                and not _STRAY.search(entry.name)
                and entry.is_dir()
                and is_maildir(inbox_path(Path(entry.path)))
            )
        return []

    def has(self, account: str) -> bool:
        """Whether there is a Maildir of this name."""
        with suppress(StoreError):  # a name that no directory can have
            return is_maildir(inbox_path(self._home(account)))
        return False

    def folders(self, account: str) -> list[str]:
        """Existing folders of an account: the standard ones first in their fixed order, then by name."""
        home = self._home(account)
        found = {INBOX} if is_maildir(inbox_path(home)) else set()
        with suppress(FileNotFoundError), os.scandir(home) as entries:
            found |= names_of(
                home,
                (
                    entry.name
                    for entry in entries
                    if entry.name.startswith(".") and entry.is_dir() and is_maildir(Path(entry.path))
                ),
            )
        found |= plain_names(home, found)
        others = sorted(found.difference(FOLDERS))
        return [name for name in FOLDERS if name in found] + others

    def folder(self, account: str, name: str = INBOX) -> Maildir:
        """The Maildir of a folder, whether it exists or not; ``/`` separates levels, as in ``Lists/Crew``.

        Raises:
            StoreError: the name cannot be that of a folder.
        """
        home = self._home(account)
        path = inbox_path(home) if name.upper() == "INBOX" else folder_path(home, name)
        note = self._before_removal
        return Maildir(path, partial(note, account, name) if note else None)

    def create(self, account: str, names: Iterable[str] = FOLDERS) -> None:
        """Create an account with its folders; existing ones are not changed."""
        with translated(f"The mail folder {self.root} could not be created"):
            private_folder(self.root)
        for name in names:
            maildir = self.folder(account, name).create()
            marker = maildir.path / "maildirfolder"  # Maildir++: "this is a folder, not a mailbox of its own"
            if maildir.path != self._home(account) and not marker.exists():
                with translated(f"The mail folder {maildir.path} could not be created"):
                    marker.touch(mode=0o600)

    def _account_in(self, directory: str) -> str:
        """The account whose mail is in this directory below the root."""
        account = read_back(directory)
        return account if account == directory or self._home(account).name == directory else directory

    def _home(self, account: str) -> Path:
        if not account or account.startswith(".") or any(char in account for char in "/\\\0"):
            raise StoreError(f"{account!r} cannot be the name of an account.")
        return self.root / own_name(self.root, account, lambda: spelled_out(account))
