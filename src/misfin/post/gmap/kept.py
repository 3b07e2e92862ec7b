"""A mailbox of this host as GMAP shows it: folders and flags of its Maildirs as tags (docs/gmap.md §4).

Every change goes the way of all others (post/inbox.py): renamed, durable before it is answered, so the app
and every other program on the Maildir sees it. Nothing is remembered besides the mail itself: an id is made
of a message's key, which stays when it moves. Blocks; safe to call from any thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from misfin.errors import MessageGoneError, MisfinError, StoreError
from misfin.gmap.asked import (
    NO_SUCH_MESSAGE,
    NOT_IN_TRASH,
    UNREADABLE,
    GmapAct,
    GmapAnswer,
    GmapAsked,
    success,
)
from misfin.gmap.requests import MAX_MESSAGE, UNREAD, is_tag
from misfin.model.folders import ARCHIVE, DRAFTS, HELD, INBOX, SENT, TRASH
from misfin.model.gemmail import GemmailMessage, Version
from misfin.post.inbox import LocalInbox
from misfin.store.mail.filenames import Entry
from misfin.store.mail.keywords import check_tag, read_keywords, tags_of
from misfin.store.mail.maildir import SUBDIRS, Maildir, MailStore
from misfin.store.message.envelope import read

_FOLDERS: Final = (TRASH, DRAFTS, SENT, ARCHIVE, INBOX)
"""The folders that are tags. What is in another folder has none of them, and what is held is not shown."""
_HIDDEN: Final = frozenset({HELD})
_TRIES: Final = 8
"""How often the folders are listed while somebody moves messages between them."""
_SETTLED: Final = 0.2
"""Seconds after which another change of a folder surely has another time."""
_MOST_FILE: Final = 4 * MAX_MESSAGE
"""Bytes of a stored message: quoted-printable triples some."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message in a folder, with its tags."""

    entry: Entry
    folder: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Listing:
    stamp: tuple[tuple[str, int], ...]
    messages: Mapping[str, KeptMessage]
    lasting: bool
    """Whether the stamp would show any later change."""


@dataclass(frozen=True, slots=True)
class _FolderPaths:
    """The folders, each with the paths whose times show whether it has changed."""

    changed: int
    """When the folder with all of them had last changed; 0 if that would not show the next change."""
    folders: tuple[tuple[str, tuple[str, ...]], ...]


