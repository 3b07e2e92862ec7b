"""Trust for the screens: pins, the questions that wait for a person, and what an answer sets in motion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import LetterGoneError, LocalError, StoreError
from misfin.model.account import AddressKind
from misfin_tui.messages import MailChanged, OutboxChanged
from misfin_tui.services.newfile import write_new

if TYPE_CHECKING:
    from misfin.store.outbox import OutboxRow
    from misfin.trust.certificate import CertificateInfo
    from misfin.trust.records import LogEntry, Offer
    from misfin.trust.tofu import MailboxKey, Pin, PinKind, Verdict
    from misfin_tui.services import Services

_HEAD = 64 * 1024  # bytes of a held letter read to see who sent it: more than any header we write


@dataclass(frozen=True, slots=True)
class HeldLetter:
    """A letter kept back because its sender's certificate changed; ``account`` and ``key`` find its file.

    ``sender`` is whom its certificate names, ``received`` Unix seconds (0 where unknown).
    """

    account: str
    key: str
    sender: str
    subject: str
    received: float
    spki: str


@dataclass(frozen=True, slots=True)
class CertificateQuestion:
    """Everything a person needs to decide about a certificate that was shown and not accepted.

    ``waiting`` are messages of ours that wait for the answer, ``held`` letters to us. ``shown_at`` is
    when it was last shown, Unix seconds.
    """

    kind: PinKind
    name: str
    pin: Pin | None
    shown: CertificateInfo
    shown_at: float
    verdict: Verdict
    waiting: tuple[OutboxRow, ...] = ()
    held: tuple[HeldLetter, ...] = ()


class Trust:
    """The pin book for the screens. Work is done in threads; any method may raise :class:`StoreError`."""

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

    async def question(self, kind: PinKind, name: str) -> CertificateQuestion | None:
        """The open question about a host or sender; None where nothing waits (any more)."""
        return await asyncio.to_thread(self._question, kind, name)

    async def approve(self, kind: PinKind, name: str, fingerprint: str) -> int:
        """Trust the certificate with this SHA-256 from now on; return how many messages that set free.

        Raises :class:`LocalError` when it is no longer the one that waits: another was shown meanwhile,
        and nobody has looked at that one.
        """
        freed = await asyncio.to_thread(self._approve, kind, name, fingerprint)
        self._tell()
        return freed

    async def refuse(self, kind: PinKind, name: str) -> int:
        """Keep the pin as it is; cancel what waits to be sent there, move held letters to the trash.

        Returns how many messages that concerned. Cancelled ones stay in the outbox and can be edited.
        """
        stopped = await asyncio.to_thread(self._refuse, kind, name)
        self._tell()
        return stopped

    async def forget(self, kind: PinKind, name: str) -> bool:
        """Remove a pin with its history: the next certificate counts as the first one."""
        return await asyncio.to_thread(lambda: self._services.pin_book.forget(kind, name, now=time.time()))

    async def forget_recipient(self, address: str) -> bool:
        """Forget the fingerprints of a mailbox one wrote to: the next one counts as the first."""
        return await asyncio.to_thread(
            lambda: self._services.pin_book.forget_mailbox_keys(address, now=time.time())
        )

    async def export(self, path: Path) -> int:
        """Write all pins and recipients' keys with their history as JSON, mode 0600; return how many.

        Never overwrites a file.
        """
        return await asyncio.to_thread(self._export, path)

    async def release(self, letter: HeldLetter) -> None:
        """Put one held letter into the inbox without trusting its sender's new certificate."""
        await asyncio.to_thread(self._release_held, [letter], approved=False)
        self._tell()

    async def held(self) -> list[HeldLetter]:
        """Every letter that is kept back."""
        return await asyncio.to_thread(self._held)

    # ---- in a thread

    def _servers(self, host: str) -> list[Pin]:
        from misfin.trust.tofu import PinKind, pin_name

        begun = pin_name(host, 0).removesuffix("0")
        pins = self._services.pin_book.all(PinKind.HOST)
        found = [pin for pin in pins if pin.name.startswith(begun) and pin.name[len(begun) :].isdecimal()]
        return sorted(found, key=lambda pin: pin.last_seen, reverse=True)

    def _question(self, kind: PinKind, name: str) -> CertificateQuestion | None:
        from misfin.trust.tofu import PinKind, decide

        book = self._services.pin_book
        offer = book.offered(kind, name)
        if offer is None:
            return None
        pin = book.get(kind, name)
        sender = kind is PinKind.SENDER
        host = None if sender else name.rpartition(":")[0]
        shown = offer.certificate
        held = [letter for letter in self._held() if letter.sender == name] if sender else []
        return CertificateQuestion(
            kind,
            name,
            pin,
            shown,
            offer.shown,
            decide(pin, shown, time.time(), host=host),
            () if sender else tuple(self._waiting(name)),
            tuple(letter for letter in held if letter.spki == shown.fingerprints.spki),
        )

    def _waiting(self, name: str) -> list[OutboxRow]:
        from misfin.store.outbox import Question, State

        asked = (Question.CHANGED_CERTIFICATE, Question.FIRST_USE)
        rows = self._services.outbox_queue.rows([State.HELD])
        return [row for row in rows if row.question in asked and row.pin_name == name]

    def _approve(self, kind: PinKind, name: str, fingerprint: str) -> int:
        from misfin.trust.tofu import PinKind

        question = self._question(kind, name)
        if question is None:
            raise LocalError(f"{name} has no certificate that waits for a decision.")
        if question.shown.fingerprints.cert != fingerprint:
            raise LocalError(
                f"{name} has shown yet another certificate meanwhile; nothing was changed.",
                remedy="Look at the new one before you decide.",
            )
        now = time.time()
        self._services.pin_book.replace(kind, name, question.shown, how="approved in the app", now=now)
        if kind is PinKind.SENDER:
            self._release_held(question.held, approved=True)
            return len(question.held)
        spki = question.shown.fingerprints.spki
        return self._services.outbox_queue.release(AddressKind.MISFIN, name, spki, now)

    def _refuse(self, kind: PinKind, name: str) -> int:
        question = self._question(kind, name)
        if question is None:
            return 0
        stopped = len(question.held)
        self._refuse_held(question.held)
        for row in question.waiting:
            stopped += self._services.outbox_queue.cancel(row.id, now=time.time())
        self._services.pin_book.withdraw(kind, name)
        return stopped

    def _held(self) -> list[HeldLetter]:
        from misfin.model.gemmail import GemmailMessage
        from misfin.store import envelope

        found = []
        store = self._services.store
        for account in store.accounts():
            folder = store.folder(account, "Held")
            for entry in folder.list() if folder.exists() else ():
                try:
                    letter = envelope.read(folder.read(entry.key, _HEAD))
                except StoreError:
                    continue  # no letter of ours, or moved meanwhile: not ours to decide here
                message = GemmailMessage.from_bytes(letter.gemmail)
                found.append(
                    HeldLetter(
                        account,
                        entry.key,
                        letter.certificate.get("subject", ""),
                        message.subject or "",
                        message.newest.timestamp() if message.newest else 0.0,
                        letter.certificate.get("spki", ""),
                    )
                )
        return found

    def _release_held(self, letters: Sequence[HeldLetter], *, approved: bool) -> None:
        from misfin.post.held import release

        for letter in letters:
            with suppress(LetterGoneError):  # somebody else was quicker
                release(self._services.store, letter.account, letter.key, approved=approved)

    def _refuse_held(self, letters: Sequence[HeldLetter]) -> None:
        from misfin.post.held import refuse

        for letter in letters:
            with suppress(LetterGoneError):
                refuse(self._services.store, letter.account, letter.key)

    def _export(self, path: Path) -> int:
        book = self._services.pin_book
        write_new(path, book.export().encode(), private=True)
        return len(book.all()) + len(book.all_mailbox_keys())

    def _tell(self) -> None:
        self._services.wake_courier()
        self._services.post(OutboxChanged())
        self._services.post(MailChanged())
