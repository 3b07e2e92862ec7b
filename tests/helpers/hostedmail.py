"""The demo's IMAP server on loopback, without TLS, for whole passes; providers change what it does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from syncdesk import SyncDesk

from misfin.email.account import MailProtocol, MailServer, Protection
from misfin.email.incoming import IncomingClient
from misfin.email.sasl import Credentials
from misfin.post.imap.remote import ImapRemote
from misfin.post.imap.session import ImapSession as ClientSession
from misfin.post.sync.passes import run_pass
from misfin.post.sync.settings import PassResult
from misfin_tui.demo.imap.mailboxes import Mailboxes, NewHosted
from misfin_tui.demo.imap.session import ImapSession

USER, PASSWORD = "ada", "secret"
MakeSession = Callable[[Mailboxes, Callable[[str, str], bool]], ImapSession]


class Hosted:
    """A listening server; ``lines`` are the commands of all its clients."""

    def __init__(self, mailboxes: Mailboxes, make: MakeSession = ImapSession) -> None:
        self.mailboxes = mailboxes
        self.make = make
        self.lines: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = self.make(self.mailboxes, lambda user, password: (user, password) == (USER, PASSWORD))
        writer.write(session.greeting())
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while not session.over:
                command = session.take()
                if command is None:
                    writer.write(session.consents())
                    data = await reader.read(1 << 16)
                    if not data:
                        break
                    session.feed(data)
                    continue
                assert isinstance(command[0], bytes)
                self.lines.append(command[0].decode("utf-8", "replace"))
                for piece in session.answer(command):
                    writer.write(piece)
                await writer.drain()
        writer.close()

    @property
    def server(self) -> MailServer:
        return MailServer(MailProtocol.IMAP, "127.0.0.1", self.port, Protection.NONE)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        listener = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            listener.close()


@contextlib.asynccontextmanager
async def client_of(hosted: Hosted, chosen: dict[str, str] | None = None) -> AsyncIterator[ImapRemote]:
    """Our own client, logged in to it."""
    client = IncomingClient(
        hosted.server, context=ssl.create_default_context(), credentials=Credentials(USER, PASSWORD)
    )
    async with client:
        await client.log_in()
        remote = ImapRemote(ClientSession(client.line), chosen or {})
        await remote.begin()
        yield remote


class ProviderDesk(SyncDesk):
    """An account here and its mailbox at a provider, over real connections: a new one for each pass."""

    def __init__(self, root: Path, hosted: Hosted, chosen: dict[str, str] | None = None) -> None:
        super().__init__(root)
        self.hosted = hosted
        self.chosen = chosen

    async def once(self, **options: object) -> PassResult:
        self.now += 3
        async with client_of(self.hosted, self.chosen) as remote:
            return await run_pass(
                remote,
                self.state,
                self.inbox,
                self.settings,
                self.memory,
                now=lambda: self.now,
                **options,
            )

    def put(self, folder: str, *texts: bytes, flags: tuple[str, ...] = ()) -> list[int]:
        """Mail arrives there."""
        return self.hosted.mailboxes.add([NewHosted(folder, each, flags, 1e9) for each in texts])

    def on_server(self, folder: str) -> Counter[bytes]:
        mailboxes = self.hosted.mailboxes
        return Counter(mailboxes.data(folder, each.uid) for each in mailboxes.messages(folder))

    def key_of(self, folder: str, text: bytes) -> str:
        """The message here with this text."""
        wanted = text.replace(b"\r\n", b"\n")
        return next(each.key for each in self.files(folder) if each.path.read_bytes() == wanted)

    def move(self, text: bytes, source: str, to: str) -> None:
        """File a message here."""
        mail = self.store
        mail.folder("work", source).move(self.key_of(source, text), mail.folder("work", to))
