"""A whole receiver from plain values: identities, limits, verification, intake; and its life.

It is what ``misfin-tui receive`` runs. What a person changes while it runs counts from the next message on
(post/following.py). TLS is half its memory, so it is imported when the first connection comes
(post/serving.py); an identity that is not remembered as usable is opened before, to report what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from misfin.errors import IdentityError, LocalError, StoreError
from misfin.net import budget
from misfin.net.directory import Directory
from misfin.net.limits import Limits, own_buckets
from misfin.net.listening import listen
from misfin.net.verification_cache import SenderVerificationCache
from misfin.post.following import FollowedFiles, Following, database_paths
from misfin.post.hosting.duties import HostDuties
from misfin.post.inbox import LocalInbox
from misfin.post.receiver_lock import AlreadyReceivingError, ReceiverLock, Running, running
from misfin.post.reception_settings import HandOverSettings, ReceptionSettings
from misfin.post.source import Report, SourceState, SourceStatus
from misfin.store.accounts import AccountBook
from misfin.store.hosting.served import ServedIdentities
from misfin.store.mail.maildir import MailStore
from misfin.store.people.contacts import ContactBook
from misfin.store.seals import Seals
from misfin.trust.pins import PinBook

if TYPE_CHECKING:
    import socket

    from misfin.model.address import MisfinAddress
    from misfin.net.receiver import Receiver
    from misfin.net.served import ServedConnection
    from misfin.post.hosting.settings import HostingSettings
    from misfin.post.source import Inbox
    from misfin.trust.identity import Identity

__all__ = [
    "AlreadyReceivingError",
    "HandOverSettings",
    "Reception",
    "ReceptionSettings",
    "Running",
    "running",
    "serve",
]

logger = logging.getLogger("misfin.reception")

_LOOK_AGAIN = 1.0
"""Seconds between two thorough looks at what a person may have changed."""


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
        await reception.until(asyncio.Event())
    finally:
        await reception.stop()


class Reception:
    """One receiver of one profile: the :class:`~misfin.post.source.Source` of all its Misfin accounts."""

    _pins: PinBook
    _cache: SenderVerificationCache
    _allowed: int

    def __init__(self, settings: ReceptionSettings, *, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.addresses: tuple[tuple[str, int], ...] = ()
        """Where it listens, while it runs."""
        self._now = now
        self._started = now()
        self._identities = ServedIdentities(settings.identities, settings.certificates, settings.remembered)
        self._store = MailStore(settings.mail)
        self._seals = Seals(settings.mail)
        self._accounts = AccountBook(self._identities, self._store)
        self._made: set[str] = set()
        self._inbox: Inbox = LocalInbox(self._store)
        self._seen: tuple[tuple[str, int, int], ...] = ()
        self._blocked: frozenset[str] = frozenset()
        self._following = Following(())
        self._open = AsyncExitStack()
        self._sockets: list[socket.socket] = []
        self._receiver: Receiver | None = None
        self._duties: HostDuties | None = None
        self._making = asyncio.Lock()
        self._waiting: asyncio.Task[None] | None = None

    async def run(self, inbox: Inbox, stop: asyncio.Event) -> None:
        """Receive until ``stop`` is set, as a :class:`~misfin.post.source.Source` does.

        Raises what :meth:`start` raises.
        """
        self._inbox = inbox
        try:
            self.addresses = tuple(await self.start())
            try:
                where = ", ".join(map(address_text, self.addresses))
                inbox.report(SourceStatus("", SourceState.RUNNING, f"receiving on {where}"))
                await self.until(stop)
            finally:
                await self.stop()
                self.addresses = ()
        except LocalError as error:
            inbox.report(SourceStatus("", SourceState.FAILED, f"not receiving: {error}"))
            raise
        inbox.report(SourceStatus("", SourceState.STOPPED, "not receiving"))

    async def until(self, stop: asyncio.Event) -> None:
        """Return once ``stop`` is set. Raises what :meth:`start` raises if nothing can be received after all:
        the last identity was removed before anybody connected, say."""
        stopping = asyncio.create_task(stop.wait())
        try:
            if self._waiting is not None:
                await asyncio.wait((stopping, self._waiting), return_when=asyncio.FIRST_COMPLETED)
                if self._waiting.done():
                    self._waiting.result()
            await stopping
        finally:
            stopping.cancel()

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
        if self._waiting is not None:
            await _ended(self._waiting)
        await self._open.aclose()

    def figures(self) -> list[str]:
        """What was counted, as lines for Prometheus. On the event loop."""
        from misfin.net.figures import ReceiverFigures, process_text, processes_text, receiver_text

        share = self.settings.share
        if share is not None:
            pids = share.pids()
            return [
                *receiver_text(share.all_figures()),
                *processes_text(len(pids), share.started_again),
                *process_text(share.started, [os.getppid(), *pids], share.ended_cpu),
            ]
        serving = self._receiver
        found = ReceiverFigures() if serving is None else serving.figures
        return [*receiver_text(found), *process_text(self._started)]

    # ---- inside -----------------------------------------------------------------------------------

    async def _start(self) -> list[tuple[str, int]]:
        settings, opened = self.settings, self._open
        processes = 1 if settings.share is None else settings.share.processes
        self._allowed = budget.connections_allowed(
            budget.raise_file_limit(), budget.memory_limit(), processes
        )
        lock = None
        if settings.share is None:
            lock = await asyncio.to_thread(ReceiverLock, settings.runtime)
            opened.callback(lock.release)
        self._pins = await asyncio.to_thread(PinBook, settings.trust_db, clock=time.monotonic)
        opened.push_async_callback(asyncio.to_thread, self._pins.close)
        contacts = await asyncio.to_thread(ContactBook, settings.contacts_db)
        opened.push_async_callback(asyncio.to_thread, contacts.close)
        self._cache = await asyncio.to_thread(
            SenderVerificationCache, settings.cache, settings.cache_ttl, now=self._now
        )
        opened.push_async_callback(asyncio.to_thread, self._cache.close)
        self._blocked = await asyncio.to_thread(_blocked_names, contacts)
        followed = [
            FollowedFiles(self._identities.folders, self._follow_identities),
            FollowedFiles(database_paths(settings.contacts_db), partial(self._follow_blocks, contacts)),
        ]
        await asyncio.to_thread(self._seals.open)
        if settings.hosting is not None:
            self._duties = self._duties_of(settings.hosting)
            opened.push_async_callback(self._duties.close)
            await self._duties.look()
            followed.append(FollowedFiles(database_paths(settings.hosting.file), self._duties.look))
        self._following = Following(followed)
        if await asyncio.to_thread(self._all_known):
            self._sockets = await self._listen()
            opened.callback(_close, self._sockets)
            self._waiting = asyncio.create_task(self._wait())
        else:
            await self._serve()
        addresses: list[tuple[str, int]] = [each.getsockname()[:2] for each in self._sockets]
        if lock is not None:
            lock.note(addresses)
        watching = asyncio.create_task(self._following.watch(_LOOK_AGAIN))
        opened.push_async_callback(_ended, watching)
        return addresses

    async def _listen(self) -> list[socket.socket]:
        return list(self.settings.sockets) or await listen(self.settings.listen)

    def _duties_of(self, hosting: HostingSettings) -> HostDuties:
        return HostDuties(
            hosting,
            self._identities,
            self._pins,
            self._store,
            self._inbox,
            self._seals,
            sends=self.settings.share is None or self.settings.share.first,
            now=self._now,
        )

    async def _wait(self) -> None:
        """Serve from the first connection on; it waits in the socket meanwhile."""
        somebody = asyncio.Event()
        for each in self._sockets:
            asyncio.get_running_loop().add_reader(each, somebody.set)
        await somebody.wait()
        self._stop_waiting()
        while self._receiver is None:
            try:
                await self._serve()
            except IdentityError:
                raise
            except StoreError as error:  # what may be over in a moment is no reason to end
                logger.warning("%s %s", error, error.remedy)
            except Exception:  # tried again, and the log says what to fix meanwhile
                logger.exception("Receiving could not begin.")
            else:
                return
            await asyncio.sleep(_LOOK_AGAIN)

    def _stop_waiting(self) -> None:
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each)

    async def _serve(self) -> None:
        """Serve from now on, unless it does. Raises as :meth:`start`."""
        async with self._making:
            if self._receiver is not None:
                return
            serving = await asyncio.to_thread(import_module, "misfin.post.serving")
            intake = serving.make_intake(self.settings, self._inbox, self._seals, self._presented_by)
            seen = await asyncio.to_thread(self._identities.stamp)
            receiver: Receiver = serving.make_receiver(
                self.settings,
                intake,
                await asyncio.to_thread(self._directory, seen),
                self._pins,
                self._cache,
                self._limits(),
                self._is_blocked,
                self._now,
                self._duties,
                self._following.outdated,
            )
            self._open.push_async_callback(intake.close)
            if self._waiting is None:
                self._sockets = await self._listen()
            self._stop_waiting()
            await receiver.start(self._sockets)
            self._open.push_async_callback(receiver.stop)
            self._receiver = receiver

    def _limits(self) -> Limits[ServedConnection]:
        share = self.settings.share
        make = own_buckets if share is None else share.make_buckets
        return Limits(self.settings.limits, allowed=self._allowed, make=make)

    def _presented_by(self, host: str) -> Identity | None:
        """The identity that a host served here presents now."""
        return None if self._receiver is None else self._receiver.directory.certificate_for(host)

    def _directory(self, seen: tuple[tuple[str, int, int], ...]) -> Directory:
        """The mailboxes to receive for, from the folder that looked like ``seen`` just before. Blocking."""
        stored = self._identities.all()
        for one in stored:
            if one.identity is None:
                logger.warning("%s is skipped: %s", one.path, one.problem)
        found = [one.identity for one in stored if one.identity is not None]
        self._create_folders()
        directory = Directory(found, aliases=self.settings.aliases)
        self._seen = seen  # only now: what could not be used is tried again
        return directory

    def _all_known(self) -> bool:
        """Whether every identity is known to be usable, so that none has to be opened to wait. Blocking."""
        seen = self._identities.stamp()
        if not self._identities.known():
            return False
        self._create_folders()
        self._seen = seen
        return True

    def _create_folders(self) -> None:
        if self.settings.hand_over is not None:
            return  # nothing is kept here
        for directory in {each.directory for each in self._accounts.all()} - self._made:
            self._store.create(directory)
            self._made.add(directory)

    async def _follow_identities(self) -> None:
        if (seen := await asyncio.to_thread(self._identities.stamp)) == self._seen:
            return
        if self._receiver is not None:
            directory = await asyncio.to_thread(self._directory, seen)
            if self._duties is not None:  # a list must never be served as an ordinary mailbox
                await self._duties.look()
            self._receiver.use(directory)
            logger.info("Receiving for %s.", ", ".join(self._receiver.directory.hosts))
        elif not await asyncio.to_thread(self._all_known):
            await self._serve()

    async def _follow_blocks(self, contacts: ContactBook) -> None:
        self._blocked = await asyncio.to_thread(_blocked_names, contacts)

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


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        if each.fileno() >= 0:  # not closed by the receiver
            asyncio.get_running_loop().remove_reader(each)
            each.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, LocalError):  # an error was reported: see Reception.until
        await task
