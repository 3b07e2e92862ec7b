"""Filing letters: archive, trash, move, tag, star, read, on one, many or all a search finds; each with undo.

What is done is done to the files, by renaming them, so every other mail program sees it: a star is the flag
``F``, read is ``S``, tags are keyword flags (:mod:`misfin.store.keywords`), a folder is a folder. Each letter
is renamed in one step; a crash leaves every letter either filed or not, and the next scan sees which. The
index is told afterwards, so that nothing has to be listed for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.errors import LetterGoneError, StoreError
from misfin.store.index.locating import Located, Refiled
from misfin.store.keywords import FLAGS as TAG_FLAGS
from misfin.store.keywords import check_tag, name_keywords, read_keywords, tags_of
from misfin.store.maildir import Entry, Maildir, MailStore, split_name
from misfin.store.rows import HELD, INBOX, View

if TYPE_CHECKING:
    from misfin.store.index import MailIndex


class Action(StrEnum):
    """What can be done to letters. ``MOVE`` takes a folder as its argument, ``TAG`` and ``UNTAG`` a tag."""

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
class Done:
    """What happened to one letter: where it is now (``seen`` is ``cur/NAME``), and how to take it back."""

    row: int
    account: str
    folder: str
    seen: str
    back_to: str = ""
    """The folder it was moved from; empty when it only changed flags."""
    add: str = ""
    remove: str = ""
    """Flags to set and to clear again."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Everything needed to take one action back. ``missed`` letters had gone before it reached them."""

    action: Action
    argument: str
    done: tuple[Done, ...]
    missed: int = 0

    @property
    def count(self) -> int:
        """How many letters were changed; those that already were as asked are not among them."""
        return len(self.done)


Targets = Sequence[str] | Sequence[int] | View
"""Letters by id, conversations by thread number, or everything a view shows."""

TOLD_AT_ONCE: Final = 500
"""Letters filed between two updates of the index: a long action shows, and others get their turn."""

Progress = Callable[[int, int], None]

_FLAG_CHANGES: Final[Mapping[Action, tuple[str, str]]] = {
    Action.STAR: ("F", ""),
    Action.UNSTAR: ("", "F"),
    Action.READ: ("S", ""),
    Action.UNREAD: ("", "S"),
}
_FOLDERS: Final[Mapping[Action, str]] = {Action.ARCHIVE: "Archive", Action.TRASH: "Trash"}
_NEWEST_ONLY: Final = frozenset({Action.STAR, Action.UNREAD})
_STAYS: Final[Mapping[Action, frozenset[str]]] = {
    # What filing a whole conversation leaves where it is when no folder was being looked at.
    Action.ARCHIVE: frozenset({"Sent", "Drafts", "Junk", "Trash", "Archive", HELD}),
    Action.TRASH: frozenset({"Drafts", "Trash"}),
    Action.MOVE: frozenset({"Sent", "Drafts", HELD}),
}
_LEAVES_HELD: Final = frozenset({Action.ARCHIVE, Action.MOVE})
"""Held mail leaves its folder by a decision about its sender, or into the trash."""


class Filing:
    """Does actions and takes them back. Safe for any thread."""

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
    ) -> Undo:
        """Do something to letters.

        Whole conversations are filed as seen from ``view``: the letters in its folder, or, where it shows no
        single folder, all but those that belong where they are (sent, drafts). Starring a conversation or
        marking it unread means its newest letter; taking a tag or a star away means all its letters.
        ``progress`` is told now and then how many letters of how many were dealt with.

        Raises:
            StoreError: the disk refused, or the argument is no folder or tag. What was changed until then is
                changed back.
        """
        letters = self._index.locate(targets)
        if not isinstance(targets, View) and targets and isinstance(targets[0], int):
            letters = _as_seen(letters, action, view)
        errand = _Errand(self._index, self._store)
        act = errand.action(action, argument)
        with self._index.filing():
            try:
                for number, letter in enumerate(letters):
                    if number % TOLD_AT_ONCE == 0:
                        progress(number, len(letters))
                    errand.do(letter.row, letter.account, letter.folder, letter.seen, act)
                errand.finish()
            except BaseException:
                with suppress(StoreError):  # the first error is the one to tell
                    self.undo(Undo(action, argument, tuple(errand.done)))
                raise
        return Undo(action, argument, tuple(errand.done), errand.missed)

    def undo(self, undo: Undo, progress: Progress = lambda done, total: None) -> int:
        """Take an action back; letters that other programs moved on meanwhile stay where they are.

        Returns how many letters are as they were. Raises :class:`StoreError`.
        """
        errand = _Errand(self._index, self._store)
        with self._index.filing():
            for number, done in enumerate(reversed(undo.done)):
                if number % TOLD_AT_ONCE == 0:
                    progress(number, undo.count)
                if done.back_to:
                    act: _Act = partial(errand.move, to=done.back_to)
                else:
                    act = partial(errand.flag, add=done.add, remove=done.remove)
                errand.do(done.row, done.account, done.folder, done.seen, act)
            errand.finish()
        return len(errand.done)


