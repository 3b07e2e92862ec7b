"""Filing for the screens: what a key means for these messages, its progress, and its undo.

What can be undone is kept on disk (:mod:`misfin.store.undo_log`): the next run can undo the last action of
one that ended, or was killed in the middle of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from misfin.errors import StoreError
from misfin.store.filing import Action, Targets, Undo
from misfin.store.filing_changes import RegroupAction
from misfin.store.index.file_place import message_id
from misfin.store.rows import MessageRow, View
from misfin.store.undo_log import UndoLog
from misfin_tui.messages import IndexProgress, MailChanged

if TYPE_CHECKING:
    from misfin_tui.services import Services

MANY = 1000
"""Number of messages from which the progress of an action is reported."""
MAX_TOGGLED = 500
"""Conversations looked at to decide whether toggling sets or clears."""

_DONE: dict[str, str] = {
    Action.ARCHIVE: "archived",
    Action.TRASH: "moved to the trash",
    Action.MOVE: "moved to {}",
    Action.COPY: "copied to {}",
    Action.TAG: "tagged {}",
    Action.UNTAG: "no longer tagged {}",
    Action.STAR: "starred",
    Action.UNSTAR: "no longer starred",
    Action.READ: "marked as read",
    Action.UNREAD: "marked as unread",
}
_REGROUPED = {
    RegroupAction.SPLIT: "the conversation was split.",
    RegroupAction.JOIN: "conversations were joined.",
}


class Filer:
    """Performs actions on messages, and undoes them, in threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.last_filed = 0.0
        """When something was last filed, Unix seconds: ``z`` undoes the newer of this and a sent message."""
        self._memory: UndoLog | None = None

    async def apply(
        self,
        action: str,
        targets: Targets,
        argument: str = "",
        *,
        view: View | None = None,
        undoable: bool = True,
    ) -> str:
        """File messages (ids), conversations (thread numbers, as seen from ``view``), or all that a view
        shows; returns what was done.

        ``action`` is one of :class:`misfin.store.filing.Action`, or ``toggle-star`` and ``toggle-unread``.
        """
        with self._reporting("filing") as report:
            undo = await asyncio.to_thread(self._apply, action, targets, argument, view, undoable, report)
        if undoable and undo.done:
            self.last_filed = time.time()
        self._services.post(MailChanged())
        missed = f" {undo.missed:,} had already gone." if undo.missed else ""
        return _sentence(undo.action, undo.argument, undo.count) + missed

    async def undo(self) -> str | None:
        """Undo the last action, also one of an earlier run; returns what was undone, None for nothing."""
        with self._reporting("undoing") as report:
            undone = await asyncio.to_thread(self._undo, report)
        if undone is not None:
            self._services.post(MailChanged())
        return undone

    def noted(self, undo: Undo) -> None:
        """Something else was done to messages that can be undone like filing. Blocking."""
        self._note(undo)
        self.last_filed = time.time()

    def recall(self) -> None:
        """Learn when something was last filed before this start. Blocking."""
        with suppress(StoreError):
            if self._services.profile.undo_db.exists():
                self.last_filed = max(self.last_filed, self._services.undo_log.newest())

    # ---- in a thread

    def _apply(
        self,
        action: str,
        targets: Targets,
        argument: str,
        view: View | None,
        undoable: bool,
        report: Callable[[int, int], None],
    ) -> Undo:
        if action == "toggle-star":
            chosen = Action.UNSTAR if all(row.starred for row in self._rows(targets, view)) else Action.STAR
        elif action == "toggle-unread":
            anything = any(row.unread for row in self._rows(targets, view))
            chosen = Action.READ if anything else Action.UNREAD
        else:
            chosen = Action(action)
        begun: list[int] = []

        def begin(planned: Undo) -> None:
            self._is_no_news(planned)
            if undoable:
                begun.append(self._note(planned))

        apply = self._services.filing.apply
        try:
            undo = apply(chosen, targets, argument, view=view, progress=report, begin=begin)
        except BaseException:  # what was changed is changed back
            with suppress(StoreError):
                for number in begun:
                    self._log.remove(number)
            raise
        if chosen is Action.COPY:
            self._is_no_news(undo)
            self._services.mail.rescan()
        with suppress(StoreError):  # as it was planned will do
            for number in begun:
                if undo.done:
                    self._log.settle(number, undo)
                else:
                    self._log.remove(number)
        return undo

    def _note(self, planned: Undo) -> int:
        """Record what is about to begin; where the disk refuses, only until the program ends."""
        try:
            return self._log.add(planned, time.time())
        except StoreError:
            self._memory = UndoLog(None, time.time())
            return self._memory.add(planned, time.time())

    def _undo(self, report: Callable[[int, int], None]) -> str | None:
        last = self._log.last()
        if last is None:
            return None
        number, undo = last
        if isinstance(undo.action, RegroupAction):
            from misfin_tui.services.regrouping import regrouper_of  # late: few split or join

            regrouper_of(self._services).take_back(undo)
            self._log.remove(number)
            return f"Undone: {_REGROUPED[undo.action]}"
        self._is_no_news(undo)
        count = self._services.filing.undo(undo, report)
        self._log.remove(number)  # only now: what a crash cuts off can be gone on with
        if not count:
            return "Nothing was undone: these messages have changed since."
        return f"Undone: {_sentence(undo.action, undo.argument, count)}"

    def _is_no_news(self, undo: Undo) -> None:
        """Messages that we put into an inbox are not new mail; the newest, for only those can be news."""
        newest = undo.done[-MANY:]
        self._services.mail.no_news(message_id(os.fsencode(change.seen)) for change in newest)

    @property
    def _log(self) -> UndoLog:
        return self._memory or self._services.undo_log

    def _rows(self, targets: Targets, view: View | None) -> Iterator[MessageRow]:
        """The messages meant, as far as a toggle has to look to know what it means."""
        index = self._services.index
        if isinstance(targets, View):
            yield from index.messages(targets, MAX_TOGGLED)
            return
        for target in targets[:MAX_TOGGLED]:
            if isinstance(target, int):
                yield from index.thread(target, view)
            else:
                yield index.message(target)

    @contextmanager
    def _reporting(self, what: Literal["filing", "undoing"]) -> Iterator[Callable[[int, int], None]]:
        """Reports the progress of an action that takes long enough to wonder."""
        post, reported = self._services.post, False

        def report(done: int, total: int) -> None:
            nonlocal reported
            if total >= MANY:
                reported = True
                post(IndexProgress(done, total, what))

        try:
            yield report
        finally:
            if reported:
                post(IndexProgress(0, 0, what))


def _sentence(action: Action | RegroupAction, argument: str, count: int) -> str:
    """What was done, for a toast."""
    if not count:
        return "Nothing to do."
    return f"{count:,} message{'' if count == 1 else 's'} {_DONE[action].format(argument)}."
