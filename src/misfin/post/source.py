"""How an account receives: the contract between a source of messages and the local mail.

A :class:`Source` is the incoming side of one account, or of several: it listens, or it connects to where the
mail is kept. It hands over messages and reports its state through an :class:`Inbox`. It knows no
Maildir's layout, no index and no screen. The first source is the receiver
(:class:`misfin.post.reception.Reception`).

Another one that looks into a spool folder, whole::

    class Spool:
        def __init__(self, account: Account, folder: Path) -> None:
            self.account, self.folder = account, folder

        async def once(self, inbox: Inbox) -> Report:
            return await asyncio.to_thread(self._collect, inbox)

        async def run(self, inbox: Inbox, stop: asyncio.Event) -> None:
            inbox.report(SourceStatus(self.account.name, SourceState.RUNNING, "watching the spool"))
            while not stop.is_set():
                await self.once(inbox)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 60)
            inbox.report(SourceStatus(self.account.name, SourceState.STOPPED, "not watching"))

        def _collect(self, inbox: Inbox) -> Report:
            waiting = sorted(self.folder.iterdir())
            for file in waiting:
                inbox.file(self.account.directory, INBOX, [file.read_bytes()])
                file.unlink()  # only now: the message is safe
            return Report(len(waiting))
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from misfin.store.mail.filenames import Entry
from misfin.store.mail.snapshot import Snapshot
from misfin.valueclass import dataclass


class SourceState(StrEnum):
    """The state of a source."""

    FAILED = "failed"
    """It has ended, or needs a person; it does not try again by itself."""
    WAITING = "waiting"
    """It cannot work at the moment, and tries again by itself."""
    STOPPED = "stopped"
    """Nobody wants it to run."""
    RUNNING = "running"
    """It listens, or is connected and up to date."""


WORST_FIRST: Final = tuple(SourceState)
"""The order in which states matter to a person."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """The state of an account's source, with a sentence for people that does not need the account's name.

    ``account`` is its name; empty for the receiver, which serves every Misfin account of the profile.
    """

    account: str
    state: SourceState
    sentence: str


def worst(statuses: Iterable[SourceStatus]) -> SourceStatus | None:
    """The one that matters most; of several in one state the first."""
    return min(statuses, key=lambda each: WORST_FIRST.index(each.state), default=None)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message to file: ``path`` came from :meth:`Inbox.new_paths` for the same account and folder.

    The file is finished, its content on disk (``fsync``), so that a large message is never held in memory.
    ``account`` is the directory of the account's mail. Without ``flags`` (characters of Maildir) it is new
    mail. ``key`` names it where a repetition has to come to the same file; a source that gives one promises
    that no other message has it.
    """

    account: str
    folder: str
    path: Path
    flags: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What :meth:`Source.once` did: ``arrived`` messages were filed, and ``changed`` others on either side.

    ``problems`` are sentences about what was left undone, ``notices`` others worth reading. ``asking`` are
    folders that wait for a person's decision (docs/sync.md §5).
    """

    arrived: int = 0
    problems: tuple[str, ...] = ()
    changed: int = 0
    notices: tuple[str, ...] = ()
    asking: tuple[str, ...] = ()


class Inbox(Protocol):
    """The local side of a source. Safe for any thread; all but ``report`` block on the disk.

    ``account`` is always the directory of the account's mail, and ``folder`` one of our names
    (``Lists/Crew``). Methods raise :class:`~misfin.errors.StoreError` when the disk refuses. What other
    programs have moved or removed meanwhile is passed over. When a method returns, what it did survives a
    crash and a power cut.
    """

    # ---- handing over messages

    def new_paths(self, account: str, folder: str, count: int = 1) -> list[Path]:
        """Where to write that many messages for a folder, which is created if it is missing.

        What is begun there and never handed over is removed after some days.
        """

    def write(
        self,
        account: str,
        folder: str,
        messages: Sequence[bytes],
        received: Sequence[float | None] = (),
    ) -> list[Path]:
        """Write messages that are in memory anyway, for :meth:`deliver_many`; their content is then on disk.

        ``received`` (Unix seconds, one for each message) become the times of the files. All of them, or an
        error and none.
        """

    def file(
        self, account: str, folder: str, messages: Sequence[bytes], keys: Sequence[str] = ()
    ) -> list[str]:
        """Write and file new messages that are in memory anyway; returns their keys.

        As :meth:`deliver_many` for one folder. With ``keys``, the caller names the messages: what has the key
        of a message in the folder is that message.
        """

    def deliver(self, arrival: Arrival) -> str:
        """File one message; returns its key. As :meth:`deliver_many`."""

    def deliver_many(self, arrivals: Sequence[Arrival]) -> list[str]:
        """File messages; returns their keys. All those of one folder are filed, or none of them.

        When this returns they survive a crash and a power cut, and only then may the source tell its server
        that they have arrived. Their files are taken in any case: filed, or removed where this raises.
        The source then keeps the messages where they are and tries again later.
        """

    # ---- keeping folders in sync with a mailbox elsewhere

    def folders(self, account: str) -> list[str]:
        """The folders there are, the inbox first."""

    def create(self, account: str, folder: str) -> None:
        """Create a folder that may exist already, and the account with it."""

    def identity(self, account: str, *, create: bool = False) -> str:
        """A value that stays while the account's mail is the same directory; empty if it is missing.

        ``create`` puts the mark there by which it is known. A directory that was replaced, restored from a
        backup or is behind a link to nowhere has another value.
        """

    def snapshot(self, account: str, folder: str, known: str = "") -> Snapshot | None:
        """What the folder holds; None if its stamp still is ``known``."""

    def find(self, account: str, folder: str, key: str) -> Path | None:
        """The file of a message, with any flags."""

    def tag_flags(self, account: str, folder: str, tags: Collection[str]) -> Mapping[str, str]:
        """The flag of each of these tags in a folder; a tag without one is given one.

        A folder has 26; tags for which none is left are missing in the result.
        """

    def flag(self, account: str, folder: str, changes: Sequence[tuple[str, str, str]]) -> set[str]:
        """For each key the flags to add and to remove; returns the keys that were there."""

    def move(
        self, account: str, folder: str, to: str, moves: Sequence[tuple[str, str | None]]
    ) -> dict[str, str]:
        """Move messages, each with its new flags (None: as they are); returns the new key of each moved."""

    def renew(self, account: str, folder: str, name: str) -> str:
        """Give a file (``cur/NAME``) a key of its own; returns it, empty if the file is gone."""

    def remove(self, account: str, folder: str, keys: Sequence[str]) -> set[str]:
        """Delete messages for good; returns the keys of those that were there."""

    def to_attic(self, account: str, folder: str, keys: Sequence[str]) -> dict[str, str]:
        """Move messages to the attic (docs/sync.md §6); returns the key there of each that was moved."""

    def from_attic(self, account: str, folder: str, key: str, flags: str) -> str:
        """Bring a message back from the attic; returns its key, empty if it is not there any more."""

    def attic(self, account: str) -> list[Entry]:
        """Every message in the attic of an account."""

    def remove_from_attic(self, account: str, keys: Sequence[str]) -> None:
        """Delete messages in the attic for good."""

    # ----

    def report(self, status: SourceStatus) -> None:
        """Report the state of the source, whenever it changes. Never raises and never waits."""


class Source(Protocol):
    """The incoming side of an account. Used on one event loop; its own blocking work is done in threads."""

    async def run(self, inbox: Inbox, stop: asyncio.Event) -> None:
        """Receive until ``stop`` is set; then let go of everything in an orderly way and return.

        What goes wrong on the other side or on the way is no reason to end: it reports
        :attr:`SourceState.WAITING` and tries again. Raises :class:`~misfin.errors.LocalError` for what only a
        person can change, having reported :attr:`SourceState.FAILED`.
        """

    async def once(self, inbox: Inbox) -> Report:
        """Fetch what is there now, and return. A source that only listens has nothing to fetch.

        Raises :class:`~misfin.errors.MisfinError` where nothing at all could be fetched.
        """
