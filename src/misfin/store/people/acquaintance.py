"""Keeps the contact book up to date with the mail: who one writes to, who writes, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from misfin.errors import StoreError
from misfin.model.account import AddressKind, kind_in
from misfin.model.folders import INTRODUCES_NOBODY, SENT
from misfin.store.evidence import Evidence
from misfin.store.index import MailIndex
from misfin.store.message.mime import read_file
from misfin.store.people.contacts import ContactBook, Encounter
from misfin.store.rows import MessageRow, View

_BATCH = 500
"""Messages learnt in one transaction, and known ones in a row after which all older ones count as known."""
_PAGE = 100
"""Rows in memory at once: the system does not get back all that a first look at much mail has used."""
_HEADER = 64 * 1024
"""Bytes read of a sent message: its recipients are at the top, and the index keeps only their names."""


def learn_from_mail(
    index: MailIndex,
    book: ContactBook,
    own: Iterable[str],
    *,
    kind_of: Callable[[str], AddressKind] = lambda _directory: AddressKind.MISFIN,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], float] = time.time,
) -> int:
    """Count every message of the index that the book has not seen; returns how many messages that were.

    ``own`` are the addresses of the user, ``kind_of`` says of which kind the people of an account are, by the
    directory of its mail. Newest messages come first; as long as the book has seen as many as
    there are, it stops once the newest are known, so this may be called after each scan.
    ``stop`` is asked between pages; what was learnt until then is kept. Raises :class:`StoreError`.
    """
    ourselves = {address.casefold() for address in own}
    everything = book.seen_count() < sum(
        row.total for row in index.folders() if row.folder not in INTRODUCES_NOBODY
    )
    learnt, known, below = 0, 0, None
    unseen, encounters = set[str](), list[Encounter]()

    def keep() -> int:
        new = len(unseen)
        if new:
            book.learn(encounters, seen=unseen, now=now())
        unseen.clear()
        encounters.clear()
        return new

    while not stop() and (rows := index.messages(View(), _PAGE, below=below)):
        below = rows[-1].row
        met = [row for row in rows if row.folder not in INTRODUCES_NOBODY]
        new = book.unseen([row.id for row in met])
        unseen |= new
        for row in met:
            if row.id in new:
                encounters += _encounters(row, ourselves, index.address_of, kind_of(row.account))
        if len(unseen) >= _BATCH:
            learnt += keep()
        known = 0 if new else known + len(met)
        if known >= _BATCH and not everything:
            break
    return learnt + keep()


def _encounters(
    row: MessageRow, own: set[str], address_of: Callable[[str], str], kind: AddressKind
) -> Iterator[Encounter]:
    mine = own | {address_of(row.account).casefold()}
    if row.folder != SENT and row.sender_address.casefold() not in mine:
        yield Encounter(row.sender_address, row.sender, False, row.date, _said(row), kind)
        return
    if row.folder != SENT and row.evidence is not Evidence.VERIFIED:
        return  # it only claims to be from the user, and must not choose who the user knows
    try:
        message = read_file(row.path, kind_in(row.account), limit=_HEADER)
    except StoreError:  # another program has just moved it: it was met all the same
        return
    for person in message.recipients:
        if person.address.casefold() not in mine:
            yield Encounter(person.address, person.name, True, row.date, _said(row), kind)


def _said(row: MessageRow) -> str:
    """A message by what is in it: another program may give its file another name."""
    return f"{row.date} {row.size} {row.sender_address} {row.subject}"
