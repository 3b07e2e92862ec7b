"""Files messages: archive, trash, move, tag, star, read, for one, many or all that a search finds; with undo.

Files are renamed, so every other mail program sees the change: a star is the flag ``F``, read is ``S``, tags
are keyword flags (:mod:`misfin.store.mail.keywords`), a folder is a folder. Each message is renamed in one
step; after a crash every message is either filed or not, and the next scan sees which. The index is updated
afterwards, so that it does not have to list the folders.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.errors import MessageGoneError, StoreError
from misfin.model.folders import ARCHIVE, DRAFTS, FOLDERS, HELD, INBOX, SENT, TRASH
from misfin.store.index.file_place import message_id
from misfin.store.index.located import Located, Refiled
from misfin.store.mail.keywords import FLAGS as TAG_FLAGS
from misfin.store.mail.keywords import check_tag, name_keywords, read_keywords, tags_of
from misfin.store.mail.maildir import Entry, Maildir, MailStore, split_name
from misfin.store.rows import View

if TYPE_CHECKING:
    from misfin.store.index import MailIndex


class Action(StrEnum):
    """An action on messages. The argument of ``MOVE`` is a folder, that of ``TAG`` and ``UNTAG`` a tag."""

    ARCHIVE = "archive"
    TRASH = "trash"
    MOVE = "move"
    TAG = "tag"
    UNTAG = "untag"
    STAR = "star"
    UNSTAR = "unstar"
    READ = "read"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one message, which is in ``folder`` as ``seen`` (``cur/NAME``)."""

    thread: int
    """Its conversation in the index, to find it there."""
    account: str
    folder: str
    seen: str
    to: str = ""
    """The folder to move it to; empty if only flags change."""
    add: str = ""
    remove: str = ""
    """Flags to set and to clear."""
    row: int = 0
    """The message's row in the same index as ``thread``: its file may be renamed."""

    def back(self, seen: str) -> Change:
        """The change that undoes this one, when the message is at ``seen``."""
        folder, origin = (self.to, self.folder) if self.to else (self.folder, "")
        return replace(self, folder=folder, seen=seen, to=origin, add=self.remove, remove=self.add)


@dataclass(frozen=True, slots=True)
class Undo:
    """Everything needed to undo one action. ``missed`` messages had gone before it reached them."""

    action: Action
    argument: str
    done: tuple[Change, ...]
    missed: int = 0

    @property
    def count(self) -> int:
        """How many messages were changed, not counting those that needed no change."""
        return len(self.done)


Targets = Sequence[str] | Sequence[int] | View
"""Messages by id, conversations by thread number, or everything a view shows."""

BATCH: Final = 500
"""Messages filed between two updates of the index, so that a long action shows and others can use it."""

Progress = Callable[[int, int], None]

_FLAG_CHANGES: Final[Mapping[Action, tuple[str, str]]] = {
    Action.STAR: ("F", ""),
    Action.UNSTAR: ("", "F"),
    Action.READ: ("S", ""),
    Action.UNREAD: ("", "S"),
}
_FOLDERS: Final[Mapping[Action, str]] = {Action.ARCHIVE: ARCHIVE, Action.TRASH: TRASH}
_NEWEST_ONLY: Final = frozenset({Action.STAR, Action.UNREAD})
_STAYS: Final[Mapping[Action, frozenset[str]]] = {
    # Folders whose messages stay where they are when a conversation is filed from no particular folder.
    Action.ARCHIVE: frozenset(FOLDERS) - {INBOX},
    Action.TRASH: frozenset({DRAFTS, TRASH}),
    Action.MOVE: frozenset({SENT, DRAFTS, HELD}),
}
_LEAVES_HELD: Final = frozenset({Action.ARCHIVE, Action.MOVE})
"""Held mail leaves its folder only through a decision about its sender, or to the trash."""


class Filing:
    """Performs actions and undoes them. Thread-safe."""

    def __init__(self, index: MailIndex, store: MailStore) -> None:
        self._index = index
        self._store = store

    def apply(
        self,
        action: Action,
        targets: Targets,
        argument: str = "",
        *,
        view: View | None = None,
        progress: Progress = lambda done, total: None,
        begin: Callable[[Undo], object] = lambda planned: None,
    ) -> Undo:
        """Perform an action on messages.

        Whole conversations are filed as seen from ``view``: the messages in its folder, or, if it shows more
        than one folder, all but those that belong where they are (sent, drafts). Starring a conversation or
        marking it unread applies to its newest message; removing a tag or a star applies to all its messages.
        ``progress`` is called now and then with the number of messages done and their total. ``begin`` is
        called before the first message is touched with the undo of everything planned; undoing that after a
        crash leaves messages alone that were not reached.

        Raises:
            StoreError: the disk refused, or the argument is not a folder or tag. All changes are undone.
        """
        messages = self._index.locate(targets)
        if not isinstance(targets, View) and targets and isinstance(targets[0], int):
            messages = _as_seen(messages, action, view)
        run = _Run(self._index, self._store)
        plan = run.plan(action, argument)
        with self._index.filing():
            changes = [change for message in messages if (change := plan(message))]
            if changes:
                begin(Undo(action, argument, tuple(change.back(change.seen) for change in changes)))
            try:
                missed = 0
                for number, change in enumerate(changes):
                    if number % BATCH == 0:
                        progress(number, len(changes))
                    missed += not run.do(change.row, change)
                run.finish()
            except BaseException:
                with suppress(StoreError):  # report the first error
                    self.undo(Undo(action, argument, tuple(run.done)))
                raise
        return Undo(action, argument, tuple(run.done), missed)

    def undo(self, undo: Undo, progress: Progress = lambda done, total: None) -> int:
        """Undo an action; messages that other programs have moved since stay where they are.

        Returns how many messages were restored. Raises :class:`StoreError`.
        """
        run = _Run(self._index, self._store)
        with self._index.filing():
            messages = self._messages(undo.done)
            for number, change in enumerate(reversed(undo.done)):
                if number % BATCH == 0:
                    progress(number, undo.count)
                message = messages.get(_place(change)) or messages.get(_name(change))
                if run.do(message.row if message else None, change):
                    continue
                message = messages.get((change.thread, change.row))
                if message and (message.account, message.folder) == (change.account, change.folder):
                    run.do(message.row, replace(change, seen=message.seen))
            run.finish()
        return len(run.done)

    def _messages(self, changes: Sequence[Change]) -> dict[tuple[str | int, ...], Located]:
        """Messages in the index, which may have been rebuilt since, by place, by name and by number.

        A rebuilt index numbers conversations differently, so no message is mistaken for another.
        """
        known = self._index.locate(sorted({change.thread for change in changes}))
        found = _by_name(known)
        unknown = [message_id(os.fsencode(each.seen)) for each in changes if _name(each) not in found]
        if unknown:
            found |= _by_name(self._index.locate(unknown))
        return found | {(message.thread, message.row): message for message in known}


