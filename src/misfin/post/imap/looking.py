"""Finds what has changed in an IMAP folder since a moment, in the cheapest way the server supports.

QRESYNC says what changed and what is gone. CONDSTORE says what changed; whether something is gone follows
from counting. Without either, all ids and flags are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from datetime import datetime
from typing import Final

from misfin.email import imap
from misfin.email.imap import UidSet, commands
from misfin.post.imap.session import ImapSession, Opened
from misfin.post.sync.imapflags import from_imap, permanent
from misfin.post.sync.values import FLAG_CHARS, Listed, RemoteFolder, Seen, SyncPoint

_SPELLED_OUT: Final = 100_000
"""Ids that are gone up to which each is named; beyond, it is asked of each known message whether it is."""


async def look(session: ImapSession, folder: RemoteFolder, base: SyncPoint, *, dates: bool = False) -> Seen:
    """See :meth:`misfin.post.sync.remote.Remote.look`."""
    opened = await session.select(folder, base)
    point = opened.point
    items = ["FLAGS", "RFC822.SIZE", *(["INTERNALDATE"] if dates else [])]
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
    return Seen(point, listing.listed(), gone, present, *_kept(opened))


def _gone(vanished: UidSet, following: int) -> tuple[Collection[str], Container[str] | None]:
    """What vanished, of what was there: a server may name every number that ever was."""
    known = UidSet.of_ranges(
        (first, min(last, following - 1)) for first, last in vanished.ranges if first < following
    )
    if len(known) <= _SPELLED_OUT:
        return [str(uid) for uid in known], None
    return (), Ids(known, inside=False)


def _kept(opened: Opened) -> tuple[str, bool, frozenset[str]]:
    return (FLAG_CHARS, True, frozenset()) if opened.kept is None else permanent(opened.kept)


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

    def listed(self) -> list[Listed]:
        """In the order of arrival; of a message whose flags nobody said, nothing is known."""
        return [
            Listed(str(uid), from_imap(flags), _size(items), _received(items))
            for uid, items in sorted(self.fetched.items())
            if isinstance(flags := items.get("FLAGS"), frozenset)
        ]


def _size(items: dict[str, object]) -> int | None:
    size = items.get("RFC822.SIZE")
    return size if isinstance(size, int) else None


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
