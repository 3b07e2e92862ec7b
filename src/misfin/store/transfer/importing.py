"""Imports mail from other programs into an account: crash-safe, and a second import adds nothing.

Each message gets a mark made from its folder, Message-ID and content. The mark is part of the message's file
name and is also written, fsynced, to the account's ``misfin-imported``. A message whose mark is in either has
been imported: also after a crash between the two, and after the user has deleted the message for good.

Nothing that is imported proves who wrote it (:mod:`misfin.store.message.claims`), but what this very profile
has sealed, exported and gets back unchanged.

A message whose content is already in the account, in any folder and from any source, is not imported either:
importing one's own export adds nothing. Messages are counted for this, since two may have the same content: a
source with two of them brings two.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from misfin.errors import InputError, StoreError
from misfin.files import sync_file, sync_folder
from misfin.model.address import MisfinAddress
from misfin.model.folders import INBOX
from misfin.store.mail.keywords import FLAGS, check_tag, name_keywords
from misfin.store.mail.maildir import SUBDIRS, Maildir, MailStore, NewMessage
from misfin.store.message import envelope, fields
from misfin.store.message.claims import without_claims
from misfin.store.seals import Seals
from misfin.store.transfer import mbox, sources
from misfin.store.transfer.sources import Item, Skipped, SourceItem

RECORD = "misfin-imported"
"""The file next to the account's messages with one mark per line."""
_MARK = re.compile(r"\.I([0-9a-f]{24})\.")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_LONG_HEADER = 256 * 1024
_BATCH_MESSAGES = 200
_BATCH_BYTES = 16 * 1024 * 1024
_MAX_SKIPPED = 1000


