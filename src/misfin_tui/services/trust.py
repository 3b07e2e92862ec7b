"""Trust for the screens: pins, the questions to decide, and what an answer sets in motion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from misfin_tui.messages import MailChanged, OutboxChanged
from misfin_tui.services.newfile import write_new

if TYPE_CHECKING:
    from misfin.post.decisions import CertificateQuestion, HeldMessage
    from misfin.store.accepted_lists import AcceptedList
    from misfin.trust.records import LogEntry, Offer
    from misfin.trust.tofu import MailboxKey, Pin, PinKind
    from misfin_tui.services import Services
    from misfin_tui.wording.trust_list import TrustEntry


class Trust:
    """Pins for the screens. Work is done in threads; any method may raise :class:`StoreError`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def pins(self, kind: PinKind | None = None) -> list[Pin]:
        """Every pinned host and sender, or those of one kind, by name."""
        return await asyncio.to_thread(lambda: self._services.pin_book.all(kind))

    async def servers(self, host: str) -> list[Pin]:
        """The pins of a host's servers, on whatever port, the one used last first."""
        return await asyncio.to_thread(self._servers, host)

    async def offers(self) -> list[Offer]:
        """Certificates that wait for a decision, the newest first."""
        return await asyncio.to_thread(lambda: self._services.pin_book.offers())

    async def recipients(self) -> dict[str, list[MailboxKey]]:
        """Every fingerprint servers gave for mailboxes we wrote to, by address, the present one last."""
        return await asyncio.to_thread(lambda: self._services.pin_book.all_mailbox_keys())

    async def log(self, limit: int = 500) -> list[LogEntry]:
        """What was decided and when, newest first."""
        return await asyncio.to_thread(lambda: self._services.pin_book.log(limit))

    async def entries(self, accepted: Sequence[AcceptedList] = ()) -> list[TrustEntry]:
        """Pins, recipients' keys and ``accepted`` mailing lists; what needs a decision first."""
        return await asyncio.to_thread(self._entries, accepted)

    async def question(self, kind: PinKind, name: str) -> CertificateQuestion | None:
        """The open question about a host or sender; None where there is none (any more)."""
        return await asyncio.to_thread(self._question, kind, name)

    async def approve(self, kind: PinKind, name: str, fingerprint: str) -> int:
        """Trust the certificate with this SHA-256 from now on; return how many messages that released.

        Raises :class:`LocalError` when it is no longer the one that waits: another was presented meanwhile,
        and nobody has looked at that one.
        """
        from misfin.trust.tofu import PinKind

        freed = await asyncio.to_thread(self._approve, kind, name, fingerprint)
        if kind is PinKind.MAIL:
            await asyncio.to_thread(self._services.email_accounts.fetch_now)
        self._tell()
        return freed

    async def refuse(self, kind: PinKind, name: str) -> int:
        """Keep the pin as it is; cancel what waits to be sent there, move held messages to the trash.

        Returns how many messages that concerned. Cancelled ones stay in the outbox and can be edited.
        """
        stopped = await asyncio.to_thread(self._refuse, kind, name)
        self._tell()
        return stopped

    async def forget(self, kind: PinKind, name: str) -> bool:
        """Remove a pin with its history: the next certificate counts as the first one."""
        return await asyncio.to_thread(lambda: self._services.pin_book.forget(kind, name, now=time.time()))

    async def forget_recipient(self, address: str) -> bool:
        """Forget the fingerprints of a mailbox written to: the next one counts as the first."""
        return await asyncio.to_thread(
            lambda: self._services.pin_book.forget_mailbox_keys(address, now=time.time())
        )

    async def export(self, path: Path) -> int:
        """Write all pins and recipients' keys with their history as JSON, mode 0600; return how many.

        Never overwrites a file.
        """
        return await asyncio.to_thread(self._export, path)

    async def release(self, message: HeldMessage) -> None:
        """Put one held message into the inbox without trusting its sender's new certificate."""
        await asyncio.to_thread(self._release, message)
        self._tell()

    async def held(self) -> list[HeldMessage]:
        """Every message that is held."""
        return await asyncio.to_thread(self._held)

    # ---- in a thread

    def _entries(self, accepted: Sequence[AcceptedList]) -> list[TrustEntry]:
        from misfin.trust.tofu import PinKind
        from misfin_tui.wording.trust_list import PinFilter, TrustEntry

        book = self._services.pin_book
        pins = book.all()
        senders = {pin.name: pin for pin in pins if pin.kind is PinKind.SENDER}
        offers = {(offer.kind, offer.name): offer for offer in book.offers()}
        found = [
            TrustEntry(PinFilter(pin.kind), pin.name, pin, offers.pop((pin.kind, pin.name), None))
            for pin in pins
        ]
        found += [TrustEntry(PinFilter(kind), name, None, offer) for (kind, name), offer in offers.items()]
        found += [
            TrustEntry(PinFilter.RECIPIENT, name, senders.get(name), None, tuple(keys))
            for name, keys in book.all_mailbox_keys().items()
        ]
        found += [TrustEntry(PinFilter.LIST, each.list_id, None, None, accepted=each) for each in accepted]
        return sorted(found, key=lambda entry: (entry.offer is None, entry.kind, entry.name))

    def _servers(self, host: str) -> list[Pin]:
        from misfin.trust.tofu import PinKind, pin_name

        begun = pin_name(host, 0).removesuffix("0")
        pins = self._services.pin_book.all(PinKind.HOST)
        found = [pin for pin in pins if pin.name.startswith(begun) and pin.name[len(begun) :].isdecimal()]
        return sorted(found, key=lambda pin: pin.last_seen, reverse=True)

    def _question(self, kind: PinKind, name: str) -> CertificateQuestion | None:
        from misfin.post.decisions import question

        return question(self._services, kind, name, now=time.time())

    def _approve(self, kind: PinKind, name: str, fingerprint: str) -> int:
        from misfin.post.decisions import approve

        return approve(self._services, kind, name, fingerprint, where="in the app", now=time.time())

    def _refuse(self, kind: PinKind, name: str) -> int:
        from misfin.post.decisions import refuse

        return refuse(self._services, kind, name, now=time.time())

    def _release(self, message: HeldMessage) -> None:
        from misfin.post.decisions import release

        release(self._services.store, message)

    def _held(self) -> list[HeldMessage]:
        from misfin.post.decisions import held_messages

        return held_messages(self._services.store)

    def _export(self, path: Path) -> int:
        book = self._services.pin_book
        write_new(path, book.export().encode())
        return len(book.all()) + len(book.all_mailbox_keys())

    def _tell(self) -> None:
        self._services.wake_courier()
        self._services.post(OutboxChanged())
        self._services.post(MailChanged())
