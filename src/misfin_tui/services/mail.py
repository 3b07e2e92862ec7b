"""Reading and searching messages: the index and the Maildirs as the screens see them.

All work that touches the disk runs in threads. Changes are reported by ``MailChanged``, whether this program,
the receiver or another mail program did it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin.model.folders import INBOX
from misfin.store.rows import ConversationRow, Count, FolderRow, MessageRow, View
from misfin_tui.messages import IndexProgress, MailChanged, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import Completion
    from misfin_tui.config import Config
    from misfin_tui.services import Services

FIRST_ROWS = 80
"""Conversations read for the first frame: as many as the tallest window has lines."""

QUIET = 30.0
"""Seconds after which the mail is checked even if the system reported no change."""
AGAIN = 1.0
"""Seconds until the mail is checked again after an error; twice as many each time, up to ``QUIET``."""
SOON = 0.05
"""Seconds until messages that were being moved are looked for again."""
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
        return FirstPage(view, folders, index.count(view), index.conversations(view, 0, FIRST_ROWS))

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
        """A window of a view, newest first."""
        return await asyncio.to_thread(lambda: self._services.index.conversations(view, offset, limit))

    async def position(self, view: View, thread: int) -> int | None:
        """The place of a conversation in a view."""
        return await asyncio.to_thread(lambda: self._services.index.position(view, thread))

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

    async def read(self, row: MessageRow) -> ParsedMessage:
        """A message, parsed. Raises :class:`MessageGoneError`, :class:`StoreError`."""
        return await asyncio.to_thread(lambda: self._services.index.read(row))

    async def raw(self, row: MessageRow) -> bytes:
        """A message's file. Raises like :meth:`read`."""
        return await asyncio.to_thread(lambda: self._services.index.raw(row))

    def no_news(self, messages: Iterable[str]) -> None:
        """Messages (ids) this program is about to file: wherever they turn up, they are not new mail."""
        for id_ in messages:
            self._filed.put(id_)

    # ---- following the mail

    def start(self) -> None:
        """Bring the index in line with the mail and keep it so, in threads of its own, until :meth:`stop`."""
        self._services.index.when_replaced(self._begin_again)
        self._look.set()
        for work in (self._scan_when_woken, self._watch):
            thread = threading.Thread(target=work, name=work.__name__.strip("_"), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End the threads; one in the middle of a scan ends after it."""
        self._stop.set()
        self._look.set()

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

        patience, reported = 0.0, ""
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
                if changes or self._known is None:
                    post(self._news())
                self._services.contacts.learn(self._look.is_set)
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