class SourceKind(StrEnum):
    TITLANI = "titlani"
    GEMBOX = "gembox"
    MBOX = "mbox"
    MAILDIR = "maildir"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of an import: messages added, messages already present, and what was left out and why.

    ``skipped`` lists at most 1,000; ``skipped_count`` is exact. ``blocked`` are addresses blocked at the
    source, for the caller to adopt.
    """

    kind: SourceKind
    added: int
    known: int
    skipped: tuple[Skipped, ...]
    skipped_count: int
    blocked: tuple[str, ...] = ()
    stopped: bool = False


def detect(path: Path) -> SourceKind:
    """The kind of mail in a file or folder. Raises :class:`InputError` if it is none of the known kinds."""
    try:
        if path.is_dir():
            if sources.titlani_names(path):
                return SourceKind.TITLANI
            inner = sorted(child.name for child in path.iterdir() if child.is_dir() and _is_titlani(child))
            if inner and not sources.maildirs(path, INBOX):
                raise InputError(
                    f"{path} contains several Titlani mailboxes: {', '.join(inner[:10])}.",
                    remedy="Import them one by one, each into its own account.",
                )
            return SourceKind.MAILDIR
        with path.open("rb") as file:
            beginning = file.read(65536)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if beginning.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").startswith(b"From "):
        if b"\r" in beginning and b"\n" not in beginning:
            raise StoreError(
                f"{path} is an mbox with the line ends of old Macs, which this program cannot read.",
                remedy=r"Convert it first: tr '\r' '\n' <OLD >NEW",
            )
        return SourceKind.MBOX
    if re.search(rb"^(?:\[[^\[\]\n]*\]\s*$|Mailbox:|<=====)", beginning, re.MULTILINE):
        return SourceKind.GEMBOX
    raise InputError(
        f"{path} is not mail this program can import.",
        remedy="It reads Titlani mailboxes, gembox files, mbox files and Maildirs.",
    )


def import_mail(
    source: Path,
    store: MailStore,
    account: MisfinAddress,
    *,
    now: datetime,
    kind: SourceKind | None = None,
    folder: str = INBOX,
    directory: str = "",
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> ImportReport:
    """Copy the mail at ``source`` into ``account``; the source is not changed.

    ``folder`` gets messages that have no folder at the source. ``progress`` is called with the amount done
    and the total, in messages (bytes for an mbox); ``stop`` is called between batches, and messages stored by
    then stay. Raises :class:`InputError` if the source cannot be used, :class:`StoreError` if the account
    cannot; the next attempt does not store again what was already stored.
    """
    kind = kind or detect(source)
    directory = directory or account.address
    home = store.folder(directory).path
    _refuse_itself(source, home)
    store.create(directory)
    total, found = _open(source, kind, account, folder)
    with _record(home) as record:
        batch = _Batch(store, directory, record, now)
        skipped: list[Skipped] = []
        count = 0
        stopped = False
        for done, item in found:
            if isinstance(item, Skipped):
                count += 1
                skipped += [item] if len(skipped) < _MAX_SKIPPED else []
            elif batch.add(item):
                if progress:
                    progress(done, total)
                if stop():
                    stopped = True
                    break
        batch.store()
        if progress and not stopped:
            progress(total, total)
    blocked, wrong = sources.titlani_blocked(source) if kind is SourceKind.TITLANI else ([], [])
    skipped = [*skipped, *wrong][:_MAX_SKIPPED]
    count += len(wrong)
    return ImportReport(kind, batch.added, batch.known, tuple(skipped), count, tuple(blocked), stopped)


def _open(
    source: Path, kind: SourceKind, account: MisfinAddress, folder: str
) -> tuple[int, Iterator[SourceItem]]:
    try:
        match kind:
            case SourceKind.TITLANI:
                return len(sources.titlani_names(source)), sources.titlani(source, account)
            case SourceKind.GEMBOX:
                return 1, sources.gembox(source, account)
            case SourceKind.MBOX:
                return source.stat().st_size, mbox.messages(source, folder)
            case SourceKind.MAILDIR:
                boxes = sources.maildirs(source, folder)
                if not boxes:
                    raise InputError(f"There is no Maildir in {source}.")
                total = sum(len(Maildir(path).names(part)) for path, _ in boxes for part in ("new", "cur"))
                return total, sources.maildir(boxes)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise InputError(f"{source} cannot be read: {error.strerror or error}.") from error


def _is_titlani(directory: Path) -> bool:
    try:
        return bool(sources.titlani_names(directory))
    except OSError:
        return False


def _refuse_itself(source: Path, home: Path) -> None:
    here, there = home.resolve(), source.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise InputError("An account cannot be imported into itself.")


class _Batch:
    """Messages being imported: stored together, then recorded as imported."""

    def __init__(self, store: MailStore, account: str, record: _Record, now: datetime) -> None:
        self._store = store
        self._seals = Seals(store.root)
        self._account = account
        self._record = record
        self._here = _Here(store, account, record.marks)
        self._now = now
        self._waiting: dict[str, list[tuple[str, Item]]] = {}
        self._flags: dict[tuple[str, str], str] = {}
        self._messages = self._bytes = 0
        self.added = self.known = 0

    def add(self, item: Item) -> bool:
        """Add a message unless it is present; True if the batch became full and was stored."""
        if not self._seals.is_sealed(item.data):
            item = replace(item, data=without_claims(item.data))  # whoever made the source wrote its fields
        mark = self._here.mark_if_new(item.folder, item.data)
        if mark is None:
            self.known += 1
        else:
            self._waiting.setdefault(item.folder, []).append((mark, item))
            self._messages += 1
            self._bytes += len(item.data)
        if self._messages < _BATCH_MESSAGES and self._bytes < _BATCH_BYTES:
            return False
        self.store()
        return True

    def store(self) -> None:
        for folder, messages in self._waiting.items():
            maildir = self._folder(folder)
            maildir.deliver_many([self._new_message(maildir, mark, item) for mark, item in messages])
            self._record.add([mark for mark, _ in messages])
            self.added += len(messages)
        self._waiting.clear()
        self._messages = self._bytes = 0

    def _folder(self, name: str) -> Maildir:
        try:
            maildir = self._store.folder(self._account, name)
        except StoreError:  # not a valid folder name here: its dots become levels
            maildir = self._store.folder(
                self._account, "/".join(filter(None, re.split(r"[./\0]+", name))) or INBOX
            )
        return maildir.create()

    def _new_message(self, maildir: Maildir, mark: str, item: Item) -> NewMessage:
        received = item.received if item.received is not None else self._now.timestamp()
        key = f"{max(0, int(received))}.I{mark}.imported"
        flags = item.flags
        for tag in item.tags:
            if (item.folder, tag) not in self._flags:
                self._flags[item.folder, tag] = _tag_flag(maildir, tag)
            flags += self._flags[item.folder, tag]
        return NewMessage(item.data, flags, received, key)


def _tag_flag(maildir: Maildir, tag: str) -> str:
    """The flag letter of a tag; empty if it cannot be a tag, or the folder has no letter left."""
    try:
        # All letters count as used: the messages of this batch are not on disk yet.
        return "".join(
            name_keywords(maildir.path, [check_tag("_".join(tag.split()))], lambda: FLAGS).values()
        )
    except StoreError:
        return ""


# ---- what is here already -------------------------------------------------------------------------


class _Here:
    """Tells which messages of a source the account already has; to be asked once for each, in order."""

    def __init__(self, store: MailStore, account: str, recorded: set[str]) -> None:
        self._recorded = recorded
        self._folders = [store.folder(account, name) for name in store.folders(account)]
        self._marked = {
            mark[1]
            for folder in self._folders
            for subdir in SUBDIRS
            for name in folder.names(subdir)
            if (mark := _MARK.search(name))
        }
        self._copies: Counter[bytes] | None = None
        self._met: Counter[str] = Counter()
        self._matched: Counter[bytes] = Counter()

    def mark_if_new(self, folder: str, data: bytes) -> str | None:
        """The mark to store a message under; None if it is already present."""
        content = _content(data)
        mark = _mark(folder, content)
        self._met[mark] += 1
        if (number := self._met[mark]) > 1:
            mark = _mark(mark, b"%d" % number)
        name = _digest(content)
        if mark in self._marked:
            self._matched[name] += 1
            return None
        if mark in self._recorded:
            return None
        if self._copies is None:  # only now: it costs reading all the account's messages
            self._copies = Counter(_digest(_content(message)) for message in self._messages())
        if self._matched[name] < self._copies[name]:
            self._matched[name] += 1
            return None
        return mark

    def _messages(self) -> Iterator[bytes]:
        """The account's readable messages that could also come from an import."""
        for folder in self._folders:
            for entry in folder.list():
                with suppress(StoreError):
                    data = folder.read(
                        entry.key, sources.MAX_MESSAGE_FILE + 1, seen=f"{entry.subdir}/{entry.name}"
                    )
                    if len(data) <= sources.MAX_MESSAGE_FILE:
                        yield data


