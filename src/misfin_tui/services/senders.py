"""What a reader should know about the sender of an e-mail, from the message and the address book."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.compose.doubts import doubts
from misfin.errors import AddressError, StoreError
from misfin.model.account import AddressKind, kind_in
from misfin.model.folders import is_written

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services

KEPT = 60.0
"""Seconds for which what the address book says is not asked again: a conversation asks for every message."""
MOST = 500


class Senders:
    """Doubts about senders. Misfin has certificates instead."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[str, tuple[float, str, bool]] = {}

    async def doubts(self, row: MessageRow, message: ParsedMessage) -> tuple[str, ...]:
        """Sentences, the gravest first; none for a Misfin message and for what was written here."""
        if message.misfin is not None or kind_in(row.account) is AddressKind.MISFIN:
            return ()
        if is_written(row.account, row.folder):
            return ()
        address = message.sender.address
        resembled, first = await asyncio.to_thread(self._asked, address)
        return doubts(
            message.sender.name,
            address,
            [person.address for person in message.reply_to],
            from_list=bool(message.list_id),
            resembled=resembled,
            first=first,
        )

    def _asked(self, address: str) -> tuple[str, bool]:
        """The known address or host that this one resembles, and whether nothing came from it before."""
        at, resembled, first = self._known.get(address, (-KEPT, "", False))
        if time.monotonic() - at < KEPT:
            return resembled, first
        resembled, first = "", False
        with suppress(StoreError, AddressError):  # a broken address book is reported where it is used
            own = self._services.accounts.own_addresses(AddressKind.MAIL)
            if address and address.casefold() not in {each.casefold() for each in own}:
                resembled = self._services.contacts.resembled(address)
                known = self._services.contact_book.get(address, AddressKind.MAIL)
                first = known is None or not (known.kept or known.sent or known.received > 1)
        while len(self._known) >= MOST:
            self._known.pop(next(iter(self._known)))
        self._known[address] = time.monotonic(), resembled, first
        return resembled, first


def senders_of(services: Services) -> Senders:
    """The one of these services."""
    return services.once("senders", lambda: Senders(services))
