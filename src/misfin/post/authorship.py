"""Finds out who wrote the e-mails of a profile, keeps that, and shows it in the index (docs/trust.md §7)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from misfin.email.authorship.checking import check
from misfin.email.authorship.header import split
from misfin.email.authorship.proposing import proposed, trace_of
from misfin.errors import StoreError
from misfin.model.account import AddressKind, kind_in
from misfin.model.folders import INBOX
from misfin.store.evidence import Evidence
from misfin.store.mail_evidence import ALTERED, evidence_of
from misfin.store.message import fields
from misfin.store.rows import View

if TYPE_CHECKING:
    from misfin.email.authorship.dmarc import Lookup
    from misfin.model.authorship import MailFindings
    from misfin.store.index import MailIndex
    from misfin.store.rows import MessageRow

MAX_MESSAGE: Final = 32 * 1024 * 1024
"""Bytes of a message that is checked; of a larger one nothing is known."""
PATIENCE: Final = 20.0
"""Seconds that checking one message may take, however many questions it asks."""

_LOOKED_AT: Final = 60
"""Messages that show which server's results could count."""
_MAX_TRACED: Final = 1024 * 1024


async def find_out(
    index: MailIndex,
    row: MessageRow,
    *,
    server: str = "",
    lookup: Lookup | None = None,
    now: float,
) -> MailFindings | None:
    """What is known about who wrote a message, checked now if nobody did before.

    ``server`` and ``lookup`` are as in :func:`misfin.email.authorship.checking.check`; ``now`` is Unix
    seconds. None for a Misfin message, which says so itself, and for one that is too large or takes too long.
    What is complete is kept and shown by the index from now on. Raises :class:`~misfin.errors.StoreError` and
    :class:`~misfin.errors.MessageGoneError`.
    """
    if kind_in(row.account) is AddressKind.MISFIN or row.size > MAX_MESSAGE:
        return None
    data = await asyncio.to_thread(index.raw, row)
    if await asyncio.to_thread(index.handed_over, row, data) is not None:
        return None
    known = await asyncio.to_thread(index.proofs.authors.get, data)
    if known is not None and _holds(known, server):
        return known
    author = await asyncio.to_thread(_author, data)
    received = await asyncio.to_thread(_received, row, now)
    found = None
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            found = await check(data, author, server=server, lookup=lookup, received=received)
    if found is not None and (found.aligned or not found.unchecked):
        await asyncio.to_thread(index.proofs.authors.put, data, found, now)
        signer = await asyncio.to_thread(index.proofs.lists.signer_of, found)
        await asyncio.to_thread(index.note_evidence, row, evidence_of(found, signer))
    return found


def _holds(known: MailFindings, server: str) -> bool:
    """Whether what was found out does not depend on a server that was, or was not, believed then."""
    return known.server == server or bool(known.aligned and not known.by) or known.bad == ALTERED


def propose_server(index: MailIndex, account: str) -> str:
    """The id of the server whose results could count for the messages of an account: see
    :func:`misfin.email.authorship.proposing.proposed`. Empty if there is none. Blocking.

    Raises :class:`~misfin.errors.StoreError`.
    """
    traces = []
    for row in index.messages(View(account, INBOX), _LOOKED_AT):
        if row.size > _MAX_TRACED:
            continue
        try:
            found, _ = split(index.raw(row))
        except StoreError:  # gone meanwhile
            continue
        proven = row.evidence is Evidence.VERIFIED
        traces.append(trace_of(found, row.sender_address.rpartition("@")[2].lower() if proven else ""))
    return proposed(traces)


def _received(row: MessageRow, now: float) -> float:
    """When a message came: the time of its file, which is the server's where it was fetched from one."""
    try:
        return min(row.path.stat().st_mtime, now)
    except OSError:  # moved on already
        return now


def _author(data: bytes) -> str:
    """The domain of the only address in From as it is shown; empty if there is not exactly one."""
    people = fields.people(fields.split(data)[0].get("from", []))
    return people[0].address.rpartition("@")[2] if len(people) == 1 else ""
