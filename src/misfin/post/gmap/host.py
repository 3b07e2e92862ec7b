"""Serves the Misfin mailboxes of this profile to their owners: by key, within limits, with an audit log.

A mailbox is opened by its own certificate, or another certificate for the same key; the names in a
certificate prove nothing. Identities that are added, renewed or removed count from the next request on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.errors import IdentityError, StoreError
from misfin.gmap import asked as answers
from misfin.gmap.asked import GmapAct, GmapAnswer, GmapAsked, read_asked
from misfin.gmap.connection import TIMES
from misfin.gmap.listpages import ListPage, public_page
from misfin.gmap.server import GmapListener
from misfin.model.account import Account, Kind
from misfin.net import budget
from misfin.net.directory import Directory
from misfin.net.limits import Limits, LimitSettings
from misfin.net.server_tls import ServerTls
from misfin.post.following import FollowedFiles, Following, database_paths
from misfin.post.gmap.kept import KeptMailbox
from misfin.post.hosting.books import HostBooks
from misfin.store.hosting.lists import MailingList, Posting
from misfin.store.hosting.served import ServedIdentities
from misfin.store.mail.maildir import MailStore
from misfin.trust.certificate import read_certificate

if TYPE_CHECKING:
    import socket

    from misfin.gmap.gemini import GeminiRequest
    from misfin.net.proxy import ProxyTrust
    from misfin.net.served import ServedConnection
    from misfin.trust.identity import Identity

logger = logging.getLogger("misfin.gmap")
audit = logging.getLogger("misfin.gmap.audit")
"""One line for each change that somebody has made to a mailbox."""

_LOOK_AGAIN: Final = 1.0
"""Seconds between two thorough looks at the identities."""
_THREADS: Final = 4
"""Requests looked at on the disk at the same time."""
_MOST_CONNECTIONS: Final = 256
_GRACE: Final = 2.0
"""Seconds for connections that have just begun, as in post/serving.py."""

_WHO_POSTS: Final = {
    Posting.SUBSCRIBERS: "Subscribers can write to this list.",
    Posting.MODERATORS: "Only its moderators write to this list.",
    Posting.ANYONE: "Anyone can write to this list.",
}


@dataclass(frozen=True, slots=True)
class MailboxHostSettings:
    """What the server needs to know. ``remote`` are names of identities whose mailboxes are elsewhere.

    ``limits`` count requests: of each network address, and of each mailbox. ``lists`` is the file of the
    host's mailing lists, if it has any, ``certificates`` the folder of mailboxes whose key
    only the owner has. ``proxy`` as in :class:`~misfin.gmap.server.GmapListener`; ``sockets`` listen already,
    and take the place of ``listen``.
    """

    listen: tuple[tuple[str, int], ...]
    identities: Path
    mail: Path
    remote: Collection[str] = ()
    limits: LimitSettings = field(default_factory=lambda: LimitSettings(capacity=2000, refill_rate=200))
    proxy: ProxyTrust | None = None
    sockets: tuple[socket.socket, ...] = ()
    lists: Path | None = None
    certificates: Path | None = None


@dataclass(frozen=True, slots=True)
class _Served:
    """A mailbox, and the address it is known by in the log."""

    address: str
    mailbox: KeptMailbox
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One request at a time: those of one mailbox must not take all threads from the others."""


