"""Filters that run on mail as it arrives: what a search finds is tagged, moved, starred or marked as read.

They run in the process that files the mail, in a thread of their own: a message is safe on disk, and its
sender has been answered, before a filter looks at it. What a filter does is what a person could do, so a
server follows with the next sync. What a crash cut off is done by the next run, which knows from a mark on
disk since when messages may have been left (:mod:`misfin.post.filter_marks`).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from misfin.errors import MisfinError
from misfin.model.folders import INBOX
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.post.filter_marks import FilterMarks
    from misfin.store.index.digest import Owner
    from misfin.store.mail.maildir import Entry, MailStore
    from misfin.store.search.single import SingleMessage

logger = logging.getLogger("misfin.filters")

MOST_RULES: Final = 500
_LEFT: Final = ""
"""In the place of an account: what earlier runs have left, in all of them."""
IDLE: Final = 1.0
"""Seconds without a message until a burst counts as over."""


@dataclass(frozen=True, slots=True)
class FilterRule:
    """What is done with messages that a search finds. ``account`` limits it to one (its directory)."""

    name: str
    search: str
    tags: tuple[str, ...] = ()
    folder: str = ""
    star: bool = False
    read: bool = False
    notify: bool = True
    account: str = ""

    def concerns(self, account: str) -> bool:
        """Whether it is for mail of the account with this directory."""
        return self.account in ("", account)

    @property
    def silent(self) -> bool:
        """Whether new mail it finds is not announced."""
        return not self.notify or self.read or self.folder not in ("", INBOX)


class ArrivalFilters:
    """Runs filters on what arrives unread in an inbox. Give :meth:`arriving` and :meth:`arrived` to a
    :class:`~misfin.post.inbox.LocalInbox`, and :meth:`close` it at the end.

    ``rules`` gives those in use, and is asked for each batch; ``owner_of`` gives the owner of the mail in an
    account's directory. Without ``marks``, what a crash cuts off stays as it is.
    """

    def __init__(
        self,
        rules: Callable[[], Sequence[FilterRule]],
        store: MailStore,
        owner_of: Callable[[str], Owner],
        now: Callable[[], float] = time.time,
        marks: FilterMarks | None = None,
    ) -> None:
        self._rules = rules
        self._store = store
        self._owner_of = owner_of
        self._now = now
        self._waiting: queue.SimpleQueue[tuple[str, Sequence[str]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._single: SingleMessage | None = None
        self._marks = marks
        self._lock = threading.Lock()
        self._coming = 0
        """Deliveries that have begun and are not over."""
        self._marked = False

    def resume(self) -> None:
        """Run the filters on what earlier runs have left, in the thread; returns at once."""
        if self._marks is not None and self._marks.left():
            self._give((_LEFT, ()))

    def arriving(self, account: str, folder: str) -> None:
        """New messages are about to be on disk; :meth:`arrived` follows, whatever happens."""
        if folder != INBOX:
            return
        with self._lock:
            self._coming += 1
            if self._marks is not None and not self._marked and self._rules():
                self._marks.begin()
                self._marked = True

    def arrived(self, account: str, folder: str, keys: Sequence[str]) -> None:
        """New messages are on disk; returns at once."""
        if folder != INBOX:
            return
        if self._marked or (keys and self._rules()):
            self._give((account, keys))
        with self._lock:
            self._coming = max(0, self._coming - 1)

    def _give(self, job: tuple[str, Sequence[str]]) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="misfin-filters", daemon=True)
                self._thread.start()
        self._waiting.put(job)

    def close(self) -> None:
        """Finish what has arrived, then end. Blocking."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    # ---- in the thread

    def _work(self) -> None:
        from misfin.store.search.single import SingleMessage  # late: it imports the parsers of mail

        single = self._single = SingleMessage()
        while (job := self._next()) is not None:
            account, keys = job
            if account == _LEFT:
                self._run_on_left()
            for key in keys:
                self._try(account, key)
        single.close()

    def _next(self) -> tuple[str, Sequence[str]] | None:
        """The next job; None at the end. While nothing comes, there is no mark."""
        while self._marked:
            with suppress(queue.Empty):
                if (job := self._waiting.get(timeout=IDLE)) is not None:
                    return job
                self._rest()
                return None
            self._rest()
        job = self._waiting.get()
        if job is None:
            self._rest()
        return job

    def _rest(self) -> None:
        with self._lock:
            if self._marks is not None and self._marked and not self._coming and self._waiting.empty():
                self._marks.end()
                self._marked = False

    def _run_on_left(self) -> None:
        """Run on what has arrived since a process began that was killed."""
        assert self._marks is not None
        for path, since in self._marks.left().items():
            for account in self._store.accounts() if self._rules() else ():
                try:
                    entries = self._store.folder(account, INBOX).list()
                except MisfinError as error:
                    logger.error("A filter could not be run: %s %s", error, error.remedy)
                    continue
                for entry in entries:
                    begun = entry.key.partition(".")[0]
                    if begun.isdecimal() and int(begun) >= since:
                        self._try(account, entry.key)
            self._marks.settled(path)

    def _try(self, account: str, key: str) -> None:
        try:
            self._one(account, key)
        except MisfinError as error:
            logger.error("A filter could not be run: %s %s", error, error.remedy)
        except Exception:  # a bug in one filter must not end all filtering
            logger.exception("A filter failed.")

    def _one(self, account: str, key: str) -> None:
        entry = self._store.folder(account, INBOX).find(key)
        if entry is None or "S" in entry.flags:  # read already, here or elsewhere: somebody has dealt with it
            return
        rules = self._fitting(account, entry)
        if rules:
            file_by(rules, self._store, account, entry)

    def _fitting(self, account: str, entry: Entry) -> list[FilterRule]:
        """The filters that match a message. One that cannot be understood is reported, and the others run."""
        assert self._single is not None
        known = [(each, name) for each in self._store.accounts() for name in self._store.folders(each)]
        owner, file = self._owner_of(account), f"{entry.subdir}/{entry.name}"
        found = []
        with self._single.message(entry.folder, file, owner, INBOX, known) as fits:
            for rule in self._rules()[:MOST_RULES]:
                try:
                    if rule.concerns(account) and fits(rule.search, self._now()):
                        found.append(rule)
                except MisfinError as error:
                    logger.error("Filter %s: %s %s", rule.name, error, error.remedy)
        return found


def file_by(rules: Sequence[FilterRule], store: MailStore, account: str, entry: Entry) -> None:
    """Do to one message what these filters say: all tags and marks, and the first folder. Blocking.

    Raises :class:`StoreError`; what was done until then stays.
    """
    from misfin.store.filing_changes import Change
    from misfin.store.filing_run import Run

    run = Run(None, store)
    add = ("F" if any(rule.star for rule in rules) else "") + (
        "S" if any(rule.read for rule in rules) else ""
    )
    flags = {run.tag_flag(account, INBOX, tag) for rule in rules for tag in rule.tags}
    folder = next((rule.folder for rule in rules if rule.folder), "")
    to = "" if folder == INBOX else folder
    add += "".join(sorted(flags))
    try:
        if add or to:  # in one step: a kill must not leave a message read in the inbox
            run.do(None, Change(0, account, INBOX, f"{entry.subdir}/{entry.name}", to, add=add))
    finally:
        run.finish()
