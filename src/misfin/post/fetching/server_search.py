"""Looks at a server for a person who waits, over a connection of its own in a thread of its own.

It only reads. What is found is kept in memory by whoever asked; fetching and storing it is left to the
process that keeps the account in sync (:mod:`misfin.post.sync.opening`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from misfin.errors import LocalError
from misfin.post.fetching.connecting import Connected
from misfin.post.imap import finding
from misfin.post.imap.criteria import criteria_of, places_of
from misfin.post.imap.finding import FoundMessage, found_by_head
from misfin.post.imap.remote import ImapRemote
from misfin.post.pop3.remote import Pop3Remote
from misfin.post.sync.base import SyncedFolder
from misfin.post.sync.remote import Remote, StepRefusedError
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import START
from misfin.store.search.query import Node

T = TypeVar("T")
REST: Final = 60.0
"""Seconds without work after which the connection is closed."""
MOST: Final = 500
"""Messages that a search shows at most."""


@dataclass(frozen=True, slots=True)
class FoundOnServer:
    """What a server has and this side has not: the newest ``messages``, and how many there are in ``total``.

    ``refused`` are sentences about folders that could not be searched.
    """

    messages: tuple[FoundMessage, ...] = ()
    total: int = 0
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """A folder in sync, and the ids of its messages that are here."""

    folder: SyncedFolder
    ids: frozenset[str]


def known_folders(state: SyncState) -> list[ServerFolder]:
    """What is here of each folder. Blocks."""
    return [ServerFolder(each, frozenset(state.on_server(each.id))) for each in state.folders()]


async def search(
    remote: Remote,
    known: Sequence[ServerFolder],
    query: Node | None,
    *,
    account: str = "",
    folder: str | None = None,
) -> FoundOnServer:
    """Search the folders of an account, or one (by its name here), for what is not here.

    Raises :class:`~misfin.errors.QueryError` for what a server cannot search for, and
    :class:`~misfin.errors.RemoteError`.
    """
    if not isinstance(remote, ImapRemote):
        raise LocalError("A POP3 server cannot be searched.")
    gmail = remote.gmail is not None
    criteria = criteria_of(query, gmail=gmail)
    places = {place.casefold().removeprefix(f"{account.casefold()}/") for place in places_of(query)}
    places.discard(account.casefold())
    if folder is not None:
        places = {folder.casefold()}
    by_raw = {each.folder.remote.raw: each for each in known}
    found: list[tuple[ServerFolder, list[int]]] = []
    refused: list[str] = []
    for there in await remote.folders():
        here = by_raw.get(there.raw)
        if here is None or (places and here.folder.local.casefold() not in places):
            continue
        try:
            epoch = here.folder.point.epoch
            uids = await finding.search(
                remote.session, there, criteria, here.ids, epoch=epoch, gmail=remote.gmail
            )
        except StepRefusedError as error:
            refused.append(f"{here.folder.local}: {error}")
            continue
        found.append((here, uids))
    messages: list[FoundMessage] = []
    for here, uids in found:
        newest = uids[: finding.MOST]
        local = here.folder.local
        messages += await finding.read(remote.session, here.folder.remote, local, newest)
    messages.sort(key=lambda each: each.date, reverse=True)
    return FoundOnServer(tuple(messages[:MOST]), sum(len(uids) for _, uids in found), tuple(refused))


async def left_in_drop(remote: Pop3Remote, left: Mapping[str, Sequence[str]]) -> FoundOnServer:
    """The messages of a maildrop that were left there, by the names of their folders here.

    Raises :class:`~misfin.errors.RemoteError`.
    """
    (drop,) = await remote.folders()
    await remote.look(drop, START)
    messages: list[FoundMessage] = []
    for local, ids in left.items():
        heads = await remote.heads_of(ids[-finding.MOST :])
        messages += [found_by_head(local, "", each.id, each.data, size=each.size or 0) for each in heads]
    messages.sort(key=lambda each: each.date, reverse=True)
    return FoundOnServer(tuple(messages), sum(map(len, left.values())))


class OpenConnection:
    """A connection that is opened when needed, closed a while after, and driven in a thread of its own.

    ``connect`` opens it. ``rest`` is how long it stays open, in seconds; 0 for a maildrop, which it would
    lock. Used from any loop; a use that is cancelled ends the connection.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connected]], *, rest: float = REST) -> None:
        self._connect = connect
        self._rest = rest
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock: asyncio.Lock | None = None
        self._connected: Connected | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._starting = threading.Lock()

    async def use(self, work: Callable[[Remote], Coroutine[Any, Any, T]]) -> T:
        """What ``work`` returns, once it is its turn.

        Raises as :func:`~misfin.post.fetching.connecting.connect`, and what ``work`` raises.
        """
        loop = self._running()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._use(work), loop))

    async def close(self) -> None:
        """Close the connection, if there is one, and end the thread."""
        loop, self._loop = self._loop, None
        if loop is not None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close(), loop))
            loop.call_soon_threadsafe(loop.stop)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()
                self._lock = None
                threading.Thread(target=_run, args=(loop,), name="server search", daemon=True).start()
            return self._loop

    async def _use(self, work: Callable[[Remote], Coroutine[Any, Any, T]]) -> T:
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            if self._closing is not None:
                self._closing.cancel()
                self._closing = None
            connected = self._connected
            if connected is None or not connected.usable:
                self._connected = connected = await self._connect()
            try:
                result = await work(connected.remote)
            except BaseException as error:
                if not isinstance(error, LocalError):  # who knows what the server still says
                    self._connected = None
                    connected.client.line.connection.abort()
                raise
            if not self._rest:
                await self._end()
                return result
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(self._rest, lambda: loop.create_task(self._close()))
            return result

    async def _close(self) -> None:
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            await self._end()

    async def _end(self) -> None:
        connected, self._connected = self._connected, None
        if connected is not None:
            await connected.close()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
