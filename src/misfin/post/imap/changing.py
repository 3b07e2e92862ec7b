"""Changes messages and folders on an IMAP server, and reports only what it confirmed.

OK does not mean done (docs/imap-engine.md §3): what was moved is what COPYUID names, or what was there before
and is not any more. Only messages that are named are ever deleted (UIDPLUS); there is no plain EXPUNGE here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from misfin.email import imap
from misfin.email.imap import UidSet, commands, searching
from misfin.errors import CommandError
from misfin.post.imap.session import ImapSession, refused, uids_of
from misfin.post.sync.imapflags import to_imap
from misfin.post.sync.remote import StepRefusedError
from misfin.post.sync.values import NO_FLAGS, Addition, FlagSet, RemoteFolder

_MISSING: Final = "TRYCREATE"


async def append(session: ImapSession, folder: RemoteFolder, addition: Addition) -> str:
    """See :meth:`misfin.post.sync.remote.Remote.append`."""
    try:
        command = commands.append(
            folder.raw,
            addition.size,
            marked=to_imap(addition.flags),
            date=_date(addition.received),
            binary=session.offers("BINARY") and await _has_nul(addition),
        )
    except CommandError as error:
        raise StepRefusedError(str(error)) from error
    done = await _uploaded(session, command, addition)
    if not done.ok:
        raise refused(done)
    match done.code:
        case imap.Code(value=imap.AppendUid(validity, uids)) if len(uids) == 1:
            epoch = session.epochs.get(folder.raw) or (await session.select(folder)).point.epoch
            if str(validity) == epoch:
                return str(uids.ranges[0][0])
    return ""


async def _uploaded(session: ImapSession, command: imap.ImapCommand, addition: Addition) -> imap.Completed:
    try:
        return await session.line.upload(command, addition.pieces())
    except CommandError as error:  # larger than the server takes: nothing was sent
        raise StepRefusedError(str(error)) from error


async def _has_nul(addition: Addition) -> bool:
    async for piece in addition.pieces():
        if b"\0" in piece:
            return True
    return False


def _date(received: float | None) -> datetime | None:
    try:
        found = None if received is None else datetime.fromtimestamp(received, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return found if found is not None and found.year >= 1000 else None


# ---- moving and deleting


async def move(
    session: ImapSession, folder: RemoteFolder, ids: Sequence[str], to: RemoteFolder
) -> Mapping[str, str]:
    """See :meth:`misfin.post.sync.remote.Remote.move`."""
    await session.open(folder)
    before = await session.present(uids_of(ids))
    moved: dict[str, str] = {}
    for part in before.split() if before else ():
        if session.offers("MOVE"):
            pairs, named = await _named(session, commands.move(part, to.raw), to)
            gone = part if named and len(pairs) == len(part) else await _gone(session, part)
        else:
            pairs, named = await _named(session, commands.copy(part, to.raw), to)
            copied = UidSet(old for old in part if old in pairs) if named else part
            gone = await _deleted(session, copied) if copied else UidSet()
        moved |= {str(old): str(pairs[old]) if old in pairs else "" for old in part if old in gone}
    return moved


async def _named(
    session: ImapSession, command: imap.ImapCommand, to: RemoteFolder
) -> tuple[dict[int, int], bool]:
    """Move or copy; the new number of each message where the server says it, and whether it says any."""
    pairs: dict[int, int] = {}
    named = False

    def hear(code: imap.Code | None) -> None:
        nonlocal named
        if code is not None and isinstance(code.value, imap.CopyUid):
            named = True
            pairs.update(code.value.pairs())

    def take(event: imap.ImapEvent) -> None:
        if isinstance(event, imap.StatusNotice):
            hear(event.code)

    done = await session.line.call(command, take)
    if not done.ok and done.code is not None and done.code.name == _MISSING:
        await session.line.call(commands.create(to.raw))
        await session.line.call(commands.subscribe(to.raw))
        done = await session.line.call(command, take)
    if not done.ok:
        raise refused(done)
    hear(done.code)
    return pairs, named


async def remove(session: ImapSession, folder: RemoteFolder, ids: Sequence[str]) -> Collection[str]:
    """See :meth:`misfin.post.sync.remote.Remote.remove`."""
    await session.open(folder)
    gone: list[str] = []
    wanted = uids_of(ids)
    for part in wanted.split() if wanted else ():
        gone += (str(uid) for uid in await _deleted(session, part))
    return gone


async def _deleted(session: ImapSession, uids: UidSet) -> UidSet:
    """Delete exactly these messages for good; returns those that are gone."""
    await session.call(commands.store(uids, "+", ["\\Deleted"]))
    await session.call(commands.expunge(uids))
    return await _gone(session, uids)


async def _gone(session: ImapSession, uids: UidSet) -> UidSet:
    left = await session.present(uids)
    return UidSet(uid for uid in uids if uid not in left)


# ---- flags


async def flag(
    session: ImapSession,
    folder: RemoteFolder,
    ids: Sequence[str],
    add: FlagSet,
    remove: FlagSet,
    *,
    modseq: int = 0,
) -> Collection[str]:
    """See :meth:`misfin.post.sync.remote.Remote.flag`."""
    await session.open(folder)
    condition = modseq if modseq and session.offers("CONDSTORE") else None
    left: set[int] = set()
    wanted = uids_of(ids)
    changes: list[tuple[Literal["+", "-"], FlagSet]] = [("+", add), ("-", remove)]
    for sign, flags in changes:
        if flags == NO_FLAGS:
            continue
        uids = UidSet(uid for uid in wanted if uid not in left)
        for part in uids.split() if uids else ():
            command = commands.store(part, sign, to_imap(flags), unchanged_since=condition)
            done = await session.call(command)
            if done.code is not None and isinstance(done.code.value, UidSet):
                left |= {uid for uid in part if uid in done.code.value}
        condition = None  # the first change is ours: the second must not take it for another's
    return [str(uid) for uid in left]


# ---- finding


async def search(session: ImapSession, folder: RemoteFolder, message_id: str) -> Sequence[str] | None:
    """See :meth:`misfin.post.sync.remote.Remote.search`."""
    await session.open(folder)
    found: list[UidSet] = []

    def take(event: imap.ImapEvent) -> None:
        if isinstance(event, imap.SearchResult):
            found.append(event.uids)

    try:
        done = await session.line.call(commands.search(searching.header("Message-ID", message_id)), take)
    except CommandError:
        return None
    if not done.ok:
        return None
    return [str(uid) for uid in UidSet.of_ranges(pair for part in found for pair in part.ranges)]
