"""The local side of every source: messages go into the Maildirs of their account and are kept there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from misfin.errors import MessageGoneError, StoreError
from misfin.files import create_private
from misfin.model.folders import FOLDERS, INBOX
from misfin.post.source import Arrival, SourceStatus
from misfin.store.mail.filenames import Entry, split_name, unique_name
from misfin.store.mail.keywords import name_keywords, read_keywords
from misfin.store.mail.maildir import SUBDIRS, Maildir, MailStore, NewMessage
from misfin.store.mail.maildir_writing import translated
from misfin.store.mail.snapshot import Snapshot, take_snapshot

MARKER: Final = "misfin-account"
"""The file in an account's directory by which it is known again: a random word."""
ATTIC: Final = "attic"
"""The directory beside the mail of all accounts with one Maildir for each: what was deleted elsewhere."""


class LocalInbox:
    """An :class:`~misfin.post.source.Inbox` that files into the Maildirs of a profile.

    ``on_report`` is called with each report, in the thread that makes it. ``attic`` is where messages are
    kept that were deleted elsewhere; without it, beside the mail. ``arrived`` is called with account, folder
    and keys of new messages once they are on disk, and ``arriving`` with account and folder before; where
    they could not be filed, there are no keys. Both must be quick and must not raise.
    """

    def __init__(
        self,
        store: MailStore,
        on_report: Callable[[SourceStatus], object] = lambda _status: None,
        attic: MailStore | None = None,
        arrived: Callable[[str, str, Sequence[str]], object] = lambda _account, _folder, _keys: None,
        arriving: Callable[[str, str], object] = lambda _account, _folder: None,
    ) -> None:
        self._store = MailStore(store.root)  # what a server has deleted was not deleted by a person here
        self._attic = attic or MailStore(store.root.parent / ATTIC)
        self._on_report = on_report
        self._arrived = arrived
        self._arriving = arriving
        self._made: dict[tuple[str, str], Maildir] = {}
        self._lock = threading.Lock()

    # ---- handing over messages

    def new_paths(self, account: str, folder: str, count: int = 1) -> list[Path]:
        """See :meth:`misfin.post.source.Inbox.new_paths`."""
        return self._folder(account, folder).new_paths(count, now=time.time())

    def write(
        self,
        account: str,
        folder: str,
        messages: Sequence[bytes],
        received: Sequence[float | None] = (),
    ) -> list[Path]:
        """See :meth:`misfin.post.source.Inbox.write`."""
        times = received or [None] * len(messages)
        batch = [NewMessage(data, received=at) for data, at in zip(messages, times, strict=True)]
        return self._folder(account, folder).write(batch, now=time.time())

    def file(
        self, account: str, folder: str, messages: Sequence[bytes], keys: Sequence[str] = ()
    ) -> list[str]:
        """See :meth:`misfin.post.source.Inbox.file`."""
        batch = (
            [NewMessage(data, key=key) for data, key in zip(messages, keys, strict=True)]
            if keys
            else messages
        )
        with self._filing(account, folder) as filed:
            entries = self._folder(account, folder).deliver_many(batch, now=time.time())
            filed += [entry.key for entry in entries]
        return filed

    def deliver(self, arrival: Arrival) -> str:
        """See :meth:`misfin.post.source.Inbox.deliver`."""
        return self.deliver_many([arrival])[0]

    def deliver_many(self, arrivals: Sequence[Arrival]) -> list[str]:
        """See :meth:`misfin.post.source.Inbox.deliver_many`."""
        folders: dict[tuple[str, str], list[int]] = {}
        for at, arrival in enumerate(arrivals):
            folders.setdefault((arrival.account, arrival.folder), []).append(at)
        keys = [""] * len(arrivals)
        undone = {arrival.path for arrival in arrivals}
        try:
            for (account, folder), places in folders.items():
                group = [arrivals[at] for at in places]
                undone -= {arrival.path for arrival in group}
                with self._filing(account, folder) as taken:
                    entries = self._store.folder(account, folder).take(
                        [(arrival.path, arrival.flags, arrival.key) for arrival in group]
                    )
                    taken += [entry.key for entry in entries]
                for at, key in zip(places, taken, strict=True):
                    keys[at] = key
        finally:
            for path in undone:
                path.unlink(missing_ok=True)
        return keys

    @contextmanager
    def _filing(self, account: str, folder: str) -> Iterator[list[str]]:
        """Inside the block messages are filed; their keys are put into the list."""
        keys: list[str] = []
        self._arriving(account, folder)
        try:
            yield keys
        finally:
            self._arrived(account, folder, keys)

    # ---- keeping folders in sync with a mailbox elsewhere

    def folders(self, account: str) -> list[str]:
        """See :meth:`misfin.post.source.Inbox.folders`."""
        return self._store.folders(account)

    def create(self, account: str, folder: str) -> None:
        """See :meth:`misfin.post.source.Inbox.create`."""
        self._folder(account, folder)

    def identity(self, account: str, *, create: bool = False) -> str:
        """See :meth:`misfin.post.source.Inbox.identity`."""
        home = self._store.folder(account).path
        marker = home / MARKER
        if create:
            self._folder(account, INBOX)
            with translated(f"The mail folder {home} could not be written"), suppress(FileExistsError):
                create_private(marker, os.urandom(16).hex().encode() + b"\n")
        try:
            facts = home.stat()
            with marker.open("rb") as file:
                word = file.read(64).decode("ascii", "replace").strip()
        except OSError:
            return ""
        return f"{facts.st_dev}:{facts.st_ino}:{word}" if word else ""

    def snapshot(self, account: str, folder: str, known: str = "") -> Snapshot | None:
        """See :meth:`misfin.post.source.Inbox.snapshot`."""
        return take_snapshot(self._store.folder(account, folder), time.time(), known)

    def find(self, account: str, folder: str, key: str) -> Path | None:
        """See :meth:`misfin.post.source.Inbox.find`."""
        entry = self._store.folder(account, folder).find(key)
        return entry.path if entry else None

    def tag_flags(self, account: str, folder: str, tags: Collection[str]) -> Mapping[str, str]:
        """See :meth:`misfin.post.source.Inbox.tag_flags`."""
        maildir = self._folder(account, folder)
        found = {tag: char for char, tag in read_keywords(maildir.path).items() if tag in tags}
        missing = sorted(set(tags) - found.keys())
        if not missing:
            return found
        preferred = {
            tag: char
            for other in self._store.folders(account)
            for char, tag in read_keywords(self._store.folder(account, other).path).items()
        }
        for tag in missing:  # one by one: of those for which there is room none is left out
            with suppress(StoreError):
                found |= name_keywords(maildir.path, [tag], partial(_chars_in_use, maildir), preferred)
        return found

    def flag(self, account: str, folder: str, changes: Sequence[tuple[str, str, str]]) -> set[str]:
        """See :meth:`misfin.post.source.Inbox.flag`."""
        maildir = self._store.folder(account, folder)
        there = set()
        for key, add, remove in changes:
            with suppress(MessageGoneError):
                maildir.change_flags(key, add=add, remove=remove, sync=False)
                there.add(key)
        if there:
            maildir.sync()
        return there

    def move(
        self, account: str, folder: str, to: str, moves: Sequence[tuple[str, str | None]]
    ) -> dict[str, str]:
        """See :meth:`misfin.post.source.Inbox.move`."""
        return self._move(self._store.folder(account, folder), self._folder(account, to), moves)

    def renew(self, account: str, folder: str, name: str) -> str:
        """See :meth:`misfin.post.source.Inbox.renew`."""
        maildir = self._store.folder(account, folder)
        subdir, _, old = name.partition("/")
        key, (old_key, _flags) = unique_name(time.time()), split_name(old)
        try:
            with translated(f"A message in {maildir.path} could not be renamed"):
                (maildir.path / subdir / old).rename(maildir.path / subdir / (key + old[len(old_key) :]))
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return ""
            raise
        maildir.sync()
        return key

    def remove(self, account: str, folder: str, keys: Sequence[str]) -> set[str]:
        """See :meth:`misfin.post.source.Inbox.remove`."""
        maildir = self._store.folder(account, folder)
        there = set()
        for key in keys:
            with suppress(MessageGoneError):
                maildir.remove(key, sync=False)
                there.add(key)
        if there:
            maildir.sync()
        return there

    def to_attic(self, account: str, folder: str, keys: Sequence[str]) -> dict[str, str]:
        """See :meth:`misfin.post.source.Inbox.to_attic`."""
        attic = self._attic.folder(account)
        if not attic.exists():
            self._attic.create(account, [INBOX])
        return self._move(self._store.folder(account, folder), attic, [(key, None) for key in keys])

    def from_attic(self, account: str, folder: str, key: str, flags: str) -> str:
        """See :meth:`misfin.post.source.Inbox.from_attic`."""
        found = self._move(self._attic.folder(account), self._folder(account, folder), [(key, flags)])
        return found.get(key, "")

    def attic(self, account: str) -> list[Entry]:
        """See :meth:`misfin.post.source.Inbox.attic`."""
        return self._attic.folder(account).list()

    def remove_from_attic(self, account: str, keys: Sequence[str]) -> None:
        """See :meth:`misfin.post.source.Inbox.remove_from_attic`."""
        attic = self._attic.folder(account)
        for key in keys:
            with suppress(MessageGoneError):
                attic.remove(key, sync=False)
        if keys:
            attic.sync()

    def _move(self, source: Maildir, to: Maildir, moves: Sequence[tuple[str, str | None]]) -> dict[str, str]:
        moved = {}
        for key, flags in moves:
            with suppress(MessageGoneError):
                moved[key] = source.move(key, to, flags, sync=False).key
        if moved:
            to.sync()  # first: a power cut may show a message twice, never not at all
            source.sync()
        return moved

    def _folder(self, account: str, folder: str) -> Maildir:
        maildir = self._made.get((account, folder))
        if maildir is not None and maildir.exists():  # somebody may have moved it away
            return maildir
        with self._lock:
            self._store.create(account)
            if folder not in FOLDERS:
                self._store.create(account, [folder])
            maildir = self._made[account, folder] = self._store.folder(account, folder)
        return maildir

    # ----

    def report(self, status: SourceStatus) -> None:
        """See :meth:`misfin.post.source.Inbox.report`."""
        self._on_report(status)


def _chars_in_use(maildir: Maildir) -> set[str]:
    return {char for part in SUBDIRS for name in maildir.names(part) for char in split_name(name)[1]}
