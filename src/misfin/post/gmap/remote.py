"""A remote Misfin mailbox as the sync planner sees it: five folders that are tags, and one flag."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final

from misfin.errors import RemoteError
from misfin.gmap.client import MAX_CONNECTIONS, GmapClient
from misfin.gmap.errors import (
    GmapError,
    MovedElsewhereError,
    NoSuchMessageError,
    NotForUsError,
    SlowDownError,
)
from misfin.gmap.requests import UNREAD
from misfin.model.folders import ARCHIVE, DRAFTS, INBOX, SENT, TRASH
from misfin.post.gmap import snapshot
from misfin.post.gmap.snapshot import FOLDERS, GmapSnapshot
from misfin.post.gmap.stamping import Stamp, StoredMessage
from misfin.post.sync.identify import HEAD_LIMIT, header_block
from misfin.post.sync.remote import Arrived, OneWay, StepRefusedError
from misfin.post.sync.values import (
    NO_FLAGS,
    Abilities,
    Fetched,
    FlagSet,
    Listed,
    MessageHead,
    NotFetched,
    RemoteFolder,
    Role,
    Seen,
    SyncPoint,
    Wanted,
)

ROLES: Final = {
    INBOX: Role.INBOX,
    SENT: Role.SENT,
    DRAFTS: Role.DRAFTS,
    ARCHIVE: Role.ARCHIVE,
    TRASH: Role.TRASH,
}
_READ: Final = FlagSet("S")
_KEPT: Final = 256
"""Messages kept in memory after their header was wanted: most are fetched next."""
_AHEAD: Final = 4 * MAX_CONNECTIONS
"""Messages asked for before the first of them has come."""
_TOGETHER: Final = 64
"""Changes begun before the first of them is done; the client lets few of them out at once."""
_ENDS: Final = (NotForUsError, MovedElsewhereError, SlowDownError)
"""What is said to the whole mailbox and not to one request."""


class GmapRemote(OneWay):
    """A mailbox through ``client``; ``stamp`` makes files of its messages.

    A folder holds what carries its tag and none of a folder before it in
    :data:`~misfin.post.gmap.snapshot.FOLDERS`. There is no way to put messages there.
    """

    def __init__(self, client: GmapClient, stamp: Stamp) -> None:
        self.abilities = Abilities(mirrors=True, flags=_READ.chars, moves=True, removes=True)
        self.client = client
        self._stamp = stamp
        self._snapshot: GmapSnapshot | None = None
        self._looked: set[str] = set()
        self._stored: OrderedDict[str, StoredMessage] = OrderedDict()

    async def changed(self) -> bool:
        """Whether something has arrived or was read since the last look, by two requests."""
        return self._snapshot is None or await snapshot.changed(self.client, self._snapshot)

    # ---- looking

    async def folders(self) -> Sequence[RemoteFolder]:
        """See :meth:`misfin.post.sync.remote.Remote.folders`."""
        self._looked = set(FOLDERS)  # a pass begins: what was seen before is old
        return [RemoteFolder(tag.encode(), tag, role, uploads=False) for tag, role in ROLES.items()]

    async def look(self, folder: RemoteFolder, base: SyncPoint, *, dates: bool = False) -> Seen:
        """See :meth:`misfin.post.sync.remote.Remote.look`: everything is listed, without sizes and times.

        One look at the whole mailbox serves every folder, once.
        """
        tag = folder.raw.decode("ascii")
        if self._snapshot is None or tag in self._looked:
            self._snapshot = await snapshot.take(self.client)
            self._looked.clear()
        self._looked.add(tag)
        seen = self._snapshot
        ids = sorted(seen.folders[tag])  # they begin with the time, on most servers
        keeps = "" if tag == TRASH else _READ.chars  # what is in the trash is not listed as unread
        listed = [Listed(each, _READ if keeps and seen.is_read(each) else NO_FLAGS) for each in ids]
        return Seen(SyncPoint(count=len(ids)), listed, present=seen.folders[tag], flags=keeps, tags=False)

    async def heads(self, folder: RemoteFolder, ids: Sequence[str] | None) -> Sequence[MessageHead]:
        """See :meth:`misfin.post.sync.remote.Remote.heads`: whole messages have to be fetched."""
        if ids is None:
            seen = self._snapshot or await snapshot.take(self.client)
            ids = sorted(seen.folders[folder.raw.decode("ascii")])
        found: list[MessageHead] = []
        async for each, got in self._messages(ids):
            if isinstance(got, StoredMessage):
                self._stored[each] = got
                if len(self._stored) > _KEPT:
                    self._stored.popitem(last=False)
                found.append(MessageHead(each, header_block(got.data[:HEAD_LIMIT])))
        return found

    async def search(self, folder: RemoteFolder, message_id: str) -> Sequence[str] | None:
        """See :meth:`misfin.post.sync.remote.Remote.search`: not possible."""
        return None

    # ---- fetching

    async def fetch(self, folder: RemoteFolder, wanted: Sequence[Wanted]) -> AsyncIterator[Arrived]:
        """See :meth:`misfin.post.sync.remote.Remote.fetch`."""
        async for each, got in self._messages([one.id for one in wanted]):
            match got:
                case StoredMessage():
                    yield Fetched(each, got.data, received=got.received)
                case NoSuchMessageError():
                    yield NotFetched(each, "It is no longer there.", gone=True)
                case _ if got.status == 40:
                    yield NotFetched(each, f"It is encrypted, or cannot be read, on the server. {got}")
                case _:
                    yield NotFetched(each, str(got))

    async def _messages(self, ids: Sequence[str]) -> AsyncIterator[tuple[str, StoredMessage | GmapError]]:
        """Messages in this order, or why one does not come; several are under way at once."""
        waiting = list(reversed(ids))
        flight: list[tuple[str, asyncio.Task[StoredMessage | GmapError]]] = []
        try:
            while waiting or flight:
                while waiting and len(flight) < _AHEAD:
                    each = waiting.pop()
                    flight.append((each, asyncio.create_task(self._message(each))))
                each, task = flight[0]
                got = await task
                del flight[0]
                yield each, got
        finally:
            for _, task in flight:
                task.cancel()
            await asyncio.gather(*(task for _, task in flight), return_exceptions=True)

    async def _message(self, message: str) -> StoredMessage | GmapError:
        if (known := self._stored.pop(message, None)) is not None:
            return known
        try:
            gemmail = await self.client.message(message)
        except _ENDS:
            raise
        except GmapError as error:
            return error
        return await asyncio.to_thread(self._stamp, message, gemmail)

    # ---- changing

    async def move(self, folder: RemoteFolder, ids: Sequence[str], to: RemoteFolder) -> Mapping[str, str]:
        """See :meth:`misfin.post.sync.remote.Remote.move`: first the new tag is added."""
        source, target = folder.raw.decode("ascii"), to.raw.decode("ascii")

        async def one(message: str) -> None:
            await self.client.tag(message, target)
            # The trash hides other tags, so what comes out of it may carry any; it is untagged last.
            known = set(FOLDERS) if source == TRASH else (self._tags_of(message) | {source})
            for tag in sorted(known - {target}, key=FOLDERS.index, reverse=True):
                await self.client.untag(message, tag)

        return {each: each for each in await self._each(ids, one)}

    def _tags_of(self, message: str) -> set[str]:
        return self._snapshot.tags_of(message) if self._snapshot else set()

    async def flag(
        self, folder: RemoteFolder, ids: Sequence[str], add: FlagSet, remove: FlagSet, *, modseq: int = 0
    ) -> Collection[str]:
        """See :meth:`misfin.post.sync.remote.Remote.flag`."""
        if "S" in add.chars:
            await self._each(ids, lambda message: self.client.untag(message, UNREAD))
        elif "S" in remove.chars:
            await self._each(ids, lambda message: self.client.tag(message, UNREAD))
        return ()

    async def remove(self, folder: RemoteFolder, ids: Sequence[str]) -> Collection[str]:
        """See :meth:`misfin.post.sync.remote.Remote.remove`; what was gone already counts as confirmed."""
        gone: set[str] = set()

        async def one(message: str) -> None:
            try:
                await self.client.tag(message, TRASH)  # only what is there can be deleted
            except NoSuchMessageError:
                gone.add(message)
                return
            try:
                await self.client.delete(message)
            except NoSuchMessageError:  # or it has left the trash again: then it still can be tagged
                try:
                    await self.client.tag(message, TRASH)
                except NoSuchMessageError:
                    gone.add(message)
                return
            gone.add(message)

        await self._each(ids, one)
        return gone

    async def _each(self, ids: Sequence[str], one: Callable[[str], Awaitable[None]]) -> list[str]:
        """Do something with each message; returns those that were there.

        Raises what the server said of the first it refused, once the others begun with it are done.
        """
        done: list[str] = []
        for start in range(0, len(ids), _TOGETHER):
            part = ids[start : start + _TOGETHER]
            ended = await asyncio.gather(*map(one, part), return_exceptions=True)
            for error in ended:
                if isinstance(error, BaseException) and not isinstance(error, GmapError):
                    raise error
                if isinstance(error, _ENDS):
                    raise error
            done += [each for each, error in zip(part, ended, strict=True) if error is None]
            refused = [error for error in ended if isinstance(error, GmapError)]
            hard: list[RemoteError] = [each for each in refused if not isinstance(each, NoSuchMessageError)]
            if hard and not done:
                raise StepRefusedError(str(hard[0]))
        return done
