"""Accounts whose mail is on a server, for the screens: whether they are in sync, and what needs a decision.

The state of sync is another process's file, read here and only read, in threads; where an account has none,
nothing of sync is even imported.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import MessageGoneError, StoreError
from misfin_tui.config.accounts import mail_directory
from misfin_tui.messages import SyncChanged
from misfin_tui.services.server_search import ServerSearch

if TYPE_CHECKING:
    from misfin.post.inbox import LocalInbox
    from misfin.post.source import SourceStatus
    from misfin.post.sync.answering import SyncAnswer
    from misfin.post.sync.base import SyncedFolder
    from misfin.post.sync.identify import Facts
    from misfin.post.sync.journal import ServerChange
    from misfin.post.sync.state import SyncState
    from misfin_tui.config import Config
    from misfin_tui.services import Services

MAX_LOG = 500
"""Changes of the log that are shown, the latest."""


@dataclass(frozen=True, slots=True)
class SyncedAccount:
    """Whether an account is in sync with its server.

    ``messages`` and ``waiting`` (changes made here that the server has not heard of) are counted by folder.
    ``in_step`` is when both sides last were equal (Unix seconds, 0: never). ``status`` is what its source
    last said in this run. ``problem`` says why nothing is known.
    """

    name: str
    address: str
    paused: bool = False
    folders: tuple[SyncedFolder, ...] = ()
    messages: dict[str, int] | None = None
    waiting: dict[str, int] | None = None
    in_step: float = 0.0
    status: SourceStatus | None = None
    problem: str = ""

    @property
    def words(self) -> str:
        """How it is doing."""
        if self.problem:
            return self.problem
        if self.paused:
            return "paused: not fetched automatically"
        if self.status is not None:
            return self.status.sentence
        return "not fetching" if self.folders else "not fetched yet"


@dataclass(frozen=True, slots=True)
class SyncQuestion:
    """A folder that asks whether deletions were meant."""

    account: str
    address: str
    folder: SyncedFolder
    total: int
    """Messages that the folder has here."""


class Syncing:
    """What is known of mailboxes elsewhere. Any method may raise :class:`~misfin.errors.StoreError`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._facts: dict[str, dict[str, Facts]] = {}
        self._counting = threading.Lock()
        self.server_search = ServerSearch(services)
        """What is on servers only."""

    def names(self) -> list[str]:
        """The accounts that are fetched from a server, whether they ever were or not."""
        return [name for name, each in self._services.config.accounts.items() if each.fetches]

    async def accounts(self) -> list[SyncedAccount]:
        """Whether each account is in sync."""
        statuses = {name: self._services.sources.of(name) for name in self.names()}
        return await asyncio.to_thread(lambda: [self._account(*each) for each in statuses.items()])

    async def questions(self) -> list[SyncQuestion]:
        """The folders that wait for a decision; an account whose state cannot be read asks nothing."""
        return await asyncio.to_thread(self._questions)

    async def question(self, account: str, folder: str) -> SyncQuestion | None:
        """What there is to decide about a folder, also one that was paused; None where there is nothing."""
        found = await asyncio.to_thread(lambda: self._questions_of(account, paused=True))
        return next((each for each in found if each.folder.local == folder), None)

    async def answer(self, account: str, folder: str, choice: SyncAnswer) -> None:
        """Decide about the deletions of a folder; they are dealt with by the next pass, which is soon."""
        await asyncio.to_thread(self._answer, account, folder, choice)
        self._services.fetching.look_now()
        self._services.post(SyncChanged())

    async def log(self, account: str) -> list[tuple[ServerChange, str]]:
        """What was changed on the server within 30 days, the latest first, with the subject of the message.

        The subject is empty where the message is not here any more, or nothing was done to a single one.
        """
        return await asyncio.to_thread(self._log, account)

    async def pause(self, account: str, paused: bool) -> Config:
        """Stop fetching an account, or go on; returns the new settings, which say so."""
        return await self._services.setup.change("accounts", "paused", paused or None, name=account)

    # ---- in a thread

    def stamps(self) -> dict[str, tuple[int, ...]]:
        """A value for each state that is another one when something was written into it. Blocking."""
        found = {}
        for name in self.names():
            stamp: list[int] = []
            for path in (self.path(name), self.path(name).with_suffix(".db-wal")):
                with suppress(OSError):
                    facts = path.stat()
                    stamp += (facts.st_size, facts.st_mtime_ns) if facts.st_size else ()
            found[name] = tuple(stamp)
        return found

    @contextmanager
    def reading(self, account: str) -> Iterator[SyncState | None]:
        """The state of an account, only to be read; None where there is none yet. Blocking."""
        path = self.path(account)
        if not path.exists():
            yield None
            return
        from misfin.post.sync.state import SyncState

        state = SyncState(path, read_only=True)
        try:
            yield state
        finally:
            state.close()

    @contextmanager
    def writing(self, account: str) -> Iterator[SyncState]:
        """The state of an account that was in sync before. Blocking."""
        from misfin.post.sync.state import SyncState

        if not self.path(account).exists():
            raise StoreError(f"{account} has not been fetched yet.")
        state = SyncState(self.path(account))
        try:
            yield state
        finally:
            state.close()

    def path(self, account: str) -> Path:
        """Where the state of an account is."""
        return self._services.profile.sync / f"{account}.db"

    def directory(self, account: str) -> str:
        """Where its mail is, below the mail root."""
        return mail_directory(account, self._services.config.accounts[account])

    def address(self, account: str) -> str:
        """Its address; that of its identity where the settings do not say it. Blocking."""
        return self._services.address_of(self.directory(account))

    def inbox(self) -> LocalInbox:
        """This side."""
        from misfin.post.inbox import LocalInbox

        return LocalInbox(self._services.store)

    def _account(self, name: str, status: SourceStatus | None) -> SyncedAccount:
        settings = self._services.config.accounts[name]
        address = self.address(name)
        try:
            with self.reading(name) as state:
                if state is None:
                    return SyncedAccount(name, address, settings.paused, status=status)
                folders = tuple(sorted(state.folders(), key=_order()))
                counts = state.counts()
                waiting = self._waiting(name, state)
                in_step = state.in_step()
        except StoreError as error:
            problem = f"{error} {error.remedy}".strip()
            return SyncedAccount(name, address, settings.paused, status=status, problem=problem)
        messages = {each.local: counts.get(each.id, 0) for each in folders}
        return SyncedAccount(name, address, settings.paused, folders, messages, waiting, in_step, status)

    def _waiting(self, name: str, state: SyncState) -> dict[str, int]:
        from misfin.post.sync.waiting import changes_waiting

        with self._counting:  # the facts of files are remembered between two times
            return dict(
                changes_waiting(state, self.inbox(), self.directory(name), self._facts.setdefault(name, {}))
            )

    def _questions(self) -> list[SyncQuestion]:
        found: list[SyncQuestion] = []
        for name in self.names():
            with suppress(StoreError):  # the sync screen shows why
                found += self._questions_of(name)
        return found

    def _questions_of(self, name: str, *, paused: bool = False) -> list[SyncQuestion]:
        with self.reading(name) as state:
            if state is None:
                return []
            from misfin.post.sync.base import FolderState

            folders = [
                each
                for each in state.folders()
                if each.state is FolderState.ASKING
                or (paused and each.state is FolderState.PAUSED and each.asked_about)
            ]
            counts = state.counts() if folders else {}
        address = self.address(name) if folders else ""
        return [SyncQuestion(name, address, each, counts.get(each.id, 0)) for each in folders]

    def _answer(self, account: str, folder: str, choice: SyncAnswer) -> None:
        from misfin.post.sync.answering import answer

        with self.writing(account) as state:
            answer(state, folder, choice)

    def _log(self, account: str) -> list[tuple[ServerChange, str]]:
        from misfin.post.sync.journal import REMEMBERED, changes_made

        with self.reading(account) as state:
            changes = changes_made(state, time.time() - REMEMBERED) if state else []
        return [(each, self._subject(each.key)) for each in changes[: -MAX_LOG - 1 : -1]]

    def _subject(self, key: str) -> str:
        with suppress(MessageGoneError, StoreError):
            return self._services.index.message(key).subject or "(no subject)" if key else ""
        return ""


def _order() -> Callable[[SyncedFolder], tuple[int, str]]:
    from misfin.model.folders import FOLDERS

    return lambda each: (FOLDERS.index(each.local) if each.local in FOLDERS else len(FOLDERS), each.local)