class MailboxHost:
    """The server of one profile's mailboxes, for one event loop."""

    def __init__(self, settings: MailboxHostSettings, *, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._now = now
        self._identities = ServedIdentities(settings.identities, settings.certificates)
        self._store = MailStore(settings.mail)
        self._by_key: Mapping[str, _Served] = {}
        self._seen: object = None
        self._books = None if settings.lists is None else HostBooks(settings.lists)
        self._pages: tuple[ListPage, ...] = ()
        self._following = Following(())
        self._threads = ThreadPoolExecutor(_THREADS, "misfin-gmap")
        self._listener: GmapListener | None = None
        self._watching: asyncio.Task[None] | None = None
        self.answers: Counter[int] = Counter()
        """How many answers were given, by status."""

    async def start(self) -> list[tuple[str, int]]:
        """Read the identities and listen; returns the addresses really bound.

        Raises :class:`~misfin.errors.IdentityError` where there is no mailbox,
        :class:`~misfin.errors.StoreError` and :class:`~misfin.errors.ListenError`.
        """
        allowed = budget.connections_allowed(budget.file_limit(), budget.memory_limit())
        limits: Limits[ServedConnection] = Limits(
            self.settings.limits, allowed=min(_MOST_CONNECTIONS, max(8, allowed // 8))
        )
        tls = await asyncio.to_thread(self._read_identities)
        await asyncio.to_thread(self._read_lists)
        sockets = self.settings.sockets
        times = replace(TIMES, grace=_GRACE) if sockets else TIMES
        listener = self._listener = GmapListener(self._answer, tls, limits, self.settings.proxy, times)
        found = await listener.listen_on(self.settings.listen, sockets or None)
        followed = [
            FollowedFiles(self._identities.folders, partial(self._follow_identities, listener)),
        ]
        if self.settings.lists is not None:
            followed.append(FollowedFiles(database_paths(self.settings.lists), self._follow_lists))
        self._following = Following(followed)
        self._watching = asyncio.create_task(self._following.watch(_LOOK_AGAIN))
        return found

    async def stop(self) -> None:
        """Stop listening, and answer what was asked."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        if self._listener is not None:
            await self._listener.stop()
        await asyncio.to_thread(self._threads.shutdown)
        if self._books is not None:
            await asyncio.to_thread(self._books.close)

    # ---- which mailboxes there are

    def _read_identities(self) -> ServerTls:
        """Who may open which mailbox from now on, and what is presented to them. Blocking."""
        seen = self._identities.stamp()
        found: list[Identity] = []
        by_key: dict[str, _Served] = {}
        known = {each.address: each for each in self._by_key.values()}
        for stored in self._identities.all():
            identity = stored.identity
            if identity is None or stored.name in self.settings.remote:
                continue
            found.append(identity)
            address = identity.address.address
            directory = Account(stored.name, Kind.MISFIN, address).directory
            if identity.info.is_ca and not self._store.has(directory):
                continue  # it signs mailboxes and is none
            mailbox = known.get(address) or _Served(address, KeptMailbox(self._store, directory))
            by_key.setdefault(identity.info.fingerprints.spki, mailbox)
        directory_of_hosts = Directory(found)
        one = directory_of_hosts.shows_one
        tls = ServerTls(
            directory_of_hosts.default, None if one else directory_of_hosts.certificate_for, resume=True
        )
        self._by_key, self._seen = by_key, seen
        return tls

    def _read_lists(self) -> None:
        """What the public pages say from now on. Blocking."""
        if self._books is not None and self._books.refresh():
            lists = self._books.hosted.lists.values()
            self._pages = tuple(_page_of(each) for each in lists if not each.hidden)

    async def _follow_identities(self, listener: GmapListener) -> None:
        if await asyncio.to_thread(self._identities.stamp) != self._seen:
            listener.tls = await asyncio.to_thread(self._read_identities)

    async def _follow_lists(self) -> None:
        await asyncio.to_thread(self._read_lists)

    # ---- requests

    async def _answer(self, request: GeminiRequest, der: bytes | None, address: str) -> GmapAnswer:
        answer = await self._answered(request, der, address)
        self.answers[answer.status] += 1
        return answer

    async def _answered(self, request: GeminiRequest, der: bytes | None, address: str) -> GmapAnswer:
        if (news := self._following.outdated()) is not None:
            await news
        if (page := public_page(request, self._pages)) is not None:
            return page
        served = self._opened(der)
        if isinstance(served, GmapAnswer):
            return served
        asked = read_asked(request)
        if isinstance(asked, GmapAnswer):
            return asked
        loop = asyncio.get_running_loop()
        assert self._listener is not None
        wait = self._listener.limits.sender_wait(served.address, loop.time())
        if wait > 0.0:
            return GmapAnswer(44, str(self._listener.limits.retry_after(wait)))
        try:
            async with served.turn:
                answer = await loop.run_in_executor(self._threads, served.mailbox.answer, asked)
        except StoreError as error:
            logger.warning("%s: %s", served.address, error)
            answer = answers.UNAVAILABLE
        if asked.act.changes:
            _note(served.address, asked, answer, address)
        return answer

    def _opened(self, der: bytes | None) -> _Served | GmapAnswer:
        """The mailbox that a certificate opens, or the answer to one that opens none."""
        if der is None:
            return answers.NO_CERTIFICATE
        try:
            info = read_certificate(der)
        except IdentityError:
            return answers.NOT_VALID
        served = self._by_key.get(info.fingerprints.spki)
        if served is None:
            return answers.NOT_REGISTERED
        now = datetime.fromtimestamp(self._now(), UTC)
        return served if info.not_before <= now <= info.not_after else answers.NOT_VALID


def _page_of(found: MailingList) -> ListPage:
    return ListPage(found.address, found.description, _WHO_POSTS[found.posting], found.closed)


def _note(mailbox: str, asked: GmapAsked, answer: GmapAnswer, address: str) -> None:
    tag = "" if asked.act is GmapAct.DELETE else f" {asked.tag}"
    audit.info(
        "%s: %s%s %s from %s: %d", mailbox, asked.act.value, tag, asked.message, address, answer.status
    )
