"""An account here and its mailbox on a model server, with a clock of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from modelserver import ModelRemote, ModelServer

from misfin.post.inbox import LocalInbox
from misfin.post.sync.lineends import sent_bytes
from misfin.post.sync.passes import run_pass
from misfin.post.sync.settings import PassResult, SyncMemory, SyncSettings
from misfin.post.sync.state import SyncState
from misfin.store.mail.maildir import Entry, MailStore


def text(number: int, body: bytes = b"hello") -> bytes:
    """A message as a server sends it."""
    return b"Message-ID: <%d@x.example>\r\nSubject: %d\r\n\r\n%s\r\n" % (number, number, body)


class SyncDesk:
    """Everything a test of keeping in sync needs; ``now`` is the clock."""

    def __init__(self, root: Path, settings: SyncSettings | None = None) -> None:
        self.root = root
        self.store = MailStore(root / "mail")
        self.store.create("work")
        self.state = SyncState(root / "sync" / "work.db")
        self.server = ModelServer()
        self.remote = ModelRemote(self.server)
        self.inbox = LocalInbox(self.store)
        self.settings = settings or SyncSettings("work")
        self.memory = SyncMemory()
        self.now = 1_700_000_000.0

    async def once(self, **options: object) -> PassResult:
        """One pass, a few seconds later."""
        self.now += 3
        self.remote.calls.clear()
        return await run_pass(
            self.remote,
            self.state,
            self.inbox,
            self.settings,
            self.memory,
            now=lambda: self.now,
            **options,
        )

    async def settle(self) -> PassResult:
        """Passes until nothing is left to do; returns the last."""
        for _ in range(12):
            self.now += 61
            result = await self.once()
            busy = result.again or result.again_in or result.arrived or result.here or result.there
            if not busy:
                return result
        raise AssertionError(f"never in sync: {result}")

    def files(self, folder: str = "Inbox") -> list[Entry]:
        return self.store.folder("work", folder).list()

    def here(self, folder: str = "Inbox") -> Counter[bytes]:
        """The messages of a folder here, as a server would send them."""
        return Counter(sent_bytes(entry.path.read_bytes()) for entry in self.files(folder))

    def there(self, folder: bytes = b"INBOX") -> Counter[bytes]:
        return Counter(message.data for message in self.server[folder].messages.values())

    def attic(self) -> Counter[bytes]:
        return Counter(sent_bytes(entry.path.read_bytes()) for entry in self.inbox.attic("work"))

    def fill(self, count: int, folder: bytes = b"INBOX", first: int = 1) -> list[bytes]:
        """Put messages on the server."""
        texts = [text(number) for number in range(first, first + count)]
        for each in texts:
            self.server[folder].add(each)
        return texts

    def changed_there(self) -> Iterator[str]:
        """The requests of the last pass that changed something on the server."""
        return (call for call in self.remote.calls if call.split()[0] in CHANGING)


CHANGING = {"append", "move", "flag", "remove", "create", "rename"}
