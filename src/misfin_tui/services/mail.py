"""Reading and searching messages: the index and the Maildirs as the screens see them.

All work that touches the disk runs in threads. Changes are reported by ``MailChanged``, whether this program,
the receiver or another mail program did it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from queue import SimpleQueue
from typing import TYPE_CHECKING

from misfin.errors import MisfinError, StoreError
from misfin.model.folders import INBOX
from misfin.store.rows import ConversationRow, Count, FolderRow, MessageRow, Order, View
from misfin_tui.messages import IndexProgress, MailChanged, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import Completion
    from misfin_tui.config import Config
    from misfin_tui.services import Services
    from misfin_tui.services.authorship import Authorship

FIRST_ROWS = 80
"""Conversations read for the first frame: as many as the tallest window has lines."""

QUIET = 30.0
"""Seconds after which the mail is checked even if the system reported no change."""
AGAIN = 1.0
"""Seconds until the mail is checked again after an error; twice as many each time, up to ``QUIET``."""
SOON = 0.05
"""Seconds until messages that were being moved are looked for again."""
MANY = 1000
"""Messages, as after a first sync, whose reading leaves memory to give back."""
NEWEST = 50
"""Unread messages looked at for new ones."""
KNOWN = 20_000
"""Names of unread messages remembered, to tell new ones from those read, filed and restored since."""


@dataclass(frozen=True, slots=True)
class FirstPage:
    """What the first frame shows."""

    view: View
    folders: list[FolderRow]
    total: int
    rows: list[ConversationRow]


class Mail:
    """The messages of all accounts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.scanned = False
        """Whether the index was brought in line with the mail since the start."""
        self._look = threading.Event()
        self._scans = threading.Event()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._known: dict[str | int, None] | None = None
        """Unread messages looked at, by id and by row: another program may give a file another name."""
        self._filed: SimpleQueue[str] = SimpleQueue()
        self._replaced = False
        """Whether the index is another one since: its rows mean other messages."""
        self._since = 0.0
        self._below = 0
        """The row of the oldest message looked at last: what comes into sight below it is not news."""

    # ---- the first frame

    def first_page(self) -> FirstPage:
        """The top of the inbox as the index knows it, read on the spot: a few milliseconds, before there is
        a loop to wait in. Raises :class:`StoreError`.
        """
        index = self._services.index
        folders = index.folders()
        accounts = {row.account for row in folders}
        view = View(accounts.pop() if len(accounts) == 1 else None, INBOX)
        rows = index.conversations(view, 0, FIRST_ROWS, self.order_of(view))
        return FirstPage(view, folders, index.count(view), rows)

    # ---- lists

    async def folders(self) -> list[FolderRow]:
        """Every folder with its counts."""
        return await asyncio.to_thread(lambda: self._services.index.folders())

    async def count(self, view: View, at_most: int | None = None) -> Count:
        """How many conversations a view has; a search need not be counted much further than ``at_most``.

        Counting ends when nobody waits for the answer any more.
        """
        given_up = threading.Event()
        try:
            index = self._services.index
            return await asyncio.to_thread(lambda: index.count_up_to(view, at_most, _unless(given_up)))
        finally:
            given_up.set()

    async def conversations(self, view: View, offset: int, limit: int) -> list[ConversationRow]:
        """A window of a view, in its order."""
        order = self.order_of(view)
        return await asyncio.to_thread(lambda: self._services.index.conversations(view, offset, limit, order))

    async def position(self, view: View, thread: int) -> int | None:
        """The place of a conversation in a view."""
        order = self.order_of(view)
        return await asyncio.to_thread(lambda: self._services.index.position(view, thread, order))

    def order_of(self, view: View) -> Order:
        """How a view is sorted, as the settings say."""
        return Order(self._services.config.sort.get(_sorted_as(view), Order.NEWEST))

    async def sort(self, view: View, order: Order) -> Config:
        """Sort a view from now on; returns the new settings. Raises :class:`ConfigError`, ``OSError``."""
        from misfin_tui.config.writing import write_setting

        value = None if order is Order.NEWEST else order.value
        config = self._services.profile.config
        return await asyncio.to_thread(write_setting, config, "sort", _sorted_as(view), value)

    async def matching(self, view: View, query: str) -> list[int]:
        """The conversations of a view that a search finds too. Raises :class:`QueryError`."""
        both = f"({view.query}) ({query})" if view.query.strip() else query
        return await asyncio.to_thread(lambda: self._services.index.threads(replace(view, query=both)))

    async def unread(self, view: View) -> int:
        """How many messages of a view are unread."""
        unread = replace(view, unread_only=True)
        return len(await asyncio.to_thread(lambda: self._services.index.locate(unread)))

    def as_typed(self, text: str) -> str:
        """A search while its last word is still being written."""
        from misfin.store.search.query import as_typed

        return as_typed(text)

    def so_far(self, text: str) -> str:
        """A search while it is being written, as far as that means something."""
        from misfin.store.search.query import so_far

        return so_far(text)

    async def complete(self, text: str, cursor: int) -> list[Completion]:
        """Words for the search box."""
        if ":" not in text:
            from misfin.store.people.completion import NOTHING, complete

            return complete(text, cursor, NOTHING)  # names of fields: nothing to read
        written_to = self._services.contacts.written_to
        return await asyncio.to_thread(lambda: self._services.index.complete(text, cursor, written_to))

    async def tags(self) -> list[str]:
        """Every tag in use."""
        return [each.text for each in await self.complete("tag:", 4)]

    async def save_search(self, name: str, query: str) -> Config:
        """Keep a search under a name; returns the new settings. Raises :class:`ConfigError`, ``OSError``."""
        from misfin_tui.config.writing import write_setting

        return await asyncio.to_thread(write_setting, self._services.profile.config, "searches", name, query)

    # ---- messages

    async def thread(self, thread: int, view: View | None = None) -> list[MessageRow]:
        """A conversation's messages, oldest first, from all folders."""
        return await asyncio.to_thread(lambda: self._services.index.thread(thread, view))

    async def replies(self, thread: int) -> list[tuple[MessageRow, int]]:
        """A conversation as a tree: its messages, each before its replies, with their depth."""
        from misfin.store.index.replies import tree

        return await asyncio.to_thread(lambda: self._services.index.ask(lambda db: tree(db, thread)))

    async def message(self, id: str) -> MessageRow:  # noqa: A002 - the word of the rows
        """One message's row."""
        return await asyncio.to_thread(lambda: self._services.index.message(id))

    async def named(self, link: str) -> ConversationRow | None:
        """The conversation of the message a ``mid:`` link names (RFC 2392), None when it is not here; its
        ``id`` is that of the message."""
        from urllib.parse import unquote

        name = link.partition(":")[2]
        spelled = dict.fromkeys((unquote(name), unquote(name.partition("/")[0])))  # a part of it
        for each in spelled:
            message_id = f"<{each.strip().removeprefix('<').removesuffix('>')}>"
            if found := await asyncio.to_thread(lambda: self._services.index.named(message_id)):  # noqa: B023 - awaited at once
                return found
        return None

    async def read(self, row: MessageRow, charset: str = "", *, prefer: str = "") -> ParsedMessage:
        """A message, parsed; with a ``charset``, whatever it says its text is written in; ``prefer`` is the
        alternative to read (``text/html``). Raises :class:`MessageGoneError`, :class:`StoreError`.
        """
        from misfin_tui.services.invitations import read  # late: not for the first frame

        return await asyncio.to_thread(read, self._services, row, charset, prefer)

    async def raw(self, row: MessageRow) -> bytes:
        """A message's file. Raises like :meth:`read`."""
        return await asyncio.to_thread(lambda: self._services.index.raw(row))

    @cached_property
    def authorship(self) -> Authorship:
        """Who wrote e-mails."""
        from misfin_tui.services.authorship import Authorship  # late: not for the first frame

        return Authorship(self._services)

    def no_news(self, messages: Iterable[str]) -> None:
        """Messages (ids) this program is about to file: wherever they turn up, they are not new mail."""
        for id_ in messages:
            self._filed.put(id_)

    # ---- following the mail

    def start(self) -> None:
        """Bring the index in line with the mail and keep it so, in threads of its own, until :meth:`stop`."""
        self._services.index.when_replaced(self._begin_again)
        self._look.set()
        for work in (self._scan_when_woken, self._watch, self._check_senders):
            thread = threading.Thread(target=work, name=work.__name__.strip("_"), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the threads; one in the middle of a scan ends after it."""
        self._stop.set()
        self._look.set()
        self._scans.set()

    def rescan(self) -> None:
        """Look for changes now."""
        self._look.set()

    def _begin_again(self) -> None:
        """The index is another one, by this program or another: what is shown stays until it is filled."""
        self.scanned = False
        self._replaced = True
        self._look.set()

    def _scan_when_woken(self) -> None:
        """One scan at a time; what happens during one is found by the next."""
        post = self._services.post
        from misfin.store.index_file import remove_unused  # late: not for the first frame
        from misfin_tui.services.heap import release_memory

        patience, reported, owed = 0.0, "", True
        self._services.filer.recall()
        remove_unused(self._services.profile.cache, time.time())
        while True:
            self._look.wait(QUIET)
            self._look.clear()
            if self._stop.is_set():
                return
            try:
                changes = self._services.index.scan(self._progress)
                self.scanned = True
                self._progress(0, 0)
                if changes:
                    owed = True  # also if what follows fails: the next scan finds nothing that has changed
                    self._file_muted()
                if owed:
                    post(self._news())
                    owed = False
                if self._services.contacts.learn(self._look.is_set) >= MANY:
                    release_memory(self._services)
                self._scans.set()
                if changes.unsure:
                    self._stop.wait(SOON)
                    self._look.set()
                patience, problem = 0.0, _unreadable(changes.unreadable)
            except MisfinError as error:
                problem = Problem(f"The mail could not be read: {error}", error.remedy)
                patience = min(2 * patience or AGAIN, QUIET)
            except Exception as error:  # a bug must be seen, and must not end the noticing of mail for good
                what = f"{type(error).__name__}: {error}"
                problem = Problem(f"Checking for mail failed ({what}).", "Please report this.")
                patience = min(2 * patience or AGAIN, QUIET)
            if problem is not None and problem.text != reported:  # once is enough, however long it lasts
                post(problem)
            reported = problem.text if problem is not None else ""
            if patience:
                self._stop.wait(patience)
                self._look.set()

    def _check_senders(self) -> None:
        """Ask who wrote what came in, after each scan. DNS may take its time: nothing waits for this."""
        while self._scans.wait() and not self._stop.is_set():
            self._scans.clear()
            try:
                self.authorship.check_new(self._stop.is_set)
            except MisfinError:
                continue  # the next scan reports what is wrong with the mail
            self._stop.wait(SOON)

    def _file_muted(self) -> None:
        """Before anything is announced: what came for a muted conversation is no news."""
        from misfin_tui.services.muting import muting_of  # late: not for the first frame

        with suppress(StoreError):  # such as a full disk: the next scan tries again
            muting_of(self._services).file_new()

    def _progress(self, done: int, total: int) -> None:
        if total >= 1000 or (not total and self._building):
            self._building = bool(total) and done < total
            self._services.post(IndexProgress(done, total))
            self._services.post(MailChanged())

    _building = False

    def _news(self) -> MailChanged:
        """What came: the unread messages of the inboxes that were not there before."""
        if self._replaced:
            self._replaced = False
            self._known = self._known and {name: None for name in self._known if isinstance(name, str)}
        unread = self._services.index.messages(View(None, INBOX, unread_only=True), NEWEST)
        first, known = self._known is None, self._known or {}
        while not self._filed.empty():
            known[self._filed.get()] = None
        fresh = [
            row for row in unread if row.row > self._below and row.id not in known and row.row not in known
        ]
        if first:
            self._since, fresh = time.time(), []
        fresh = self._delivered(fresh)
        if fresh:
            from misfin_tui.services.filters import filters_of  # late: hardly anybody waits for it

            silent = filters_of(self._services).silent_now(fresh)
            fresh = [row for row in fresh if row.id not in silent]
        # Only now: if any of that fails, they are still news at the next attempt.
        self._known = {**known, **{name: None for row in unread for name in (row.id, row.row)}}
        for name in list(self._known)[:-KNOWN]:
            del self._known[name]
        self._below = unread[-1].row if len(unread) == NEWEST else 0
        if not fresh:
            return MailChanged()
        return MailChanged(
            len(fresh), fresh[0].sender or fresh[0].sender_address or "(unknown)", fresh[0].subject
        )

    def _delivered(self, rows: list[MessageRow]) -> list[MessageRow]:
        """Those of some unread messages, met here for the first time, that were not mail before.

        An account that was away comes back with messages of earlier sessions, and an old message may have
        been marked as unread. Another running copy of this program may have met a message before this one.
        """
        unmet = self._services.contacts.unmet([row.id for row in rows])
        return [row for row in rows if self._is_news(row, row.id in unmet)]

    def _is_news(self, row: MessageRow, unmet: bool) -> bool:
        try:
            facts = row.path.stat()
        except OSError:  # moved on already
            return False
        if row.path.parent.name == "new":
            return unmet or facts.st_ctime >= self._since
        return unmet and facts.st_mtime >= self._since

    def _watch(self) -> None:
        """Tell the scanner when a folder changed."""
        from misfin.store.index.watch import watch

        for _ in watch(self._services.profile.mail, self._stop):
            self._look.set()


def _sorted_as(view: View) -> str:
    """The name of a view in ``[sort]``: a folder's, or one for all searches."""
    if view.folder is None:
        return "searches"
    return f"{view.account}/{view.folder}" if view.account else view.folder


def _unless(given_up: threading.Event) -> Callable[[], bool]:
    return lambda: not given_up.is_set()


def _unreadable(folders: Sequence[Path]) -> Problem | None:
    """What to say about folders that could not be read."""
    if not folders:
        return None
    more = f" and {len(folders) - 1:,} more" if len(folders) > 1 else ""
    return Problem(
        f"The mail in {folders[0]}{more} cannot be read; its last known state is shown.",
        "Check the owner and the permissions of the folder.",
    )
