"""The contract of a mailbox on a server, as the sync planner sees it: IMAP, POP3, GMAP, or your own.

A :class:`Remote` is one connection to one account's mailbox, and it is dumb: it looks, fetches and does as it
is asked. It keeps no memory of earlier connections, decides nothing and never deletes by itself; all of
that is the planner's. Its text and numbers may be lies: what is done with them stays safe
(docs/sync.md §5). Used on one event loop, by one task at a time.

One that reads a folder of ``.eml`` files, whole (a drop: :attr:`~misfin.post.sync.values.Abilities.mirrors`
is false, so nothing here ever changes there)::

    class Spool(OneWay):
        abilities = Abilities()

        def __init__(self, folder: Path) -> None:
            self.folder = folder

        async def folders(self) -> list[RemoteFolder]:
            return [RemoteFolder(b"INBOX", "INBOX", Role.INBOX)]

        async def look(self, folder: RemoteFolder, base: SyncPoint, *, dates: bool = False) -> Seen:
            names = await asyncio.to_thread(lambda: sorted(path.name for path in self.folder.glob("*.eml")))
            return Seen(SyncPoint(count=len(names)), [Listed(name) for name in names], present=set(names))

        async def fetch(self, folder: RemoteFolder, wanted: Sequence[Wanted]) -> AsyncIterator[Arrived]:
            for each in wanted:
                try:
                    data = await asyncio.to_thread((self.folder / each.id).read_bytes)
                except FileNotFoundError:
                    yield NotFetched(each.id, "The file is gone.", gone=True)
                else:
                    yield Fetched(each.id, data)

What a remote cannot do (its ``abilities`` say so) is never asked of it; such methods may raise
``NotImplementedError``: derive from :class:`OneWay` to have them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from misfin.errors import RemoteError
from misfin.post.sync.values import (
    Abilities,
    Addition,
    Fetched,
    FlagSet,
    MessageHead,
    NotFetched,
    Piece,
    RemoteFolder,
    Role,
    Seen,
    SyncPoint,
    Wanted,
)

Arrived: TypeAlias = Piece | Fetched | NotFetched
"""What fetching brings."""


class StepRefusedError(RemoteError):
    """The server refused this one thing (no space, not allowed, not with this message); the rest goes on.

    ``str()`` is a sentence for people with the server's words. The step is tried again at the next pass.
    """


class FolderGoneError(StepRefusedError):
    """There is no such folder on the server (any more)."""


class Remote(Protocol):
    """A mailbox elsewhere, connected and logged in.

    Every method raises :class:`~misfin.errors.RemoteError` if the connection or the server fails, which ends
    the pass (nothing is lost: the next one plans again), :class:`FolderGoneError` for a folder that is not
    there, and :class:`StepRefusedError` where noted. ``ids`` are always of the folder's present epoch; ids
    that are no longer there are passed over without an error.
    """

    @property
    def abilities(self) -> Abilities:
        """What it can do; fixed while it is connected."""

    async def folders(self) -> Sequence[RemoteFolder]:
        """Every folder that is to be kept here, the inbox among them; what holds no messages is left out.

        A folder that shows again what others hold (Gmail's "All Mail") is left out too, or ``look`` shows
        of it only what no other folder has.
        """

    async def look(self, folder: RemoteFolder, base: SyncPoint, *, dates: bool = False) -> Seen:
        """What has changed in a folder since ``base``; everything, where ``base.modseq`` is 0.

        If the epoch is not that of ``base``, ``base`` means nothing: everything is listed, with sizes. What
        has arrived since follows from ``base.next``. ``dates``: ``received`` of each listed message is
        needed. A server without a count of changes is asked for all ids and flags; one that counts changes
        and not deletions is asked for all ids if ``base.count`` and what is listed do not add up.
        """

    def fetch(self, folder: RemoteFolder, wanted: Sequence[Wanted]) -> AsyncIterator[Arrived]:
        """Fetch messages in this order, each ending in :class:`Fetched` or :class:`NotFetched`.

        Fetching must not change them (it is not reading). What is over 1 MiB comes in pieces of at most that,
        so that memory stays flat, and begins at ``wanted.start``. Several requests may be in flight
        (:func:`misfin.post.sync.batches.in_batches` says which belong together), but the messages come one
        after the other. A connection that ends in between raises, and what came whole has arrived.
        """

    async def heads(self, folder: RemoteFolder, ids: Sequence[str] | None) -> Sequence[MessageHead]:
        """The header blocks of these messages, of all if None, in any order: to tell which message is which.

        Only of a remote that mirrors.
        """

    async def search(self, folder: RemoteFolder, message_id: str) -> Sequence[str] | None:
        """The ids of messages with this Message-ID, oldest first; None if the server cannot search.

        ``message_id`` is a stranger's text, with its angle brackets: quote it. Only of a remote that mirrors.
        """

    async def append(self, folder: RemoteFolder, addition: Addition) -> str:
        """Put a message into a folder; returns its id, empty if the server did not say or said nonsense.

        (UIDPLUS: the UIDVALIDITY of the answer must be the folder's.) Raises :class:`StepRefusedError`.
        """

    async def move(self, folder: RemoteFolder, ids: Sequence[str], to: RemoteFolder) -> Mapping[str, str]:
        """Move messages; returns the new id of each that was moved, empty where the server did not say it.

        Only what the server confirmed is in the result: without MOVE, a copy whose original could not be
        deleted is not. Raises :class:`StepRefusedError` if nothing was moved.
        """

    async def flag(
        self, folder: RemoteFolder, ids: Sequence[str], add: FlagSet, remove: FlagSet, *, modseq: int = 0
    ) -> Collection[str]:
        """Add and remove flags, never set the whole; returns the ids of those that were left alone.

        With a ``modseq`` (and a server that counts changes), messages changed since by others are left alone.
        Raises :class:`StepRefusedError`.
        """

    async def remove(self, folder: RemoteFolder, ids: Sequence[str]) -> Collection[str]:
        """Delete exactly these messages for good; returns the ids of which the server confirmed it.

        Raises :class:`StepRefusedError`.
        """

    async def create(self, name: str, role: Role = Role.NONE) -> RemoteFolder:
        """Create a folder, subscribed, and return it; ``/`` separates levels. One that exists is returned.

        Raises :class:`StepRefusedError`.
        """

    async def rename(self, folder: RemoteFolder, name: str) -> RemoteFolder:
        """Rename a folder and return it as it is now. Raises :class:`StepRefusedError`."""


class OneWay:
    """The methods of a remote that only hands out messages: nothing is ever asked of them."""

    async def heads(self, folder: RemoteFolder, ids: Sequence[str] | None) -> Sequence[MessageHead]:
        """Not possible."""
        raise NotImplementedError

    async def search(self, folder: RemoteFolder, message_id: str) -> Sequence[str] | None:
        """Not possible."""
        raise NotImplementedError

    async def append(self, folder: RemoteFolder, addition: Addition) -> str:
        """Not possible."""
        raise NotImplementedError

    async def move(self, folder: RemoteFolder, ids: Sequence[str], to: RemoteFolder) -> Mapping[str, str]:
        """Not possible."""
        raise NotImplementedError

    async def flag(
        self, folder: RemoteFolder, ids: Sequence[str], add: FlagSet, remove: FlagSet, *, modseq: int = 0
    ) -> Collection[str]:
        """Not possible."""
        raise NotImplementedError

    async def remove(self, folder: RemoteFolder, ids: Sequence[str]) -> Collection[str]:
        """Not possible."""
        raise NotImplementedError

    async def create(self, name: str, role: Role = Role.NONE) -> RemoteFolder:
        """Not possible."""
        raise NotImplementedError

    async def rename(self, folder: RemoteFolder, name: str) -> RemoteFolder:
        """Not possible."""
        raise NotImplementedError
