"""Accepting a mailing list, or taking that back, for what is there and for what comes."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.model.account import AddressKind, kind_in
from misfin.store.evidence import Evidence
from misfin.store.mail_evidence import evidence_of
from misfin.store.rows import MessageRow, View

if TYPE_CHECKING:
    from misfin.model.authorship import MailFindings
    from misfin.store.accepted_lists import AcceptedList
    from misfin.store.index import MailIndex
    from misfin_tui.services import Services

MOST = 2000
"""Messages of a list whose signs change at once, the newest; the others change when the index is rebuilt."""


@dataclass(frozen=True, slots=True)
class ListSigner:
    """The list that a message came from, the domain that signed for it, and whether that is accepted."""

    list_id: str
    domain: str
    accepted: bool


class ListAcceptance:
    """The mailing lists a person accepts. Every method raises :class:`~misfin.errors.StoreError`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def signer(self, row: MessageRow) -> ListSigner | None:
        """The list of a message, checked now if need be; None if nobody signed it for a list."""
        if kind_in(row.account) is AddressKind.MISFIN:
            return None
        authorship = self._services.mail.authorship
        found = await authorship.found(row)
        if found is None or found.aligned or not found.listed:
            return None
        accepted = await asyncio.to_thread(authorship.signer_of, found)
        return ListSigner(found.list_id, accepted or found.listed[0], bool(accepted))

    async def accept(self, signer: ListSigner) -> None:
        """Accept a list as this domain signs it."""
        lists = self._services.index.proofs.lists
        await asyncio.to_thread(lists.accept, signer.list_id, signer.domain, time.time())
        await self._show(signer.list_id)

    async def take_back(self, signer: ListSigner) -> bool:
        """No longer accept it; whether it was."""
        lists = self._services.index.proofs.lists
        was = await asyncio.to_thread(lists.take_back, signer.list_id, signer.domain)
        await self._show(signer.list_id)
        return was

    async def all(self) -> tuple[AcceptedList, ...]:
        """Every accepted list, the oldest decision first."""
        return await asyncio.to_thread(lambda: self._services.index.proofs.lists.all())

    async def _show(self, list_id: str) -> None:
        """Rate again what is there."""
        from misfin_tui.messages import MailChanged  # late: the shell, too, takes lists back

        index, authorship = self._services.index, self._services.mail.authorship
        for row in await asyncio.to_thread(rate_again, index, list_id):
            if row.evidence is Evidence.DIFFERS:
                with suppress(StoreError):  # gone meanwhile, or unreadable: its sign stays
                    found = await authorship.found(row)  # kept by an earlier version, which knew no lists
                    await asyncio.to_thread(_rate, index, row, found, list_id)
        self._services.post(MailChanged())


def rate_again(index: MailIndex, list_id: str) -> list[MessageRow]:
    """Rate what came from a list by what is kept; returns messages of which nothing is kept. Blocking.

    Raises :class:`StoreError`.
    """
    words = list_id.replace('"', " ").replace("\\", " ")
    unknown = []
    for row in index.messages(View(query=f'list:"{words}"'), MOST):
        if kind_in(row.account) is AddressKind.MISFIN:
            continue
        with suppress(StoreError):
            found = index.proofs.authors.get(index.raw(row))
            _rate(index, row, found, list_id)
            if found is None:
                unknown.append(row)
    return unknown


def _rate(index: MailIndex, row: MessageRow, found: MailFindings | None, list_id: str) -> None:
    if found is not None and found.list_id == list_id:
        index.note_evidence(row, evidence_of(found, index.proofs.lists.signer_of(found)))


def acceptance_of(services: Services) -> ListAcceptance:
    """The one of these services."""
    return services.once("list_acceptance", lambda: ListAcceptance(services))