def _content(data: bytes) -> bytes:
    """What identifies a message wherever it is stored: Message-ID, a few fields and the text.

    Fields that programs change in stored messages, such as the status, are ignored, and so are line ends.
    """
    headers, start = fields.split(data)
    if mbox.STATUS.search(data, 0, start):
        data = mbox.STATUS.sub(b"", data[:start]) + data[start:]
        headers, start = fields.split(data)
    text = envelope.to_gemmail(data) if envelope.is_gemmail(data) else data[start:]
    if len(data) > _LONG_HEADER and not _BLANK_LINE.search(data, 0, _LONG_HEADER):
        headers = {}  # where such a header is cut off depends on what was added to it
        text = mbox.STATUS.sub(b"", data)
    names = ("message-id", "date", "from", "to", "subject")
    head = [b"".join(fields.one(headers, name).split()) + b"\0" for name in names]
    return b"".join([*head, text.replace(b"\r\n", b"\n").rstrip()])


def _mark(folder: str, content: bytes) -> str:
    return hashlib.blake2b(folder.encode("utf-8", "replace") + b"\0" + content, digest_size=12).hexdigest()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=12).digest()


# ---- the record -----------------------------------------------------------------------------------


class _Record:
    """The marks of everything ever imported into an account."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        data = b""
        while piece := os.read(handle, 1 << 20):
            data += piece
        # A line cut off by a crash has another length; its message is known by its file name.
        self.marks = {line for line in data.decode("ascii", "replace").split("\n") if len(line) == 24}
        self._torn = bool(data) and not data.endswith(b"\n")

    def add(self, marks: list[str]) -> None:
        """Add marks; they are durable when this returns."""
        text = ("\n" if self._torn else "") + "".join(f"{mark}\n" for mark in marks)
        try:
            os.write(self._handle, text.encode())
            sync_file(self._handle)
        except OSError as error:
            raise StoreError(
                f"The record of imported messages could not be written: {error.strerror}."
            ) from error
        self._torn = False


@contextmanager
def _record(home: Path) -> Iterator[_Record]:
    """The record of an account, for one import at a time."""
    path = home / RECORD
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        _lock(handle)
        sync_folder(home)
        yield _Record(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreError(
            "Another import into this account is running.", remedy="Wait until it has finished."
        ) from error
