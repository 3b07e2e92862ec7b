"""Finds messages that are on an IMAP server and not here, and reads what a list shows of them."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from typing import Final

from misfin.email import imap
from misfin.email.imap import UidSet, commands
from misfin.email.imap.searching import Criterion
from misfin.errors import CommandError
from misfin.post.imap.gmail import LABELS, GmailFolders
from misfin.post.imap.looking import received_at
from misfin.post.imap.session import ImapSession, refused
from misfin.post.sync.remote import StepRefusedError
from misfin.post.sync.values import RemoteFolder
from misfin.store.message import dates, fields
from misfin.store.message.addressing import people as people_of

HEAD: Final = 16_384
"""Bytes of a header that are read: nearly always enough for From, Subject and Date."""
MOST: Final = 200
"""Messages of a folder that are read, the newest."""
LABELS_READ: Final = 2_000
"""Messages of Gmail's All Mail whose labels are read at once for a search: some 70 bytes for each."""
LABELS_READ_AT_MOST: Final = 100_000
"""So many for one search, the newest."""
_HEADER: Final = "BODY[HEADER]"


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message on a server. All of it is a stranger's text; ``date`` and ``size`` are 0 if nobody says them.

    ``id`` names it in its ``folder`` (by its name here) within ``epoch``.
    """

    folder: str
    epoch: str
    id: str
    sender: str = ""
    subject: str = ""
    date: float = 0.0
    size: int = 0
    unread: bool = False


async def search(
    session: ImapSession,
    folder: RemoteFolder,
    criteria: Sequence[Criterion],
    known: Container[str],
    *,
    epoch: str = "",
    gmail: GmailFolders | None = None,
) -> list[int]:
    """The UIDs of what the server finds in a folder, without those whose ids are ``known``, newest first.

    ``known`` counts within ``epoch`` only. Of Gmail's All Mail, what other folders have is left out, and
    reading ends with the newest :data:`MOST`. Raises :class:`StepRefusedError`, and
    :class:`~misfin.errors.RemoteError` if the connection or the server fails.
    """
    opened = await session.select(folder)
    found: list[UidSet] = []

    def take(event: imap.ImapEvent) -> None:
        if isinstance(event, imap.SearchResult):
            found.append(event.uids)

    returning = ["ALL"] if session.offers("ESEARCH") else None
    try:
        await session.call(commands.search(*criteria, returning=returning), take)
    except CommandError as error:
        raise StepRefusedError(str(error)) from error
    uids = UidSet.of_ranges(pair for part in found for pair in part.ranges)
    if len(uids) > opened.point.count:  # it cannot be: and numbers may span billions
        raise StepRefusedError("The server finds more messages than there are.")
    hidden = known if opened.point.epoch == epoch else ()
    new = [uid for uid in reversed(list(uids)) if str(uid) not in hidden]
    if gmail is None or not gmail.is_archive(folder) or not new:
        return new
    there: set[int] = set()

    def judge(event: imap.ImapEvent) -> None:
        if isinstance(event, imap.Fetch) and event.uid is not None and gmail.archived(event.items):
            there.add(event.uid)

    for start in range(0, min(len(new), LABELS_READ_AT_MOST), LABELS_READ):
        for part in UidSet(new[start : start + LABELS_READ]).split():
            await session.call(commands.fetch(part, [LABELS]), judge)
        if len(there) >= MOST:
            break
    return [uid for uid in new if uid in there]


async def read(
    session: ImapSession, folder: RemoteFolder, local: str, uids: Collection[int]
) -> list[FoundMessage]:
    """What a list shows of these messages, newest first; those that are gone are left out."""
    if not uids:
        return []
    await session.open(folder)
    items = ["FLAGS", "RFC822.SIZE", "INTERNALDATE", commands.body("HEADER", start=0, count=HEAD)]
    facts: dict[int, dict[str, object]] = {}

    def take(event: imap.ImapEvent) -> None:
        if isinstance(event, imap.Fetch) and event.uid in wanted:
            facts.setdefault(event.uid or 0, {}).update(event.items)

    wanted = set(uids)
    for part in UidSet(wanted).split():
        done = await session.line.call(commands.fetch(part, items, max_bytes=2 * HEAD), take)
        if not done.ok:
            raise refused(done)
    epoch = session.epochs.get(folder.raw, "")
    return [_found(local, epoch, uid, facts[uid]) for uid in sorted(facts, reverse=True)]


def _found(local: str, epoch: str, uid: int, items: dict[str, object]) -> FoundMessage:
    part = items.get(_HEADER)
    size, flags = items.get("RFC822.SIZE"), items.get("FLAGS")
    return found_by_head(
        local,
        epoch,
        str(uid),
        part.data or b"" if isinstance(part, imap.Part) else b"",
        size=size if isinstance(size, int) else 0,
        received=received_at(items.get("INTERNALDATE")) or 0.0,
        unread=isinstance(flags, frozenset) and "\\Seen" not in flags,
    )


def found_by_head(
    local: str,
    epoch: str,
    remote_id: str,
    head: bytes,
    *,
    size: int = 0,
    received: float = 0.0,
    unread: bool = False,
) -> FoundMessage:
    """What a list shows of a message, from its header."""
    headers, _ = fields.split(head)
    people = people_of(headers.get("from") or headers.get("sender") or [])
    written = dates.moment(fields.one(headers, "date"))
    return FoundMessage(
        local,
        epoch,
        remote_id,
        sender=people[0].name or people[0].address if people else "",
        subject=fields.text(fields.one(headers, "subject")),
        date=written.timestamp() if written is not None else received,
        size=size,
        unread=unread,
    )
