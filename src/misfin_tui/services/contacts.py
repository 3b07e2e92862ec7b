"""The address book for the screens, each entry with what is known about its certificates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from misfin.compose.lookalike import resembles
from misfin.model.account import AddressKind
from misfin.model.folders import HELD, holds_mail
from misfin.store.evidence import Evidence, Standing
from misfin.store.rows import View
from misfin_tui.messages import PeopleChanged

if TYPE_CHECKING:
    from misfin.model.address import MisfinAddress
    from misfin.store.people.contacts import Contact
    from misfin.store.rows import MessageRow
    from misfin_tui.services import Services

_HELD_AT_MOST = 500
"""Held messages searched for one under a name; nobody is expected to hold more."""


@dataclass(frozen=True, slots=True)
class Known:
    """A contact, and how it is known who that is."""

    contact: Contact
    standing: Standing


@dataclass(frozen=True, slots=True)
class KnownRecipient:
    """What is known about a recipient; ``own`` is an address of the user."""

    standing: Standing
    own: bool = False


class Contacts:
    """The address book. Work is done in threads; errors are :class:`StoreError` and :class:`AddressError`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._blocks: list[tuple[float, str, AddressKind]] = []
        """When and who was blocked last: that can be undone."""

    async def complete(self, prefix: str, limit: int = 8, kind: AddressKind | None = None) -> list[Known]:
        """People a prefix may mean, the likeliest first, without blocked ones; of one kind if it is given."""
        return await asyncio.to_thread(self._complete, prefix, limit, kind)

    async def all(self, search: str = "") -> list[Known]:
        """Everybody, the likeliest first, then whatever else is blocked: an address, or ``@host``."""
        return await asyncio.to_thread(self._all, search)

    async def save(self, contact: Contact, *, replaces: str = "") -> Contact:
        """Keep a contact; ``replaces`` is its address before the change."""
        return await asyncio.to_thread(lambda: self._services.contact_book.save(contact, replaces=replaces))

    async def delete(self, address: str, kind: AddressKind) -> Contact | None:
        """Remove a contact; :meth:`save` puts it back."""
        return await asyncio.to_thread(lambda: self._services.contact_book.delete(address, kind))

    async def block(self, address: str, kind: AddressKind) -> None:
        """Refuse mail from an address, or with ``@host`` from everybody there."""
        now = time.time()
        await asyncio.to_thread(lambda: self._services.contact_book.block(address, now=now, kind=kind))
        self._blocks.append((now, address, kind))

    async def block_sender(self, row: MessageRow) -> None:
        """Refuse mail from whoever sent a message."""
        kind = await asyncio.to_thread(self._services.address_kind, row.account)
        await self.block(row.sender_address, kind)

    @property
    def last_block(self) -> float:
        """When somebody was last blocked and that can be undone, Unix seconds."""
        return self._blocks[-1][0] if self._blocks else 0.0

    async def undo_block(self) -> str:
        """Unblock whoever was blocked last; returns who that is, empty for nobody."""
        if not self._blocks:
            return ""
        _, address, kind = self._blocks.pop()
        await self.unblock(address, kind)
        return address

    async def unblock(self, address: str, kind: AddressKind) -> bool:
        """Unblock it; False when it was not blocked."""
        return await asyncio.to_thread(lambda: self._services.contact_book.unblock(address, kind))

    async def blocked(self) -> list[str]:
        """Everything blocked."""
        return await asyncio.to_thread(lambda: self._services.contact_book.blocked())

    async def moved(self, old: str, new: str, kind: AddressKind) -> Contact:
        """The mailbox moved for good (31): write to the new address, keep the old one as an alias."""
        return await asyncio.to_thread(lambda: self._services.contact_book.moved(old, new, kind))

    async def gone(self, address: str, why: str, kind: AddressKind) -> None:
        """The mailbox is gone for good (52): its contact is kept, but offered last."""
        await asyncio.to_thread(self._gone, address, why, kind)

    async def standings(self, addresses: list[MisfinAddress]) -> list[Standing]:
        """How it is known who is behind these addresses."""
        return await asyncio.to_thread(lambda: self._standings(addresses))

    async def known_recipients(self, addresses: Sequence[str], kind: AddressKind) -> list[KnownRecipient]:
        """How it is known who is behind these addresses, and which of them are the user's own."""
        return await asyncio.to_thread(self._known_recipients, addresses, kind)

    async def resembling(self, address: str) -> str:
        """A known address or host that this one may be posing as; empty when there is none."""
        return await asyncio.to_thread(self.resembled, address)

    def learn(self, stop: Callable[[], bool]) -> int:
        """Learn from new messages who the user writes to and hears from; for the thread that scans.

        Returns how many messages that were.
        """
        from misfin.errors import StoreError
        from misfin.store.people.acquaintance import learn_from_mail

        own = self._services.accounts.own_addresses()
        kind_of = cache(self._services.address_kind)  # asked for every message
        learned = 0
        with suppress(StoreError):  # a broken address book is reported where it is used
            learned = learn_from_mail(
                self._services.index, self._services.contact_book, own, kind_of=kind_of, stop=stop
            )
        if learned:
            self._services.post(PeopleChanged())
        return learned

    def written_to(self, begun: str) -> list[tuple[str, str]]:
        """(address, name) of people written to before that a prefix may mean; in a thread."""
        from misfin.errors import StoreError

        found: list[Contact] = []
        with suppress(StoreError):
            found = self._services.contact_book.complete(begun, now=time.time(), limit=20)
        return [(contact.address, contact.name) for contact in found if contact.sent]

    def unmet(self, messages: list[str]) -> set[str]:
        """Those of some messages (ids) that :meth:`learn` has not come to; for the thread that scans."""
        from misfin.errors import StoreError

        with suppress(StoreError):
            return self._services.contact_book.unseen(messages) if messages else set()
        return set(messages)

    # ---- in a thread

    def _gone(self, address: str, why: str, kind: AddressKind) -> None:
        from misfin.store.people.contacts import Contact

        book = self._services.contact_book
        if book.get(address, kind) is None:
            book.save(Contact(address, dead=why, kind=kind))
        else:
            book.note_dead(address, why, kind)

    def _complete(self, prefix: str, limit: int, kind: AddressKind | None) -> list[Known]:
        found = self._services.contact_book.complete(prefix, now=time.time(), limit=limit, kind=kind)
        return self._known(self._with_ports(found))

    def _with_ports(self, contacts: Sequence[Contact]) -> list[Contact]:
        """The contacts, with the port of a host that is known at another port only.

        A message never says it (docs/protocol.md §1.1), so the address book cannot know it; without it, the
        next message would go to a port where nobody may be.
        """
        from misfin.trust.tofu import PinKind, pin_name

        if all(each.kind is not AddressKind.MISFIN for each in contacts):
            return list(contacts)
        pins = self._services.pin_book.all(PinKind.HOST)
        last = {pin.name.rpartition(":")[0]: pin for pin in sorted(pins, key=lambda pin: pin.last_seen)}
        usual = {pin.name for pin in pins}
        found = []
        for contact in contacts:
            host = contact.address.rpartition("@")[2]
            pin = last.get(pin_name(host, 0).rpartition(":")[0]) if ":" not in host else None
            if contact.kind is AddressKind.MISFIN and pin is not None and pin_name(host, 1958) not in usual:
                contact = replace(contact, address=f"{contact.address}:{pin.name.rpartition(':')[2]}")
            found.append(contact)
        return found

    def _all(self, search: str) -> list[Known]:
        from misfin.store.people.contacts import Contact

        book = self._services.contact_book
        found = self._known(book.all(search, now=time.time()))
        met = {(known.contact.address.lower(), known.contact.kind) for known in found}
        strangers = [
            Contact(name, blocked=True, kind=kind)
            for kind in AddressKind
            for name in book.blocked(kind)
            if (name, kind) not in met and search.casefold() in name
        ]
        unknown = Standing(Evidence.UNPROVEN)
        return [*found, *(Known(contact, unknown) for contact in strangers)]

    def _known(self, contacts: Sequence[Contact]) -> list[Known]:
        from misfin.model.address import MisfinAddress

        misfin = [contact for contact in contacts if contact.kind is AddressKind.MISFIN]
        standings = self._standings([MisfinAddress.parse(contact.address) for contact in misfin])
        found = dict(zip(misfin, standings, strict=True))
        unproven = Standing(Evidence.UNPROVEN)  # the others have no certificate to trust
        return [Known(contact, found.get(contact, unproven)) for contact in contacts]

    def _known_recipients(self, addresses: Sequence[str], kind: AddressKind) -> list[KnownRecipient]:
        from misfin.model.address import MisfinAddress, same_person

        if kind is not AddressKind.MISFIN:  # no certificate says who they are
            mine = {each.casefold() for each in self._services.accounts.own_addresses(kind)}
            return [
                KnownRecipient(Standing(Evidence.UNPROVEN), each.casefold() in mine) for each in addresses
            ]
        parsed = [MisfinAddress.parse(each) for each in addresses]
        own = self._services.identities.addresses()
        return [
            KnownRecipient(state, any(same_person(address, each) for each in own))
            for address, state in zip(parsed, self._standings(parsed), strict=True)
        ]

    def _standings(self, addresses: Sequence[MisfinAddress]) -> list[Standing]:
        from misfin.model.address import same_person
        from misfin.store.evidence import standing
        from misfin.trust.tofu import PinKind, pin_name

        book, own = self._services.pin_book, self._services.identities.addresses()
        found = []
        for address in addresses:
            name = address.address
            server = pin_name(address.hostname, address.server_port)
            sender, host = book.get(PinKind.SENDER, name), book.get(PinKind.HOST, server)
            claimed = sender is not None and book.offered(PinKind.SENDER, name) is not None
            found.append(
                standing(
                    sender,
                    own=any(same_person(address, each) for each in own),
                    claimed=claimed,
                    held=claimed and self._holds(name),
                    host=host,
                    host_differs=host is not None and book.offered(PinKind.HOST, server) is not None,
                )
            )
        return found

    def _holds(self, address: str) -> bool:
        """Whether a message is held that came under this name."""
        from misfin.errors import StoreError

        with suppress(StoreError):
            rows = self._services.index.messages(View(None, HELD), _HELD_AT_MOST)
            return any(row.sender_address == address and holds_mail(row.account, HELD) for row in rows)
        return False

    def resembled(self, address: str) -> str:
        """The same. Blocking."""
        # Only people the user chose: somebody who merely wrote first does not become known by that.
        people = self._services.contact_book.all(now=time.time())
        chosen = [contact.address for contact in people if contact.sent or contact.kept]
        own = self._services.accounts.own_addresses()
        return resembles(address, [*own, *chosen])
