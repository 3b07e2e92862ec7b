"""Decisions about certificates: what waits for one, and what an answer sets in motion. Needs no screen.

Every function blocks, and raises :class:`StoreError` when the disk refuses. ``now`` is Unix seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from misfin.errors import LocalError, MessageGoneError, StoreError
from misfin.model.account import AddressKind
from misfin.model.folders import HELD, holds_mail
from misfin.model.gemmail import GemmailMessage
from misfin.post import held as held_mail
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.store.outgoing.deliveries import ABOUT_TRUST, DeliveryState, OutboxRow
from misfin.store.outgoing.outbox import Outbox
from misfin.store.seals import Seals
from misfin.trust.certificate import CertificateInfo
from misfin.trust.pins import PinBook
from misfin.trust.records import Offer
from misfin.trust.tofu import APPROVED, Pin, PinKind, Verdict, decide

_MOST = 1024 * 1024  # bytes of a held message read to see who sent it: more than any message we file
SERVER_PINS = MappingProxyType({AddressKind.MISFIN: PinKind.HOST, AddressKind.MAIL: PinKind.MAIL})
"""The kind of pin that the servers of each kind of mail have."""


class Stores(Protocol):
    """Where decisions are looked up and written down. Each is opened only when it is needed."""

    @property
    def pin_book(self) -> PinBook:
        """Certificates trusted so far, and those that wait for a decision."""

    @property
    def outbox_queue(self) -> Outbox:
        """Messages of ours, some of which may wait for a decision about a server."""

    @property
    def store(self) -> MailStore:
        """Messages to us, some of which may be held because of their sender's certificate."""


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message held because its sender's certificate changed; ``account`` and ``key`` find its file.

    ``sender`` is the address in its certificate, ``received`` Unix seconds (0 where unknown).
    """

    account: str
    key: str
    sender: str
    subject: str
    received: float
    spki: str


@dataclass(frozen=True, slots=True)
class CertificateQuestion:
    """Everything a person needs to decide about a certificate that was presented and not accepted.

    ``waiting`` are messages of ours that wait for the answer, ``held`` messages to us. ``shown_at`` is
    when it was last presented, Unix seconds. ``trusted_for`` is another port of the same mail server for
    which this very certificate is trusted, or empty.
    """

    kind: PinKind
    name: str
    pin: Pin | None
    shown: CertificateInfo
    shown_at: float
    verdict: Verdict
    waiting: tuple[OutboxRow, ...] = ()
    held: tuple[HeldMessage, ...] = ()
    trusted_for: str = ""


def questions(stores: Stores, *, now: float) -> list[CertificateQuestion]:
    """Every certificate that waits for a decision, the newest first."""
    offers = stores.pin_book.offers()
    held = held_messages(stores.store) if any(offer.kind is PinKind.SENDER for offer in offers) else []
    return [_question(stores, offer, held, now) for offer in offers]


def question(stores: Stores, kind: PinKind, name: str, *, now: float) -> CertificateQuestion | None:
    """The open question about a server (``host:port``) or a sender; None where nothing waits (any more)."""
    offer = stores.pin_book.offered(kind, name)
    if offer is None:
        return None
    return _question(stores, offer, held_messages(stores.store) if kind is PinKind.SENDER else [], now)


def approve(stores: Stores, kind: PinKind, name: str, fingerprint: str, *, where: str, now: float) -> int:
    """Trust the certificate with this SHA-256 from now on; return how many messages that released.

    ``where`` that was decided is kept with the pin: "in the app", "at the shell". Raises
    :class:`LocalError` when it is not, or no longer, the certificate that waits: another was presented
    meanwhile, and nobody has looked at it.
    """
    asked = question(stores, kind, name, now=now)
    if asked is None:
        raise LocalError(f"No certificate of {name} is waiting for a decision.")
    if asked.shown.fingerprints.cert != fingerprint:
        raise LocalError(
            f"{name} has presented yet another certificate in the meantime; nothing was changed.",
            remedy="Look at the new one before you decide.",
        )
    stores.pin_book.replace(kind, name, asked.shown, how=f"{APPROVED} {where}", now=now)
    if kind is PinKind.SENDER:
        for message in asked.held:
            release(stores.store, message, approved=True)
        return len(asked.held)
    sent_by = next(sort for sort, pins in SERVER_PINS.items() if pins is kind)
    return stores.outbox_queue.release(sent_by, name, asked.shown.fingerprints.spki, now)


def refuse(stores: Stores, kind: PinKind, name: str, *, now: float) -> int:
    """Keep the pin as it is; cancel what waits to be sent there, move held messages to the trash.

    Returns how many messages that concerned; 0 where nothing waits. Cancelled ones stay in the outbox and
    can be edited.
    """
    asked = question(stores, kind, name, now=now)
    if asked is None:
        return 0
    for message in asked.held:
        with suppress(MessageGoneError):  # somebody else was quicker
            held_mail.refuse(stores.store, message.account, message.key)
    cancelled = [stores.outbox_queue.cancel(row.id, now=now) for row in asked.waiting]
    stores.pin_book.withdraw(kind, name)
    return len(asked.held) + sum(cancelled)


def release(store: MailStore, message: HeldMessage, *, approved: bool = False) -> None:
    """Put one held message into the inbox; ``approved`` says that its sender's certificate is trusted now.

    A message that is no longer held is left alone.
    """
    with suppress(MessageGoneError):
        held_mail.release(store, message.account, message.key, approved=approved)


def held_messages(store: MailStore) -> list[HeldMessage]:
    """Every message that is held, in all accounts."""
    accounts = (each for each in store.accounts() if holds_mail(each, HELD))
    return [message for account in accounts for message in _held_in(store, account)]


def _held_in(store: MailStore, account: str) -> Iterator[HeldMessage]:
    folder, seals = store.folder(account, HELD), Seals(store.root)
    for entry in folder.list() if folder.exists() else ():
        try:
            data = folder.read(entry.key, _MOST)
            wrapped = envelope.read(data)
        except StoreError:
            continue  # not written by the receiver, or moved meanwhile: not ours to decide here
        if not seals.counts(os.fsencode(entry.name), data):
            continue  # whoever put it there chose which certificate it names
        message = GemmailMessage.from_bytes(wrapped.gemmail)
        yield HeldMessage(
            account,
            entry.key,
            wrapped.certificate.get("subject", ""),
            message.subject or "",
            message.newest.timestamp() if message.newest else 0.0,
            wrapped.certificate.get("spki", ""),
        )


def _question(stores: Stores, offer: Offer, held: Sequence[HeldMessage], now: float) -> CertificateQuestion:
    kind, name, shown = offer.kind, offer.name, offer.certificate
    pin = stores.pin_book.get(kind, name)
    sender = kind is PinKind.SENDER
    spki = shown.fingerprints.spki
    return CertificateQuestion(
        kind,
        name,
        pin,
        shown,
        offer.shown,
        decide(pin, shown, now, host=None if sender else name.rpartition(":")[0]),
        () if sender else tuple(_waiting(stores.outbox_queue, kind, name)),
        tuple(each for each in held if each.sender == name and each.spki == spki) if sender else (),
        _trusted_elsewhere(stores, name, shown) if kind is PinKind.MAIL and pin is None else "",
    )


def _trusted_elsewhere(stores: Stores, name: str, shown: CertificateInfo) -> str:
    """Another port of this mail server that presents the same certificate, which is trusted there."""
    pin = stores.pin_book.same_host_trusted(PinKind.MAIL, name, shown)
    return pin.name if pin is not None else ""


def _waiting(outbox: Outbox, kind: PinKind, name: str) -> list[OutboxRow]:
    held = outbox.rows([DeliveryState.HELD])
    about = (row for row in held if row.question in ABOUT_TRUST and row.pin_name == name)
    return [row for row in about if SERVER_PINS[row.kind] is kind]
