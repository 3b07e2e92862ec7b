"""One pass over messages: renames, copies or removes their files, and keeps what undoes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.errors import MessageGoneError, StoreError
from misfin.model.account import AddressKind, kind_in
from misfin.model.folders import ARCHIVE, DRAFTS, INBOX, TRASH, holds_mail
from misfin.store.filing_changes import Action, Change, Copying
from misfin.store.index.located import Located, Refiled
from misfin.store.mail.copying import copy_message
from misfin.store.mail.keywords import FLAGS as TAG_FLAGS
from misfin.store.mail.keywords import check_tag, name_keywords, read_keywords, tags_of
from misfin.store.mail.maildir import Entry, Maildir, MailStore, split_name

if TYPE_CHECKING:
    from misfin.store.index import MailIndex
    from misfin.store.seals import Seals

BATCH: Final = 500
"""Messages filed between two updates of the index, so that a long action shows and others can use it."""

_FLAG_CHANGES: Final[Mapping[Action, tuple[str, str]]] = {
    Action.STAR: ("F", ""),
    Action.UNSTAR: ("", "F"),
    Action.READ: ("S", ""),
    Action.UNREAD: ("", "S"),
}
_FOLDERS: Final[Mapping[Action, str]] = {Action.ARCHIVE: ARCHIVE, Action.TRASH: TRASH}


class Run:
    """One pass over messages: renames their files, records the undo, updates the index now and then."""

    def __init__(self, index: MailIndex | None, store: MailStore) -> None:
        self.index = index
        self.store = store
        self.done: list[Change] = []
        self._renamed: list[Refiled] = []
        self._maildirs: dict[tuple[str, str], Maildir] = {}
        self._flags: dict[tuple[Path, str], str] = {}
        self._keywords: dict[Path, dict[str, str]] = {}
        self._seals: Seals | None = None
        self._unsynced: dict[Path, Maildir] = {}

    def plan(self, action: Action, argument: str) -> Callable[[Located], Change | None]:
        """A function that gives an action's change to a message, None for no change.

        Raises :class:`StoreError` for an invalid argument.
        """
        if action in _FLAG_CHANGES:
            add, remove = _FLAG_CHANGES[action]
            return lambda message: self._needed(replace(_unchanged(message), add=add, remove=remove))
        if action is Action.TAG:
            tag = check_tag(argument)
            return lambda message: self._needed(
                replace(_unchanged(message), add=self._flag_for(message, tag))
            )
        if action is Action.UNTAG:
            tag = check_tag(argument)
            return lambda message: self._needed(
                replace(_unchanged(message), remove=self._flags_of(message, tag))
            )
        folder = _FOLDERS.get(action, argument)
        if not folder:
            raise StoreError("No folder to move to was given.", remedy="Name one, such as Archive.")
        to = INBOX if folder.upper() == "INBOX" else folder
        if action is Action.COPY:
            return lambda message: self._copied(message, to)
        return lambda message: None if message.folder == to else self._needed(_unchanged(message, to))

    def do(self, row: int | None, change: Change) -> bool:
        """Apply a change to one message; False if the message is gone.

        Without a ``row`` the index does not know the message yet, and the next scan will find it.
        """
        needed = self._needed(change)
        if needed is None:
            return True
        try:
            entry = self._changed(needed)
        except MessageGoneError:
            return False
        back = needed.back(_seen(entry))
        self.done.append(back)
        if row is not None and needed.copying == Copying.NONE:
            self._renamed.append(Refiled(row, back.account, back.folder, os.fsencode(back.seen)))
            if len(self._renamed) >= BATCH:
                self._update_index()
        return True

    def tag_flag(self, account: str, folder: str, tag: str) -> str:
        """The flag that means a tag in a folder. Raises :class:`StoreError` for what cannot be a tag."""
        return self._flag_of(self._maildir(account, folder), account, check_tag(tag))

    def finish(self) -> None:
        """Make everything durable and update the index."""
        self._update_index()
        for maildir in self._unsynced.values():
            maildir.sync()
        self._unsynced.clear()

    def _needed(self, change: Change) -> Change | None:
        """The part of a change that is still needed for the file as it is now; None if there is none."""
        maildir = self._maildir(change.account, change.folder)
        if not os.path.lexists(f"{maildir.path}/{change.seen}"):  # Path objects cost more
            entry = maildir.find(key_of(change.seen))
            if entry is None:
                return change  # gone, as the rename will find
            change = replace(change, seen=_seen(entry))
        if change.to or change.copying != Copying.NONE:
            return change
        flags = set(split_name(change.seen[4:])[1])
        add, remove = "".join(set(change.add) - flags), "".join(set(change.remove) & flags)
        return replace(change, add=add, remove=remove) if add or remove else None

    def _changed(self, change: Change) -> Entry:
        match change.copying:
            case Copying.MAKE:
                return self._copy(change)
            case Copying.REMOVE:
                return self._remove(change)
        return self._move(change) if change.to else self._flag(change)

    def _flag(self, change: Change) -> Entry:
        maildir = self._maildir(change.account, change.folder)
        entry = maildir.change_flags(
            key_of(change.seen), add=change.add, remove=change.remove, sync=False, seen=change.seen
        )
        self._unsynced[maildir.path] = maildir
        return entry

    def _move(self, change: Change) -> Entry:
        maildir = self._maildir(change.account, change.folder)
        target = self._maildir(change.account, change.to)
        key, flags = split_name(change.seen[4:])
        moved_flags = self._flags_in(target, change, "".join(sorted({*flags, *change.add})))
        changed = set(moved_flags) != set(flags)
        entry = maildir.move(key, target, moved_flags if changed else None, sync=False, seen=change.seen)
        self._unsynced[maildir.path] = maildir
        self._unsynced[target.path] = target
        return entry

    def _flags_in(self, target: Maildir, change: Change, flags: str) -> str:
        """The flags of a message as they are in another folder, where the same tag may have another one."""
        plain = "".join(flag for flag in flags if flag not in TAG_FLAGS)
        tags = tags_of(flags, self._keywords_of(self._maildir(change.account, change.folder)))
        return plain + "".join(self._flag_of(target, change.account, tag) for tag in tags)

    def _copied(self, message: Located, to: str) -> Change | None:
        """The change that copies a message. What is held leaves its folder only through a decision."""
        if message.folder in (to, DRAFTS) or holds_mail(message.account, message.folder):
            return None
        return self._needed(replace(_unchanged(message, to), copying=Copying.MAKE))

    def _copy(self, change: Change) -> Entry:
        maildir = self._maildir(change.account, change.folder)
        target = self._maildir(change.account, change.to)
        key, flags = split_name(change.seen[4:])
        wanted = self._flags_in(target, change, flags)
        if kind_in(change.account) is AddressKind.MISFIN:
            from misfin.store.seals import Seals, sealed_copy  # late: only copying needs it

            self._seals = self._seals or Seals(self.store.root)
            if (copy := sealed_copy(self._seals, maildir, key, change.seen)) is not None:
                return target.create().deliver_many([replace(copy, flags=wanted)])[0]
        return copy_message(maildir, key, target, wanted, seen=change.seen)

    def _remove(self, change: Change) -> Entry:
        maildir, key = self._maildir(change.account, change.folder), key_of(change.seen)
        entry = maildir.find(key, change.seen)
        maildir.remove(key)
        if entry is None:  # it came back between two looks, and is gone now
            raise MessageGoneError(f"The message {key} is no longer in {maildir.path}.")
        return entry

    def _update_index(self) -> None:
        renamed, self._renamed = self._renamed, []
        if renamed and self.index is not None:
            self.index.refile(renamed)

    def _maildir(self, account: str, folder: str) -> Maildir:
        maildir = self._maildirs.get((account, folder))
        if maildir is None:
            maildir = self._maildirs[account, folder] = self.store.folder(account, folder)
        return maildir

    def _flag_for(self, message: Located, tag: str) -> str:
        return self._flag_of(self._maildir(message.account, message.folder), message.account, tag)

    def _flags_of(self, message: Located, tag: str) -> str:
        """The flags that mean a tag in a message's folder."""
        keywords = self._keywords_of(self._maildir(message.account, message.folder))
        return "".join(flag for flag, named in keywords.items() if named == tag)

    def _keywords_of(self, maildir: Maildir) -> dict[str, str]:
        if maildir.path not in self._keywords:
            self._keywords[maildir.path] = read_keywords(maildir.path)
        return self._keywords[maildir.path]

    def _flag_of(self, maildir: Maildir, account: str, tag: str) -> str:
        """The flag that means this tag in this folder; assigns one if there is none yet."""
        place = (maildir.path, tag)
        if place not in self._flags:
            maildir.create()
            preferred = {
                named: flag
                for folder in self.store.folders(account)
                for flag, named in self._keywords_of(self._maildir(account, folder)).items()
            }
            in_use = partial(_flags_in_use, maildir)
            self._flags[place] = name_keywords(maildir.path, [tag], in_use, preferred)[tag]
            self._keywords.pop(maildir.path, None)
        return self._flags[place]


def _flags_in_use(maildir: Maildir) -> set[str]:
    return {
        flag for subdir in ("new", "cur") for name in maildir.names(subdir) for flag in split_name(name)[1]
    }


def _seen(entry: Entry) -> str:
    return f"{entry.subdir}/{entry.name}"


def _unchanged(message: Located, to: str = "") -> Change:
    return Change(message.thread, message.account, message.folder, message.seen, to, row=message.row)


def key_of(seen: str) -> str:
    """The key of a message that is at ``cur/NAME``."""
    return split_name(seen[4:])[0]
