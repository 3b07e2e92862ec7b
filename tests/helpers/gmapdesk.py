"""A remote mailbox and its local side, with a clock; over real TLS, or (fast) without a network."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gmapserver import GmapBox
from peers import person

from misfin.gmap.client import GmapClient
from misfin.gmap.gemini import GeminiBody, GeminiClient, GeminiHeader, GeminiRequest
from misfin.model.account import Account, Kind
from misfin.model.address import MisfinAddress
from misfin.post.gmap.remote import GmapRemote
from misfin.post.gmap.stamping import stamper
from misfin.post.inbox import LocalInbox
from misfin.post.sync.passes import run_pass
from misfin.post.sync.settings import PassResult, SyncMemory, SyncSettings
from misfin.post.sync.state import SyncState
from misfin.store.mail.maildir import Entry, MailStore
from misfin.store.message.envelope import to_gemmail
from misfin.store.seals import Seals
from misfin.trust.pins import PinBook

ADA = person("ada@mail.test")
DIRECTORY = Account("away", Kind.GMAP, "ada@mail.test").directory


class DirectClient(GmapClient):
    """A client whose answers come from a box without a network, through the engine all the same."""

    def __init__(self, box: GmapBox) -> None:
        super().__init__("mail.test", 1958, ADA, PinBook(None))
        self.box = box

    async def _ask(self, path: str, query: str | None, limit: int, port: int) -> tuple[GeminiHeader, bytes]:
        self.requests += 1
        engine = GeminiClient(max_body=limit)
        engine.send_request(GeminiRequest(self.host, port, path, query))
        line = engine.get_outgoing_data().removesuffix(b"\r\n")
        header, *body = engine.feed_bytes(self.box.answer(line, registered=True))
        assert isinstance(header, GeminiHeader)
        return header, b"".join(each.data for each in body if isinstance(each, GeminiBody))


class GmapDesk:
    """What a test of keeping a remote mailbox in sync needs; ``now`` is the clock."""

    def __init__(self, root: Path, client: GmapClient | None = None, box: GmapBox | None = None) -> None:
        self.root = root
        self.box = box or GmapBox()
        self.client = client or DirectClient(self.box)
        self.store = MailStore(root / "mail")
        self.store.create(DIRECTORY)
        self.seals = Seals(root / "mail")
        self.state = SyncState(root / "sync" / "away.db")
        stamp = stamper(MisfinAddress.parse("ada@mail.test"), "mail.test", self.seals)
        self.remote = GmapRemote(self.client, stamp)
        self.inbox = LocalInbox(self.store)
        self.memory = SyncMemory()
        self.now = 1_700_100_000.0

    def restart(self) -> None:
        """As if the process had ended and begun again."""
        self.state.close()
        self.state = SyncState(self.root / "sync" / "away.db")
        self.memory = SyncMemory()

    async def once(self) -> PassResult:
        self.now += 3
        return await run_pass(
            self.remote,
            self.state,
            self.inbox,
            SyncSettings(DIRECTORY),
            self.memory,
            now=lambda: self.now,
        )

    async def settle(self) -> PassResult:
        """Passes until nothing is left to do; returns the last."""
        for _ in range(12):
            self.now += 61
            result = await self.once()
            if not (result.again or result.again_in or result.arrived or result.here or result.there):
                return result
        raise AssertionError(f"never in sync: {result}")

    def files(self, folder: str = "Inbox") -> list[Entry]:
        return self.store.folder(DIRECTORY, folder).list()

    def here(self, folder: str = "Inbox") -> list[bytes]:
        """The gemmails of a folder here."""
        return sorted(to_gemmail(entry.path.read_bytes()) for entry in self.files(folder))

    def digest(self) -> str:
        """Stands for every file here, with its name."""
        files = sorted((self.root / "mail" / DIRECTORY).rglob("*"))
        names = [f"{each}".encode() for each in files if each.is_file()]
        return hashlib.sha256(b"\n".join(names)).hexdigest()
