"""Fetches messages from an IMAP folder: batches with two in flight, large messages in pieces.

The end of a large message is an answer that is shorter than what was asked for, whatever size the server
names: some only guess it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from misfin.email import imap
from misfin.email.imap import UidSet, commands
from misfin.post.imap.looking import received_at
from misfin.post.imap.session import ImapSession, refused
from misfin.post.sync.batches import LARGE, in_batches
from misfin.post.sync.imapflags import from_imap
from misfin.post.sync.remote import Arrived
from misfin.post.sync.values import Fetched, NotFetched, Piece, RemoteFolder, Wanted

_IN_FLIGHT: Final = 2
_FACTS: Final = ["FLAGS", "INTERNALDATE"]


async def fetch(
    session: ImapSession, folder: RemoteFolder, wanted: Sequence[Wanted]
) -> AsyncIterator[Arrived]:
    """See :meth:`misfin.post.sync.remote.Remote.fetch`."""
    await session.open(folder)
    small = [each for each in wanted if (each.size or 0) < LARGE and not each.start]
    alone = [each for each in wanted if (each.size or 0) >= LARGE or each.start]
    refused_ids: list[str] = []
    try:
        async for arrived in _batches(session, small, refused_ids):
            yield arrived
        for each in refused_ids:
            yield await _single(session, each)
        for one in alone:
            async for piece in _in_pieces(session, one):
                yield piece
    finally:
        if session.line.engine.pending:  # nobody listens to the rest: it must not be taken for an answer
            session.line.connection.abort()


async def _batches(session: ImapSession, wanted: Sequence[Wanted], left: list[str]) -> AsyncIterator[Arrived]:
    """All messages that come in batches; ``left`` gets the ids the server passed over."""
    waiting = deque(in_batches(wanted))
    flight: dict[str, dict[str, None]] = {}
    while waiting or flight:
        while waiting and len(flight) < _IN_FLIGHT:
            ids = dict.fromkeys(each.id for each in waiting.popleft())
            uids = UidSet(map(int, ids))
            # A line has a limit: ids without order make long sets.
            for part in uids.split():
                names = {each: None for each in ids if int(each) in part}
                flight[session.line.send(commands.fetch(part, [*_FACTS, commands.body()]))] = names
        for event in await session.line.events():
            match event:
                case imap.Fetch() if (found := _whole(event)) is not None:
                    for names in flight.values():
                        names.pop(found.id, None)
                    yield found
                case imap.Completed() if event.tag in flight:
                    left += flight.pop(event.tag)


def _whole(event: imap.Fetch, uid: int | None = None) -> Fetched | None:
    part, number = event.part(), event.uid or uid
    if part is None or part.data is None or number is None:
        return None
    flags = from_imap(event.flags) if event.flags is not None else None
    return Fetched(str(number), part.data, flags, received_at(event.items.get("INTERNALDATE")))


async def _single(session: ImapSession, remote_id: str) -> Fetched | NotFetched:
    """A message that did not come with its batch: it is gone, or the server keeps it back."""
    uid, found, seen = int(remote_id), [], False

    def take(event: imap.ImapEvent) -> None:
        nonlocal seen
        if isinstance(event, imap.Fetch):
            seen = seen or (event.uid == uid and event.part() is not None)
            one = _whole(event, uid)
            if one is not None and one.id == remote_id:
                found.append(one)

    done = await session.line.call(commands.fetch(UidSet([uid]), [*_FACTS, commands.body()]), take)
    if found:
        return found[0]
    if not done.ok:
        gone = not await session.present(UidSet([uid]))
        return NotFetched(remote_id, str(refused(done)), gone=gone)
    return NotFetched(remote_id, "The server lists it but does not send it.", gone=not seen)


async def _in_pieces(session: ImapSession, wanted: Wanted) -> AsyncIterator[Arrived]:
    """One message, a mebibyte at a time, the next already asked for while one is handed on."""
    uid = int(wanted.id)
    facts: imap.Fetch | None = None
    start, asked = wanted.start, wanted.start
    tags: deque[str] = deque()
    came: dict[int, bytes] = {}
    ended = False
    while not ended:
        while len(tags) < _IN_FLIGHT:
            items = [*(_FACTS if asked == wanted.start else []), commands.body(start=asked, count=LARGE)]
            command = commands.fetch(UidSet([uid]), items, max_bytes=2 * LARGE)
            tags.append(session.line.send(command))
            asked += LARGE
        for event in await session.line.events():
            match event:
                case imap.Fetch() if event.uid in (uid, None):
                    facts = event if "INTERNALDATE" in event.items else facts
                    part = event.part()
                    if part is not None and (part.data is not None or start):  # NIL behind the end
                        came[part.origin if part.origin is not None else start] = part.data or b""
                case imap.Completed() if tags and event.tag == tags[0]:
                    tags.popleft()
                    data = came.pop(start, None)
                    if not event.ok or data is None:
                        await _finish(session, tags)
                        yield await _kept_back(session, wanted.id, event)
                        return
                    ended = len(data) < LARGE
                    start += len(data)
                    if not ended:
                        yield Piece(wanted.id, data)
                    else:
                        await _finish(session, tags)
                        flags = from_imap(facts.flags) if facts and facts.flags is not None else None
                        at = received_at(facts.items.get("INTERNALDATE")) if facts else None
                        yield Fetched(wanted.id, data, flags, at)
                        return


async def _finish(session: ImapSession, tags: Collection[str]) -> None:
    """Wait for the end of what was asked for and is not needed."""
    left = set(tags) & set(session.line.engine.pending)
    while left:
        for event in await session.line.events():
            if isinstance(event, imap.Completed):
                left.discard(event.tag)


async def _kept_back(session: ImapSession, remote_id: str, done: imap.Completed) -> NotFetched:
    gone = not await session.present(UidSet([int(remote_id)]))
    why = "The server lists it but does not send it." if done.ok else str(refused(done))
    return NotFetched(remote_id, why, gone=gone)