class _Run:
    """One pass over messages: renames their files, records the undo, updates the index now and then."""

    def __init__(self, index: MailIndex, store: MailStore) -> None:
        self.index = index
        self.store = store
        self.done: list[Change] = []
        self._renamed: list[Refiled] = []
        self._maildirs: dict[tuple[str, str], Maildir] = {}
        self._flags: dict[tuple[Path, str], str] = {}
        self._keywords: dict[Path, dict[str, str]] = {}
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
        return lambda message: None if message.folder == to else self._needed(_unchanged(message, to))

    def do(self, row: int | None, change: Change) -> bool:
        """Apply a change to one message; False if the message is gone.

        Without a ``row`` the index does not know the message yet, and the next scan will find it.
        """
        needed = self._needed(change)
        if needed is None:
            return True
        try:
            entry = self._move(needed) if needed.to else self._flag(needed)
        except MessageGoneError:
            return False
        back = needed.back(_seen(entry))
        self.done.append(back)
        if row is not None:
            self._renamed.append(Refiled(row, back.account, back.folder, os.fsencode(back.seen)))
            if len(self._renamed) >= BATCH:
                self._update_index()
        return True

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
            entry = maildir.find(_key(change.seen))
            if entry is None:
                return change  # gone, as the rename will find
            change = replace(change, seen=_seen(entry))
        if change.to:
            return change
        flags = set(split_name(change.seen[4:])[1])
        add, remove = "".join(set(change.add) - flags), "".join(set(change.remove) & flags)
        return replace(change, add=add, remove=remove) if add or remove else None

    def _flag(self, change: Change) -> Entry:
        maildir = self._maildir(change.account, change.folder)
        entry = maildir.change_flags(
            _key(change.seen), add=change.add, remove=change.remove, sync=False, seen=change.seen
        )
        self._unsynced[maildir.path] = maildir
        return entry

    def _move(self, change: Change) -> Entry:
        maildir = self._maildir(change.account, change.folder)
        target = self._maildir(change.account, change.to)
        key, flags = split_name(change.seen[4:])
        # The same tag may have another flag in the target folder.
        plain = "".join(flag for flag in flags if flag not in TAG_FLAGS)
        tags = tags_of(flags, self._keywords_of(maildir))
        moved_flags = plain + "".join(self._flag_of(target, change.account, tag) for tag in tags)
        changed = set(moved_flags) != set(flags)
        entry = maildir.move(key, target, moved_flags if changed else None, sync=False, seen=change.seen)
        self._unsynced[maildir.path] = maildir
        self._unsynced[target.path] = target
        return entry

    def _update_index(self) -> None:
        renamed, self._renamed = self._renamed, []
        if renamed:
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


def _as_seen(messages: Sequence[Located], action: Action, view: View | None) -> list[Located]:
    """The messages of conversations to which an action applies."""
    if action not in (Action.UNTAG, Action.UNSTAR):
        folder = view.folder if view is not None else None
        if folder is None:
            messages = [message for message in messages if message.folder not in _STAYS.get(action, ())]
        else:
            # Held mail is shown with the Inbox, but leaves its folder only to the trash.
            shown = {folder, HELD} if folder == INBOX and action not in _LEAVES_HELD else {folder}
            messages = [message for message in messages if message.folder in shown]
        if view is not None and view.account is not None:
            messages = [message for message in messages if message.account == view.account]
    if action in _NEWEST_ONLY:
        # Oldest first, so that the last one of each thread stays.
        return list({message.thread: message for message in messages}.values())
    return list(messages)


def _flags_in_use(maildir: Maildir) -> set[str]:
    return {
        flag for subdir in ("new", "cur") for name in maildir.names(subdir) for flag in split_name(name)[1]
    }


def _seen(entry: Entry) -> str:
    return f"{entry.subdir}/{entry.name}"


def _unchanged(message: Located, to: str = "") -> Change:
    return Change(message.thread, message.account, message.folder, message.seen, to, row=message.row)


def _by_name(messages: Sequence[Located]) -> dict[tuple[str | int, ...], Located]:
    return {key: message for message in messages for key in (_name(message), _place(message))}


def _key(seen: str) -> str:
    return split_name(seen[4:])[0]


def _name(message: Located | Change) -> tuple[str, ...]:
    return message.account, _key(message.seen)


def _place(message: Located | Change) -> tuple[str, ...]:
    return message.account, message.folder, _key(message.seen)
