"""Hosts on loopback that find each other: each a whole receiver with a profile of its own, lists included."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers import ask, message, person

from misfin.model.gemmail import GemmailMessage
from misfin.net.client import HostOverride
from misfin.net.limits import LimitSettings
from misfin.post.hosting.books import HostBooks
from misfin.post.hosting.settings import HostingSettings
from misfin.post.reception import Reception, ReceptionSettings
from misfin.store.hosting.lists import MailingList
from misfin.store.hosting.posts import PostState
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore
from misfin.store.message import envelope
from misfin.store.outgoing.outbox import DeliveryState, Outbox
from misfin.trust.identity import Identity

LIST = "dev@lists.test"
LISTS, HIVE, FAR = "lists.test", "hive.test", "far.test"
_OPEN = (DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.DEFERRED)


@dataclass
class ListHost:
    """A host, whether it runs or not."""

    root: Path
    port: int
    hosts: dict[str, HostOverride]
    people: dict[str, Identity] = field(default_factory=dict)
    books: HostBooks = field(init=False)

    def __post_init__(self) -> None:
        self.books = HostBooks(self.root / "hosting.db")

    def add(self, address: str) -> Identity:
        """A mailbox of this host."""
        identity = person(address)
        self.people[identity.address.address] = identity
        IdentityStore(self.root / "identities").save(identity)
        MailStore(self.root / "mail").create(identity.address.address)
        return identity

    def add_list(self, address: str = LIST, *subscribers: str, **settings: Any) -> None:
        """A list, with these subscribers."""
        self.add(f"{address} {address.partition('@')[0].title()} list")
        self.books.open()
        self.books.lists.create(MailingList(address, **settings), now=time.time())
        self.books.lists.subscribe(address, subscribers, now=time.time())

    @property
    def settings(self) -> ReceptionSettings:
        return ReceptionSettings(
            listen=(("127.0.0.1", self.port),),
            identities=self.root / "identities",
            mail=self.root / "mail",
            trust_db=self.root / "trust.db",
            contacts_db=self.root / "contacts.db",
            runtime=self.root / "run",
            limits=LimitSettings(enable=False),
            allow_private=True,
            hosts=self.hosts,
            hosting=HostingSettings(
                self.root / "hosting.db",
                self.root / "outbox.db",
                timeout=60,
                hosts=self.hosts,
                allow_private=True,
            ),
        )

    def idle(self) -> bool:
        """Whether nothing is left to send: no post, no short message, and nothing in the outbox."""
        if not self.books.opened:
            return True  # it has neither lists nor rules
        if self.books.posts.posts(PostState.ACCEPTED) or self.books.posts.notices(1):
            return False
        with closing(Outbox(self.root / "outbox.db")) as outbox:
            return not outbox.rows(_OPEN)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ListHost]:
        reception = Reception(self.settings)
        await reception.start()
        try:
            yield self
        finally:
            await reception.stop()

    async def post(self, sender: Identity, text: str, *, to: str = LIST, lines: str = "\n\n\n") -> str:
        """Send a message to a mailbox here; the answer."""
        answer = await ask(self.port, message(to, text, lines=lines), sender, sni=to.partition("@")[2])
        return answer.decode().strip()

    def files(self, address: str) -> list[bytes]:
        """The messages in the inbox of a mailbox as they lie there, oldest first."""
        folder = MailStore(self.root / "mail").folder(address)
        return [each.path.read_bytes() for each in sorted(folder.list(), key=lambda each: each.key)]

    def mail(self, address: str) -> list[GemmailMessage]:
        """The same, read."""
        return [GemmailMessage.from_bytes(envelope.to_gemmail(each)) for each in self.files(address)]


async def until(found: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Wait for something to be there, and return it."""
    async with asyncio.timeout(seconds):
        while not (value := found()):
            await asyncio.sleep(0.02)
    return value


def make_hosts(root: Path, ports: dict[str, int]) -> dict[str, ListHost]:
    """A host for each name, each of which finds the others."""
    hosts = {name: HostOverride(connect=("127.0.0.1", port)) for name, port in ports.items()}
    return {name: ListHost(root / name, port, hosts) for name, port in ports.items()}
