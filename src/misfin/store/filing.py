"""Files messages: archive, move, copy, tag, star, read, for one, many or all that a search finds; with undo.

Files are renamed, so every other mail program sees the change: a star is the flag ``F``, read is ``S``, tags
are keyword flags (:mod:`misfin.store.mail.keywords`), a folder is a folder. Each message is renamed in one
step; after a crash every message is either filed or not, and the next scan sees which. The index is updated
afterwards, so that it does not have to list the folders.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from misfin.errors import StoreError
from misfin.model.folders import BINS, DRAFTS, FOLDERS, HELD, INBOX, SENT, TRASH
from misfin.store.filing_changes import Action, Change, Copying, Undo
from misfin.store.filing_run import BATCH, Run, key_of
from misfin.store.index.file_place import message_id
from misfin.store.index.located import Located
from misfin.store.mail.maildir import MailStore
from misfin.store.rows import View

if TYPE_CHECKING:
    from misfin.store.index import MailIndex

__all__ = ["BATCH", "Action", "Change", "Copying", "Filing", "Progress", "Targets", "Undo"]

Targets = Sequence[str] | Sequence[int] | View
"""Messages by id, conversations by thread number, or everything a view shows."""

Progress = Callable[[int, int], None]

_NEWEST_ONLY: Final = frozenset({Action.STAR, Action.UNREAD})
_STAYS: Final[Mapping[Action, frozenset[str]]] = {
    # Folders whose messages stay where they are when a conversation is filed from no particular folder.
    Action.ARCHIVE: frozenset(FOLDERS) - {INBOX},
    Action.TRASH: frozenset({DRAFTS, TRASH}),
    Action.MOVE: frozenset({SENT, DRAFTS, HELD}),
    Action.COPY: frozenset({DRAFTS, HELD, *BINS}),
}
_LEAVES_HELD: Final = frozenset({Action.ARCHIVE, Action.MOVE, Action.COPY})
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
        run = Run(self._index, self._store)
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
        run = Run(self._index, self._store)
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
        restored = [change for change in run.done if change.copying == Copying.NONE] or run.done
        return len({key_of(change.seen) for change in restored})

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


def _by_name(messages: Sequence[Located]) -> dict[tuple[str | int, ...], Located]:
    return {key: message for message in messages for key in (_name(message), _place(message))}


def _name(message: Located | Change) -> tuple[str, ...]:
    return message.account, key_of(message.seen)


def _place(message: Located | Change) -> tuple[str, ...]:
    return message.account, message.folder, key_of(message.seen)
