"""Sends a stored message again: bounced to others, or as a new message that starts as a copy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.errors import AccountError, LocalError
from misfin.model.account import Account, AddressKind
from misfin.store.rows import Completion
from misfin_tui.messages import MailChanged, OutboxChanged

if TYPE_CHECKING:
    from misfin.store.outgoing.drafts import Draft
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services


class Resending:
    """Bouncing, and editing as new. Work is done in threads."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def bounce(self, row: MessageRow, to: Sequence[str]) -> list[int]:
        """Queue an e-mail for other people, unchanged; returns the ids of its deliveries.

        Raises :class:`AccountError` for a Misfin message or without an e-mail account, and what
        :func:`misfin.post.email.resending.resend` raises.
        """
        try:
            return await asyncio.to_thread(self._bounce, row, to)
        finally:
            self._services.wake_courier()
            self._services.post(OutboxChanged())

    async def from_whom(self, row: MessageRow) -> str:
        """The address a message would be bounced from. Raises :class:`AccountError`."""
        return (await asyncio.to_thread(self._account, row)).address

    async def as_new(self, row: MessageRow) -> Draft:
        """A message that starts as a copy of a stored one. Raises like :meth:`Mail.raw`."""
        draft = await asyncio.to_thread(self._as_new, row)
        self._services.post(MailChanged())
        return draft

    async def people(self, begun: str) -> list[Completion]:
        """Addresses of e-mail that the last entry of a line could become."""
        from misfin.compose.addresslist import entry_at
        from misfin.model.recipient import on_to_line

        entry = entry_at(begun, len(begun))
        if not entry.text:
            return []
        found = await self._services.contacts.complete(entry.text, kind=AddressKind.MAIL)
        start = entry.end - len(begun[entry.start : entry.end].lstrip())
        return [
            Completion(
                on_to_line(each.contact.address, each.contact.name, each.contact.kind), start, len(begun), ""
            )
            for each in found
        ]

    # ---- in a thread

    def _account(self, row: MessageRow) -> Account:
        """The account a message is in, or the usual one for e-mail."""
        services = self._services
        if services.address_kind(row.account) is AddressKind.MAIL:
            found = services.account_book.at(row.account)
        else:
            found = services.accounts.writing_to(AddressKind.MAIL)
        if found is None or found.kind.address_kind is not AddressKind.MAIL:
            raise AccountError(
                "There is no e-mail account to send it from.", remedy="Add one: `misfin-tui account add`."
            )
        return found

    def _bounce(self, row: MessageRow, to: Sequence[str]) -> list[int]:
        from misfin.post.email.resending import resend

        services = self._services
        account = self._account(row)
        if services.index.read(row).misfin is not None:
            raise AccountError(
                "A Misfin message cannot be bounced by e-mail.",
                remedy="Forward it: a Misfin message is forwarded unchanged.",
            )
        settings = services.email_accounts.account(account.name)
        files = services.draft_box.files
        now = time.time()
        return resend(
            self._whole(row), settings, account.directory, to, services.outbox_queue, files, now=now
        )

    def _as_new(self, row: MessageRow) -> Draft:
        from misfin.compose.as_new import as_new

        services = self._services
        message = services.index.read(row)
        kind = message.address_kind
        account = row.account
        if services.address_kind(account) is not kind and (other := services.accounts.writing_to(kind)):
            account = other.directory
        return as_new(message, self._whole(row), account, services.draft_box.files)

    def _whole(self, row: MessageRow) -> bytes:
        data = self._services.index.raw(row)
        if len(data) < row.size:
            raise LocalError("This message is too large to be sent again.")
        return data


def resending_of(services: Services) -> Resending:
    """The one of these services."""
    return services.once("resending", lambda: Resending(services))
