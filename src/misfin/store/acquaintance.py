"""Teaching the contact book from the mail: whom one writes to, who writes, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from misfin.errors import StoreError
from misfin.model.folders import INTRODUCES_NOBODY, SENT
from misfin.store.contacts import ContactBook, Meeting
from misfin.store.index import MailIndex
from misfin.store.mime import read_file
from misfin.store.rows import LetterRow, View

_PAGE = 500
_HEADER = 64 * 1024
"""Bytes read of a sent letter: its recipients stand at the top, and the index keeps only their names."""


def learn_from_mail(
    index: MailIndex,
    book: ContactBook,
    own: Iterable[str],
    *,
    stop: Callable[[], bool] = lambda: False,
    now: Callable[[], float] = time.time,
) -> int:
    """Count every letter of the index that the book has not seen; returns how many letters that were.

    ``own`` are the addresses of the user. Newest letters come first; as long as the book has seen as many as
    there are, only the first page that is all known is looked at, so this may be called after each scan.
    ``stop`` is asked between pages; what was learnt until then stays. Raises :class:`StoreError`.
    """
    ourselves = {address.casefold() for address in own}
    everything = book.seen_count() < sum(
        row.total for row in index.folders() if row.folder not in INTRODUCES_NOBODY
    )
    learnt, below = 0, None
    while not stop() and (rows := index.letters(View(), _PAGE, below=below)):
        below = rows[-1].row
        met = [row for row in rows if row.folder not in INTRODUCES_NOBODY]
        unseen = book.unseen([row.id for row in met])
        fresh = [row for row in met if row.id in unseen]
        if fresh:
            met_now = [meeting for row in fresh for meeting in _meetings(row, ourselves, index.address_of)]
            book.learn(met_now, seen=unseen, now=now())
            learnt += len(fresh)
        elif met and not everything:
            break
    return learnt


def _meetings(row: LetterRow, own: set[str], address_of: Callable[[str], str]) -> Iterator[Meeting]:
    mine = own | {address_of(row.account).casefold()}
    if row.folder != SENT and row.sender_address.casefold() not in mine:
        yield Meeting(row.sender_address, row.sender, False, row.date, _said(row))
        return
    try:
        letter = read_file(row.path, limit=_HEADER)
    except StoreError:  # another program has just moved it: it was met all the same
        return
    for person in letter.recipients:
        if person.address.casefold() not in mine:
            yield Meeting(person.address, person.name, True, row.date, _said(row))


def _said(row: LetterRow) -> str:
    """A letter by what is in it: another program may give its file another name."""
    return f"{row.date} {row.size} {row.sender_address} {row.subject}"
