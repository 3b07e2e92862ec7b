"""A whole receiver from plain values: identities, limits, verification, intake; and its life.

It is what ``misfin-tui receive`` runs. Identities added to the folder and senders blocked while it runs are
noticed within moments.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import IdentityError, LocalError, StoreError
from misfin.net import budget
from misfin.net.directory import Directory
from misfin.net.limits import Limits, LimitSettings
from misfin.net.receiver import Receiver, ReceiverSettings
from misfin.net.verification import (
    CertificateVerifier,
    CombinedVerifier,
    ProbeVerifier,
    SenderChange,
    SenderVerificationCache,
    SPKIVerifier,
    VerificationMethod,
    VerificationMode,
    Verifier,
    VerifyingHandler,
)
from misfin.post.inbox import LocalInbox
from misfin.post.intake import Intake
from misfin.post.receiver_lock import AlreadyReceivingError, ReceiverLock, Running, running
from misfin.post.source import Report, SourceState, SourceStatus
from misfin.store.accounts import AccountBook
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.people.contacts import ContactBook
from misfin.trust.pins import PinBook

if TYPE_CHECKING:
    from misfin.model.address import MisfinAddress
    from misfin.net.client import HostOverride
    from misfin.post.source import Inbox

__all__ = ["AlreadyReceivingError", "Reception", "ReceptionSettings", "Running", "running", "serve"]

logger = logging.getLogger("misfin.reception")

_LOOK_AGAIN = 1.0
"""Seconds between two looks at the identities and the block list."""


@dataclass(frozen=True, slots=True)
class ReceptionSettings:
    """Everything a receiver of a profile needs to know; times are seconds.

    ``listen`` are (host, port) pairs as in :class:`~misfin.net.receiver.ReceiverSettings`. ``runtime`` is the
    folder of the lock that lets only one receiver run per profile. ``verification`` and ``methods`` are
    docs/trust.md §6; ``cache`` None remembers their results only while the receiver runs. ``hosts`` gives
    hosts that are asked about senders another place; with ``trust_on_first_use`` off they are not pinned for
    it.
    """

    listen: tuple[tuple[str, int], ...]
    identities: Path
    mail: Path
    trust_db: Path
    contacts_db: Path
    runtime: Path
    require_certificate: bool = True
    on_sender_change: SenderChange = SenderChange.HOLD
    limits: LimitSettings = field(default_factory=LimitSettings)
    verification: VerificationMode = VerificationMode.OPTIONAL
    methods: tuple[VerificationMethod, ...] = (VerificationMethod.CERTIFICATE,)
    cache: Path | None = None
    cache_ttl: float = 7 * 86400.0
    probe_timeout: float = 10.0
    spki_on_change: str = "reject"
    allow_private: bool = False
    hosts: Mapping[str, HostOverride] = field(default_factory=dict)
    trust_on_first_use: bool = True


async def serve(
    settings: ReceptionSettings,
    *,
    ready: Callable[[Sequence[tuple[str, int]]], object] = lambda _addresses: None,
    now: Callable[[], float] = time.time,
) -> None:
    """Receive mail until cancelled; ``ready`` is called with the addresses once they are bound.

    Cancelling ends it as :meth:`Reception.stop` does. Raises what :meth:`Reception.start` raises.
    """
    reception = Reception(settings, now=now)
    ready(await reception.start())
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await reception.stop()


class Reception:
    """One receiver of one profile: the :class:`~misfin.post.source.Source` of all its Misfin accounts."""

    def __init__(self, settings: ReceptionSettings, *, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.addresses: tuple[tuple[str, int], ...] = ()
        """Where it listens, while it runs."""
        self._now = now
        self._identities = IdentityStore(settings.identities)
        self._store = MailStore(settings.mail)
        self._accounts = AccountBook(self._identities, self._store)
        self._inbox: Inbox = LocalInbox(self._store)
        self._seen: tuple[tuple[str, int, int], ...] = ()
        self._blocked: frozenset[str] = frozenset()
        self._open = AsyncExitStack()

    async def run(self, inbox: Inbox, stop: asyncio.Event) -> None:
        """Receive until ``stop`` is set, as a :class:`~misfin.post.source.Source` does.

        Raises what :meth:`start` raises.
        """
        self._inbox = inbox
        try:
            self.addresses = tuple(await self.start())
        except LocalError as error:
            inbox.report(SourceStatus("", SourceState.FAILED, f"not receiving: {error}"))
            raise
        try:
            where = ", ".join(map(address_text, self.addresses))
            inbox.report(SourceStatus("", SourceState.RUNNING, f"receiving on {where}"))
            await stop.wait()
        finally:
            await self.stop()
            self.addresses = ()
            inbox.report(SourceStatus("", SourceState.STOPPED, "not receiving"))

    async def once(self, inbox: Inbox) -> Report:
        """Nothing is fetched: Misfin mail is delivered by its senders."""
        return Report()

    async def start(self) -> list[tuple[str, int]]:
        """Take the lock, read the identities, listen; returns the addresses really bound.

        Raises :class:`AlreadyReceivingError`, :class:`~misfin.errors.IdentityError` when there is nobody
        to receive for, :class:`~misfin.errors.ListenError`, :class:`~misfin.errors.StoreError` or, where
        this process may open too few files, :class:`~misfin.net.budget.TooFewFilesError`; then nothing is
        left behind.
        """
        try:
            return await self._start()
        except BaseException:
            await self._open.aclose()
            raise

    async def stop(self) -> None:
        """Stop listening, answer what was taken, close the files. No message answered with 20 is lost."""
        await self._open.aclose()

    # ---- inside -----------------------------------------------------------------------------------

    async def _start(self) -> list[tuple[str, int]]:
        settings, opened = self.settings, self._open
        allowed = budget.connections_allowed(budget.raise_file_limit(), budget.memory_limit())
        lock = await asyncio.to_thread(ReceiverLock, settings.runtime)
        opened.callback(lock.release)
        pins = await asyncio.to_thread(PinBook, settings.trust_db, clock=time.monotonic)
        opened.push_async_callback(asyncio.to_thread, pins.close)
        contacts = await asyncio.to_thread(ContactBook, settings.contacts_db)
        opened.push_async_callback(asyncio.to_thread, contacts.close)
        cache = await asyncio.to_thread(
            SenderVerificationCache, settings.cache, settings.cache_ttl, now=self._now
        )
        opened.push_async_callback(asyncio.to_thread, cache.close)
        self._blocked = await asyncio.to_thread(_blocked_names, contacts)
        intake = Intake(self._inbox)
        opened.push_async_callback(intake.close)
        seen = await asyncio.to_thread(self._look)
        receiver = Receiver(
            VerifyingHandler(
                intake,
                self._verifier(pins, cache),
                settings.verification,
                settings.methods[0] if settings.methods else VerificationMethod.CERTIFICATE,
                pins=pins,
                on_sender_change=settings.on_sender_change,
                now=self._now,
            ),
            await asyncio.to_thread(self._directory, seen),
            ReceiverSettings(listen=settings.listen, require_certificate=settings.require_certificate),
            limits=Limits(settings.limits, allowed=allowed),
            blocked=self._is_blocked,
            now=self._now,
        )
        addresses = await receiver.start()
        opened.push_async_callback(receiver.stop)
        lock.note(addresses)
        watching = asyncio.create_task(self._watch(receiver, contacts))
        opened.push_async_callback(_ended, watching)
        return addresses

    def _verifier(self, pins: PinBook, cache: SenderVerificationCache) -> Verifier:
        from misfin.net.asking import HostAsker

        settings = self.settings
        asker = HostAsker(
            pins,
            trust_on_first_use=settings.trust_on_first_use,
            hosts=settings.hosts,
            timeout=settings.probe_timeout,
            allow_private=settings.allow_private,
            now=self._now,
        )
        made: dict[VerificationMethod, Verifier] = {
            VerificationMethod.CERTIFICATE: CertificateVerifier(pins, asker, cache),
            VerificationMethod.PROBE: ProbeVerifier(cache, asker=asker),
            VerificationMethod.SPKI: SPKIVerifier(cache, on_spki_change=settings.spki_on_change, asker=asker),
        }
        wanted = settings.methods or (VerificationMethod.CERTIFICATE,)
        if len(wanted) == 1:
            return made[wanted[0]]
        return CombinedVerifier(verifiers={method: made[method] for method in wanted})

    def _directory(self, seen: tuple[tuple[str, int, int], ...]) -> Directory:
        """The mailboxes to receive for, from the folder that looked like ``seen`` just before. Blocking."""
        stored = self._identities.all()
        for one in stored:
            if one.identity is None:
                logger.warning("%s is skipped: %s", one.path, one.problem)
        found = [one.identity for one in stored if one.identity is not None]
        for account in self._accounts.all():
            self._store.create(account.directory)
        directory = Directory(found)
        self._seen = seen  # only now: what could not be used is tried again
        return directory

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        """What changes when a file in the folder of identities does."""
        return self._identities.stamp()

    async def _watch(self, receiver: Receiver, contacts: ContactBook) -> None:
        """Follow what a person changes while we run: identities and blocked senders."""
        while True:
            await asyncio.sleep(_LOOK_AGAIN)
            try:
                self._blocked = await asyncio.to_thread(_blocked_names, contacts)
                if (seen := await asyncio.to_thread(self._look)) != self._seen:
                    receiver.use(await asyncio.to_thread(self._directory, seen))
                    logger.info("Receiving for %s.", ", ".join(receiver.directory.hosts))
            except (StoreError, IdentityError) as error:
                # Keep serving what was served before: a folder in the middle of a change is no reason to end.
                logger.warning("%s %s", error, error.remedy)
            except Exception:  # or nothing would be noticed any more until the next start
                logger.exception("The identities and blocked senders could not be read.")

    def _is_blocked(self, address: MisfinAddress) -> bool:
        return bool(self._blocked) and (
            address.address.casefold() in self._blocked or f"@{address.hostname}" in self._blocked
        )


def address_text(address: tuple[str, int]) -> str:
    """``HOST:PORT``, an IPv6 address in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _blocked_names(contacts: ContactBook) -> frozenset[str]:
    return frozenset(contacts.blocked())


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
