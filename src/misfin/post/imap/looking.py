"""Finds what has changed in an IMAP folder since a moment, in the cheapest way the server supports.

QRESYNC says what changed and what is gone. CONDSTORE says what changed; whether something is gone follows
from counting. Without either, all ids and flags are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from datetime import datetime
from typing import Final, TypedDict

from misfin.email import imap
from misfin.email.imap import UidSet, commands
from misfin.post.imap.gmail import LABELS, LASTING, GmailFolders
from misfin.post.imap.session import ImapSession, Opened
from misfin.post.sync.imapflags import from_imap, permanent
from misfin.post.sync.values import FLAG_CHARS, Listed, RemoteFolder, Seen, SyncPoint

_SPELLED_OUT: Final = 100_000
"""Ids that are gone up to which each is named; beyond, it is asked of each known message whether it is."""


async def look(
    session: ImapSession,
    folder: RemoteFolder,
    base: SyncPoint,
    *,
    dates: bool = False,
    gmail: GmailFolders | None = None,
) -> Seen:
    """See :meth:`misfin.post.sync.remote.Remote.look`."""
    if gmail is not None and gmail.is_archive(folder):
        return await _look_at_archive(session, folder, base, gmail, dates=dates)
    also = [*(["INTERNALDATE"] if dates else []), *([LASTING] if gmail is not None else [])]
    seen = await _look(session, folder, base, also)
    if gmail is not None and (seen.gone or seen.present is not None):
        gmail.left_elsewhere()
    return seen


async def _look_at_archive(
    session: ImapSession, folder: RemoteFolder, base: SyncPoint, gmail: GmailFolders, *, dates: bool
) -> Seen:
    """All Mail without what is in other folders."""
    opened = await session.select(folder, base)
    point = opened.point
    items = ["FLAGS", "RFC822.SIZE", LABELS, LASTING, *(["INTERNALDATE"] if dates else [])]
    known = base.modseq and base.epoch == point.epoch and base.next <= point.next
    listing = _Listing()
    if gmail.scan_due or not known:
        if point.count:
            await session.call(commands.fetch(UidSet.since(1), items), listing.take)
        gmail.scanned()
        there = {uid: found for uid, found in listing.fetched.items() if gmail.archived(found)}
        return Seen(point, _listed(there), present=Ids(UidSet(there)), **_kept(opened))
    if point.modseq != base.modseq:
        changed = commands.fetch(UidSet.since(1), items, changed_since=base.modseq)
        await session.call(changed, listing.take)
    arrived = sum(uid >= base.next for uid in listing.fetched)
    present = Ids(await session.present()) if base.count + arrived != point.count else None
    there = {uid: found for uid, found in listing.fetched.items() if gmail.archived(found)}
    elsewhere = [str(uid) for uid in listing.fetched if uid not in there]
    return Seen(point, _listed(there), elsewhere, present, **_kept(opened))


async def _look(session: ImapSession, folder: RemoteFolder, base: SyncPoint, also: Collection[str]) -> Seen:
    opened = await session.select(folder, base)
    point = opened.point
    items = ["FLAGS", "RFC822.SIZE", *also]
    fresh = not base.modseq or base.epoch != point.epoch or point.next < base.next or not point.modseq
    listing = _Listing()
    gone: Collection[str] = ()
    present: Container[str] | None = None
    if fresh:
        if point.count:
            await session.call(commands.fetch(UidSet.since(1), items), listing.take)
        present = Ids(UidSet(listing.fetched))
    else:
        if session.qresync:
            for event in opened.fetched:
                listing.take(event)
            gone, present = _gone(opened.vanished, base.next)
        elif point.modseq != base.modseq:
            changed = commands.fetch(UidSet.since(1), ["FLAGS"], changed_since=base.modseq)
            await session.call(changed, listing.take)
        if point.next > base.next:
            new = _Listing()
            await session.call(commands.fetch(UidSet.since(base.next), items), new.take)
            listing.fetched |= {uid: each for uid, each in new.fetched.items() if uid >= base.next}
        if not session.qresync:
            arrived = sum(uid >= base.next for uid in listing.fetched)
            if base.count + arrived != point.count:
                present = Ids(await session.present())
    return Seen(point, _listed(listing.fetched), gone, present, **_kept(opened))


def _gone(vanished: UidSet, following: int) -> tuple[Collection[str], Container[str] | None]:
    """What vanished, of what was there: a server may name every number that ever was."""
    known = UidSet.of_ranges(
        (first, min(last, following - 1)) for first, last in vanished.ranges if first < following
    )
    if len(known) <= _SPELLED_OUT:
        return [str(uid) for uid in known], None
    return (), Ids(known, inside=False)


class _Kept(TypedDict):
    flags: str
    tags: bool
    known_tags: frozenset[str]


def _kept(opened: Opened) -> _Kept:
    """What a folder can keep."""
    kept = (FLAG_CHARS, True, frozenset[str]()) if opened.kept is None else permanent(opened.kept)
    return _Kept(flags=kept[0], tags=kept[1], known_tags=kept[2])


class Ids:
    """The ids of these messages, or (not ``inside``) of all others."""

    def __init__(self, uids: UidSet, *, inside: bool = True) -> None:
        self._uids = uids
        self._inside = inside

    def __contains__(self, each: object) -> bool:
        return isinstance(each, str) and (int(each) in self._uids) is self._inside


class _Listing:
    """What FETCH answers say of each message, whatever they are put together from and in any order."""

    def __init__(self) -> None:
        self.fetched: dict[int, dict[str, object]] = {}

    def take(self, event: imap.ImapEvent) -> None:
        if isinstance(event, imap.Fetch) and event.uid is not None:
            known = self.fetched.get(event.uid)
            if known is None:
                self.fetched[event.uid] = dict(event.items)
            else:
                known |= event.items


def _listed(fetched: Mapping[int, dict[str, object]]) -> list[Listed]:
    """In the order of arrival; of a message whose flags nobody said, nothing is known."""
    return [
        Listed(str(uid), from_imap(flags), _size(items), _received(items), _lasting(items))
        for uid, items in sorted(fetched.items())
        if isinstance(flags := items.get("FLAGS"), frozenset)
    ]


def _size(items: dict[str, object]) -> int | None:
    size = items.get("RFC822.SIZE")
    return size if isinstance(size, int) else None


def _lasting(items: dict[str, object]) -> str:
    found = items.get(LASTING)
    return found.decode() if isinstance(found, bytes) and found.isdigit() and len(found) <= 20 else ""


def _received(items: dict[str, object]) -> float | None:
    return received_at(items.get("INTERNALDATE"))


def received_at(value: object) -> float | None:
    """A time of the server in Unix seconds; None for one that cannot be."""
    if not isinstance(value, datetime):
        return None
    try:
        return value.timestamp()
    except (OverflowError, OSError, ValueError):
        return None