class KeptMailbox:
    """One mailbox: the mail in ``directory`` of ``store``."""

    def __init__(self, store: MailStore, directory: str) -> None:
        self._store = store
        self._inbox = LocalInbox(store)
        self._directory = directory
        self._lock = threading.Lock()
        self._listing: _Listing | None = None
        self._folder_paths: _FolderPaths | None = None
        self._home = store.folder(directory, SENT).path.parent
        self._maildirs: dict[str, Maildir] = {}

    def answer(self, asked: GmapAsked) -> GmapAnswer:
        """Do what is asked. Raises :class:`~misfin.errors.StoreError`; anything may be asked again."""
        with self._lock:
            if asked.act is GmapAct.LIST:
                return success(", ".join(self._ids(asked.tag, asked.since)).encode())
            if asked.act is GmapAct.READ and (answer := self._read_known(asked.message)) is not None:
                return answer
            found = self._messages().get(asked.message)
            if found is None:
                return NO_SUCH_MESSAGE
            try:
                return self._do(asked, found)
            except MessageGoneError:
                return NO_SUCH_MESSAGE
            finally:
                if asked.act.changes:
                    self._listing = None

    def _do(self, asked: GmapAsked, found: KeptMessage) -> GmapAnswer:
        match asked.act:
            case GmapAct.READ:
                return self._read(found)
            case GmapAct.TAG:
                self._tag(found, asked.tag)
                return success(b"Tag added")
            case GmapAct.UNTAG:
                self._untag(found, asked.tag)
                return success(b"Tag removed")
        if found.folder != TRASH:
            return NOT_IN_TRASH
        self._inbox.remove(self._directory, TRASH, [found.entry.key])
        return success(b"Message deleted")

    # ---- looking

    def _ids(self, tag: str, since: datetime | None) -> list[str]:
        wanted = _spelled(tag)
        return sorted(
            name
            for name, kept in self._messages().items()
            if (tag == TRASH or kept.folder != TRASH)
            and (not tag or wanted in kept.tags)
            and (since is None or _received(kept.entry.key) >= since.timestamp())
        )

    def _messages(self) -> Mapping[str, KeptMessage]:
        """Every message by its id; none is missed because it is moved meanwhile."""
        for _ in range(_TRIES):
            folders, stamp = self._look()
            if self._listing is not None and self._listing.lasting and self._listing.stamp == stamp:
                return self._listing.messages
            begun = time.time_ns()
            found: dict[str, KeptMessage] = {}
            for folder in folders:
                self._list(folder, found)
            if self._look()[1] == stamp:
                newest = max((at for _, at in stamp), default=0)
                self._listing = _Listing(stamp, found, begun - newest > _SETTLED * 1e9)
                return found
        raise StoreError(f"The mail of {self._directory} changed each time it was looked at.")

    def _look(self) -> tuple[list[str], tuple[tuple[str, int], ...]]:
        """The folders, and a value that changes with what is in them."""
        changed = _changed(str(self._home))
        found = self._folder_paths
        if found is None or found.changed != changed:
            found = self._folder_paths = self._look_for_folders(changed)
        stamp = [(path, _changed(path)) for _, paths in found.folders for path in paths]
        return [folder for folder, _ in found.folders], tuple(stamp)

    def _look_for_folders(self, changed: int) -> _FolderPaths:
        lasting = changed and time.time_ns() - changed > _SETTLED * 1e9
        folders = [each for each in self._store.folders(self._directory) if each not in _HIDDEN]
        folders.sort(key=lambda each: _FOLDERS.index(each) if each in _FOLDERS else len(_FOLDERS))
        return _FolderPaths(
            changed if lasting else 0,
            tuple(
                (each, tuple(str(self._maildir(each).path / part) for part in SUBDIRS)) for each in folders
            ),
        )

    def _maildir(self, folder: str) -> Maildir:
        found = self._maildirs.get(folder)
        if found is None:
            found = self._maildirs[folder] = self._store.folder(self._directory, folder)
        return found

    def _list(self, folder: str, found: dict[str, KeptMessage]) -> None:
        maildir = self._maildir(folder)
        keywords = read_keywords(maildir.path)
        for entry in maildir.list():
            tags = {each for each in tags_of(entry.flags, keywords) if is_tag(each)}
            if folder in _FOLDERS:
                tags.add(folder)
            if "S" not in entry.flags:
                tags.add(UNREAD)
            found.setdefault(id_of(entry.key), KeptMessage(entry, folder, frozenset(tags)))

    def _read_known(self, message: str) -> GmapAnswer | None:
        """Read a message where it was listed last; None if it is not there any more, or was not listed.

        Whatever became of its tags, its text is the same: fetching a mailbox need not look at it again for
        each message.
        """
        found = None if self._listing is None else self._listing.messages.get(message)
        if found is None:
            return None
        try:
            return self._read(found)
        except MessageGoneError:
            return None

    def _read(self, found: KeptMessage) -> GmapAnswer:
        entry = found.entry
        maildir = self._maildir(found.folder)
        data = maildir.read(entry.key, _MOST_FILE, seen=f"{entry.subdir}/{entry.name}")
        try:
            stored = read(data)
            if stored.version == Version.C.value:
                gemmail = stored.gemmail
            else:
                gemmail = GemmailMessage.from_bytes_b(stored.gemmail).to_bytes(Version.C)
        except MessageGoneError:
            raise
        except MisfinError:
            return UNREADABLE
        return success(gemmail) if len(gemmail) <= MAX_MESSAGE else UNREADABLE

    # ---- changing

    def _tag(self, found: KeptMessage, tag: str) -> None:
        if tag == UNREAD:
            self._flag(found, remove="S")
        elif tag in _FOLDERS:
            self._move(found, tag)
        else:
            name = check_tag(tag)
            char = self._inbox.tag_flags(self._directory, found.folder, [name]).get(name)
            if char is None:
                raise StoreError(f"There is no room for another tag in {found.folder}.")
            self._flag(found, add=char)

    def _untag(self, found: KeptMessage, tag: str) -> None:
        if tag == UNREAD:
            self._flag(found, add="S")
        elif tag == found.folder:
            # It must stay somewhere: out of the trash it comes into sight again, else it is put away.
            self._move(found, INBOX if tag == TRASH else ARCHIVE)
        elif tag not in _FOLDERS:
            keywords = read_keywords(self._store.folder(self._directory, found.folder).path)
            chars = [char for char, name in keywords.items() if name == _spelled(tag)]
            if chars:
                self._flag(found, remove="".join(chars))

    def _flag(self, found: KeptMessage, *, add: str = "", remove: str = "") -> None:
        flags = set(found.entry.flags)
        if set(add) <= flags and not set(remove) & flags:
            return
        if not self._inbox.flag(self._directory, found.folder, [(found.entry.key, add, remove)]):
            raise MessageGoneError("The message is no longer there.")

    def _move(self, found: KeptMessage, to: str) -> None:
        if found.folder == to:
            return
        entry, flags = found.entry, None
        source = self._store.folder(self._directory, found.folder).path
        if names := tags_of(entry.flags, read_keywords(source)):
            chars = self._inbox.tag_flags(self._directory, to, names)
            flags = "".join(each for each in entry.flags if each.isupper()) + "".join(chars.values())
        if not self._inbox.move(self._directory, found.folder, to, [(entry.key, flags)]):
            raise MessageGoneError("The message is no longer there.")


def _changed(path: str) -> int:
    """When a folder last changed; 0 if there is none."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - many for each request
    except OSError:
        return 0


@lru_cache(maxsize=65536)
def id_of(key: str) -> str:
    """The id of a message: when it was received, and what stands for its key, as Titlani makes them."""
    import hashlib  # late: OpenSSL is megabytes

    moment = datetime.fromtimestamp(_received(key), UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:16]}"


def _received(key: str) -> int:
    """When a message was received (Unix seconds): what Maildir keys begin with; 0 if this one does not."""
    digits = key.partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else 0


def _spelled(tag: str) -> str:
    """A tag as it is stored: case does not matter in any but the folders' and ``Unread``."""
    return tag if tag in _FOLDERS or tag == UNREAD else tag.lower()
