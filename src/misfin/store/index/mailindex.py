"""The mail index: the interface to all mail in the Maildirs, fast at any size (docs/mail-on-disk.md §6).

Every method is synchronous, may block on the disk, and is safe to call from any thread.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import tzinfo
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from misfin.errors import StoreError
from misfin.store.index import read
from misfin.store.index.database import IndexFile, LostError
from misfin.store.index.results import Results
from misfin.store.rows import Changes, Completion, ConversationRow, Count, FolderRow, MessageRow, Order, View

if TYPE_CHECKING:
    from misfin.store.evidence import Evidence
    from misfin.store.index.located import Located, Refiled
    from misfin.store.index.read import FileLocation
    from misfin.store.index.regrouping import Regrouping, Said
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.people.completion import People
    from misfin.store.proofs import Proofs

MAX_RAW: Final = 128 * 1024 * 1024  # the most bytes of one file that are returned

_T = TypeVar("_T")


class MailIndex:
    """All mail of a profile, one window at a time.

    Args:
        index_path: the cache file; created if missing, and replaced if in doubt.
        mail_root: the folder with one Maildir per account.
        address_of: gives the address of an account's directory; by default the directory's name.
        is_own: says for an account's directory whether an address is one of its own, aliases included.
        now: the clock (Unix seconds) for relative dates in searches.
        zone: the time zone of those dates; ``None`` is this machine's.
    """

    def __init__(
        self,
        index_path: Path,
        mail_root: Path,
        *,
        address_of: Callable[[str], str] = str,
        is_own: Callable[[str, str], bool] | None = None,
        now: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
    ) -> None:
        self.mail_root = mail_root
        self.address_of = address_of
        self._is_own = is_own
        self.regrouping: Callable[[], Regrouping] | None = None  # what a person has decided
        self._now = now
        self._database = IndexFile(index_path)
        self._scanning = threading.Lock()
        self._seen: int | None = None
        """The generation after the last scan."""
        self._filing = self._filed = 0
        """Actions of this program that are running, and how many have been started."""
        self._counting = threading.Lock()
        self._results = Results(now, zone)

    def __enter__(self) -> MailIndex:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Open the cache file, or start an empty one. Raises :class:`StoreError`."""
        self._database.open()

    def close(self) -> None:
        self._database.close()
        if "proofs" in self.__dict__:
            self.proofs.close()

    def release_memory(self) -> None:
        """Give up what is kept of files: the system keeps it too. Any thread may do so, at any time."""
        self._database.release_memory()
        if "proofs" in self.__dict__:
            self.proofs.release_memory()

    def when_replaced(self, callback: Callable[[], object]) -> None:
        """Call ``callback``, in the thread that notices it, when the index is replaced: a scan is needed."""
        self._database.replaced = callback

    @cached_property
    def proofs(self) -> Proofs:
        """What proves who wrote a message."""
        from misfin.store.proofs import Proofs  # it reads messages: not before the first frame

        return Proofs(self.mail_root)

    # ---- following the mail -----------------------------------------------------------------------

    def scan(self, progress: Callable[[int, int], None] | None = None) -> Changes:
        """Update the index from the mail; unchanged folders cost two ``stat`` calls each.

        New messages are added newest first, in blocks that are visible at once; ``progress(done, total)`` is
        called after each. If killed, the next scan continues where it stopped. The result is true if there is
        anything new to show. Raises :class:`StoreError`.
        """
        from misfin.store.index.scan import Scan  # parsers of mail: not before the first frame
        from misfin.store.mail.maildir import MailStore

        store, own = MailStore(self.mail_root), (self.address_of, self._is_own, self.proofs, self.regrouping)
        facts = store, self._now, progress, self._files_at_rest, *own
        self.proofs.open()
        with self._scanning:
            if self.ask(read.worn_out):
                self._database.replace(self._database.serial)
            before, seen = self.generation(), self._seen
            for last_try in (False, True):
                try:
                    changes = Scan(self._database, *facts).run()
                    self._seen = after = self.generation()
                    # Another program may already have indexed what is new.
                    between = after != before and not changes
                    return replace(changes, elsewhere=seen not in (None, before) or between)
                except LostError:
                    if last_try:
                        raise StoreError("The mail index keeps being lost.") from None
        raise AssertionError("unreachable")

    def build(self, progress: Callable[[int, int], None] | None = None) -> Changes:
        """Discard the index and build it again."""
        self._database.replace(self._database.serial)
        return self.scan(progress)

    def generation(self) -> int:
        """A number that changes whenever the index does."""
        return self.ask(read.generation)

    # ---- lists ------------------------------------------------------------------------------------

    def folders(self) -> list[FolderRow]:
        """Every folder with its stored counts, by account, the standard folders first."""
        return self.ask(read.folders)

    def count(self, view: View) -> int:
        """How many conversations a view has. A search is walked to its end."""
        return self.count_up_to(view).total

    def count_up_to(
        self, view: View, at_most: int | None = None, wanted: Callable[[], bool] = lambda: True
    ) -> Count:
        """How many conversations a view has. A search is walked only until it has found about ``at_most``,
        and only while the count is ``wanted``; the stored count of a folder is always complete."""

        def act(db: sqlite3.Connection) -> Count:
            box = read.box_of(view, read.known_folders(db))
            if box is not None:
                return Count(read.box_count(db, box, view.unread_only))
            matches = self._results.matches(db, view)
            matches.reach(db, at_most, wanted)
            return Count(len(matches.newest), matches.ended)

        return self.ask(act)

    def conversations(
        self, view: View, offset: int, limit: int, order: Order = Order.NEWEST
    ) -> list[ConversationRow]:
        """A window of a view, sorted. Raises :class:`QueryError` for an invalid search."""

        def act(db: sqlite3.Connection) -> list[ConversationRow]:
            box = read.box_of(view, read.known_folders(db))
            if order is not Order.NEWEST:
                newest: Sequence[int] = self._results.in_order(db, view, order).newest[
                    offset : offset + limit
                ]
            elif box is not None:
                newest = read.box_window(db, box, view.unread_only, offset, limit)
            else:
                matches = self._results.matches(db, view)
                matches.reach(db, offset + limit)
                newest = matches.newest[offset : offset + limit]
            return read.conversations(db, list(newest), box)

        return self.ask(act)

    def position(self, view: View, thread: int, order: Order = Order.NEWEST) -> int | None:
        """The position of a conversation in a view, or None if it is not in it."""

        def act(db: sqlite3.Connection) -> int | None:
            if order is not Order.NEWEST:
                return self._results.in_order(db, view, order).position(thread)
            box = read.box_of(view, read.known_folders(db))
            if box is not None:
                return read.box_position(db, box, view.unread_only, thread)
            return self._results.matches(db, view).position(db, thread)

        return self.ask(act)

    def threads(self, view: View) -> list[int]:
        """Every conversation of a search, newest first. Raises :class:`QueryError` for an invalid one."""

        def act(db: sqlite3.Connection) -> list[int]:
            matches = self._results.matches(db, view)
            matches.reach(db, None)
            return list(matches.threads)

        return self.ask(act)

    def messages(
        self, view: View, limit: int, offset: int = 0, *, below: int | None = None
    ) -> list[MessageRow]:
        """The messages of a view one by one, newest first; ``below``: only those after the message of this
        row, at the same cost however far down that is."""

        def act(db: sqlite3.Connection) -> list[MessageRow]:
            asked = self._results.statement(db, view)
            start = asked.newest + 1 if below is None else min(below, asked.newest + 1)
            found = asked.below(db, start, limit, offset)
            return read.messages(db, [row for row, *_ in found])

        return self.ask(act)

    def thread(self, thread: int, view: View | None = None) -> list[MessageRow]:
        """A conversation, oldest first, across folders. Messages in Trash and Junk are left out, unless the
        view is of that folder or there are no others."""
        return self.ask(lambda db: read.thread(db, thread, view.folder if view else None))

    # ---- messages ----------------------------------------------------------------------------------

    def message(self, id_or_prefix: str) -> MessageRow:
        """The message with this id, or whose id begins with it.

        Raises:
            MessageGoneError: there is none.
            StoreError: several ids begin with it.
        """
        return self.ask(lambda db: read.message(db, id_or_prefix))

    def named(self, message_id: str) -> ConversationRow | None:
        """The conversation of the message with this Message-ID (with angle brackets); its ``id`` and
        ``message`` are those of that message. None if there is no such message."""
        from misfin.store.index import located

        return self.ask(lambda db: located.by_message_id(db, message_id))

    def read(self, message: int | MessageRow, charset: str = "", *, prefer: str = "") -> ParsedMessage:
        """A message for reading, by its row number or, better, by its whole row: it is then found as long as
        its file exists anywhere, even if other programs move it or the index is rebuilt. ``charset`` and
        ``prefer`` as in :func:`misfin.store.message.mime.read_message`.

        Raises :class:`MessageGoneError` or :class:`StoreError`.
        """
        from misfin.model.account import AddressKind
        from misfin.store.index.open_file import origin  # parsers of mail: not before the first frame
        from misfin.store.message.mime import MAX_READ, read_message

        data, size = self._contents(message, MAX_READ)
        handed = self.handed_over(message, data) if size == len(data) else None
        if handed is not None:
            return read_message(handed, AddressKind.MISFIN, counts=lambda _data: True)
        kind, name = origin(self._found(message), None if isinstance(message, int) else message)
        counts = partial(self.proofs.counts, name)
        return read_message(data, kind, size=size, charset=charset, prefer=prefer, counts=counts)

    def handed_over(self, message: int | MessageRow, data: bytes) -> bytes | None:
        """The Misfin message in the bytes of an e-mail, if a receiver sealed it for us: see
        :meth:`misfin.store.proofs.Proofs.handed_over`. Blocking; raises :class:`StoreError`.
        """
        from misfin.store.index.digest import Owner  # as above

        found = self._found(message) if isinstance(message, int) else message
        if found is None:
            return None
        account = found.account
        return Owner(account, self.address_of(account), self._is_own, self.proofs).handed_over(data)

    def raw(self, message: int | MessageRow) -> bytes:
        """The bytes of a message's file, at most ``MAX_RAW``. Argument and errors as in :meth:`read`."""
        return self._contents(message, MAX_RAW)[0]

    def note_evidence(self, message: MessageRow, proven: Evidence) -> None:
        """Show from now on what was found out about the sender of a message, if it is still there."""
        from misfin.store.index import located

        with suppress(LostError):  # the next index reads it from where it is kept
            self._database.write(lambda db: located.set_evidence(db, message, proven))

    def _contents(self, message: int | MessageRow, limit: int) -> tuple[bytes, int]:
        """The beginning of a message's file and its full size; finds a file that was renamed."""
        from misfin.store.index.open_file import contents, open_message

        known = None if isinstance(message, int) else message
        return contents(open_message(lambda: self._found(message), known, self.mail_root), limit)

    def _found(self, message: int | MessageRow) -> FileLocation | None:
        number, shown = (message, None) if isinstance(message, int) else (message.row, message)
        return self.ask(lambda db: read.find(db, number, shown))

    # ---- filing -----------------------------------------------------------------------------------

    def locate(self, targets: Sequence[str] | Sequence[int] | View) -> list[Located]:
        """The files of messages by id, of whole conversations, or of everything in a view; oldest first."""
        from misfin.store.index import located

        def act(db: sqlite3.Connection) -> list[Located]:
            if isinstance(targets, View):
                return located.by_statement(db, self._results.statement(db, targets))
            ids = [target for target in targets if isinstance(target, str)]
            threads = [target for target in targets if isinstance(target, int)]
            return located.by_id(db, ids) if ids else located.by_thread(db, threads)

        return self.ask(act)

    @contextmanager
    def filing(self) -> Iterator[None]:
        """To be used around renames reported by :meth:`refile`: no scan takes such messages for removed."""
        with self._counting:
            self._filing += 1
            self._filed += 1
        try:
            yield
        finally:
            with self._counting:
                self._filing -= 1

    def _files_at_rest(self) -> int | None:
        with self._counting:
            return None if self._filing else self._filed

    def regroup(self, decided: Regrouping, said: Said) -> None:
        """Put what is decided into effect for messages that say this of their conversations.

        Raises :class:`StoreError`.
        """
        from misfin.store.index import regrouping

        with suppress(LostError):  # an index built again follows it by itself
            self._database.write(regrouping.regroup(decided, said))

    def refile(self, changes: Sequence[Refiled]) -> None:
        """Update the index after our own renames, without listing the folders."""
        from misfin.store.index import located

        complete = False
        with suppress(LostError):
            complete = self._database.write(lambda db: located.refile(db, changes))
        if not complete and not self._scanning.locked():
            self.scan()

    # ---- searching --------------------------------------------------------------------------------

    def complete(self, text: str, cursor: int, addressees: People | None = None) -> list[Completion]:
        """Completions of the word at ``cursor`` of a search; ``addressees`` are people one writes to."""
        from misfin.store.index import suggestions  # the first frame completes nothing
        from misfin.store.people.completion import complete

        return self.ask(lambda db: complete(text, cursor, suggestions.vocabulary(db, text, addressees)))

    def ask(self, act: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run ``act`` on one state of the index, and once again if the index had to be replaced."""
        try:
            return self._database.read(act)
        except LostError:
            try:
                return self._database.read(act)
            except LostError:
                raise StoreError("The mail index keeps being lost.") from None