class _Errand:
    """One walk over letters: renames their files, remembers how to go back, tells the index now and then."""

    def __init__(self, index: MailIndex, store: MailStore) -> None:
        self.index = index
        self.store = store
        self.done: list[Done] = []
        self.missed = 0
        self._told = 0
        self._flags: dict[tuple[Path, str], str] = {}
        self._keywords: dict[Path, dict[str, str]] = {}
        self._unsynced: dict[Path, Maildir] = {}

    def action(self, action: Action, argument: str) -> _Act:
        """The function that does an action to one letter. Raises :class:`StoreError` for its argument."""
        if action in _FLAG_CHANGES:
            add, remove = _FLAG_CHANGES[action]
            return partial(self.flag, add=add, remove=remove)
        if action in (Action.TAG, Action.UNTAG):
            return partial(self.tag, tag=check_tag(argument), on=action is Action.TAG)
        folder = _FOLDERS.get(action, argument)
        if not folder:
            raise StoreError("There is no folder to move to.", remedy="Name one, such as Archive.")
        return partial(self.move, to=INBOX if folder.upper() == "INBOX" else folder)

    def do(self, row: int, account: str, folder: str, seen: str, act: _Act) -> None:
        """Do one thing to one letter; a letter that is gone is counted and passed over."""
        try:
            done = act(row, account, folder, seen)
        except LetterGoneError:
            self.missed += 1
            return
        if done is not None:
            self.done.append(done)
            if len(self.done) - self._told >= TOLD_AT_ONCE:
                self._tell()

    def finish(self) -> None:
        """Make everything durable and known to the index."""
        self._tell()
        for maildir in self._unsynced.values():
            maildir.sync()
        self._unsynced.clear()

    def flag(self, row: int, account: str, folder: str, seen: str, *, add: str, remove: str) -> Done | None:
        maildir = self._maildir(account, folder)
        key, flags = split_name(seen[4:])
        add, remove = "".join(set(add) - set(flags)), "".join(set(remove) & set(flags))
        if not add and not remove and os.path.lexists(maildir.path / seen):
            return None
        entry = maildir.change_flags(key, add=add, remove=remove, sync=False, seen=seen)
        self._unsynced[maildir.path] = maildir
        return Done(row, account, folder, _seen(entry), add=remove, remove=add)

    def tag(self, row: int, account: str, folder: str, seen: str, *, tag: str, on: bool) -> Done | None:
        maildir = self._maildir(account, folder)
        if on:
            return self.flag(row, account, folder, seen, add=self._flag_of(maildir, account, tag), remove="")
        known = "".join(flag for flag, named in self._keywords_of(maildir).items() if named == tag)
        return self.flag(row, account, folder, seen, add="", remove=known) if known else None

    def move(self, row: int, account: str, folder: str, seen: str, *, to: str) -> Done | None:
        if folder == to:
            return None
        maildir, target = self._maildir(account, folder), self._maildir(account, to)
        key, flags = split_name(seen[4:])
        # The same tag may be another flag over there.
        plain = "".join(flag for flag in flags if flag not in TAG_FLAGS)
        tags = tags_of(flags, self._keywords_of(maildir))
        moved_flags = plain + "".join(self._flag_of(target, account, tag) for tag in tags)
        changed = set(moved_flags) != set(flags)
        entry = maildir.move(key, target, moved_flags if changed else None, sync=False, seen=seen)
        self._unsynced[maildir.path] = maildir
        self._unsynced[target.path] = target
        return Done(row, account, to, _seen(entry), back_to=folder)

    def _tell(self) -> None:
        news, self._told = self.done[self._told :], len(self.done)
        if news:
            self.index.refile(
                [Refiled(done.row, done.account, done.folder, os.fsencode(done.seen)) for done in news]
            )

    def _maildir(self, account: str, folder: str) -> Maildir:
        return self.store.folder(account, folder)

    def _keywords_of(self, maildir: Maildir) -> dict[str, str]:
        if maildir.path not in self._keywords:
            self._keywords[maildir.path] = read_keywords(maildir.path)
        return self._keywords[maildir.path]

    def _flag_of(self, maildir: Maildir, account: str, tag: str) -> str:
        """The flag that means this tag in this folder, given one if it has none yet."""
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


_Act = Callable[[int, str, str, str], Done | None]
"""Does something to a letter: row, account, folder, ``cur/NAME``."""


def _as_seen(letters: Sequence[Located], action: Action, view: View | None) -> list[Located]:
    """Of the letters of conversations, those an action is about."""
    if action not in (Action.UNTAG, Action.UNSTAR):
        folder = view.folder if view is not None else None
        if folder is None:
            letters = [letter for letter in letters if letter.folder not in _STAYS.get(action, ())]
        else:
            # Held mail is shown with the Inbox, but leaves its folder only into the trash.
            shown = {folder, HELD} if folder == INBOX and action not in _LEAVES_HELD else {folder}
            letters = [letter for letter in letters if letter.folder in shown]
        if view is not None and view.account is not None:
            letters = [letter for letter in letters if letter.account == view.account]
    if action in _NEWEST_ONLY:
        return list(
            {letter.thread: letter for letter in letters}.values()
        )  # oldest first: the last one stays
    return list(letters)


def _flags_in_use(maildir: Maildir) -> set[str]:
    return {
        flag for subdir in ("new", "cur") for name in maildir.names(subdir) for flag in split_name(name)[1]
    }


def _seen(entry: Entry) -> str:
    return f"{entry.subdir}/{entry.name}"
