"""A maildrop on loopback that keeps, hands out and deletes messages, and an account fetched from it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from syncdesk import SyncDesk

from misfin.email.account import MailProtocol, MailServer, Protection
from misfin.email.incoming import IncomingClient
from misfin.email.sasl import Credentials
from misfin.post.pop3.remote import Pop3Remote
from misfin.post.sync.passes import run_pass
from misfin.post.sync.settings import PassResult


@dataclass
class Drop:
    """``messages`` by their unique ids, in order; ``uidl`` and ``top``: whether it has them.

    ``same``: all have this one id instead of their own. Deletions become real with QUIT.
    """

    messages: dict[str, bytes] = field(default_factory=dict)
    uidl: bool = True
    top: bool = True
    same: str = ""
    lines: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, deleted = list(self.messages.items()), set[str]()
        writer.write(b"+OK hi\r\n")
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := (await reader.readline()).decode().strip():
                self.lines.append(line)
                word, *rest = line.split()
                number = int(rest[0]) - 1 if rest and rest[0].isdigit() else -1
                match word.upper():
                    case "CAPA":
                        offered = ["USER", *(["UIDL"] if self.uidl else []), *(["TOP"] if self.top else [])]
                        said = many(each.encode() for each in offered)
                    case "LIST":
                        said = many(b"%d %d" % (at, len(data)) for at, (_, data) in enumerate(there, 1))
                    case "UIDL" if self.uidl:
                        said = many(
                            f"{at} {self.same or uid}".encode() for at, (uid, _) in enumerate(there, 1)
                        )
                    case "TOP" if self.top:
                        said = many([*there[number][1].partition(b"\r\n\r\n")[0].split(b"\r\n"), b""])
                    case "RETR":
                        said = many(there[number][1].removesuffix(b"\r\n").split(b"\r\n"))
                    case "DELE":
                        deleted.add(there[number][0])
                        said = b"+OK\r\n"
                    case "QUIT":
                        self.messages = {k: v for k, v in self.messages.items() if k not in deleted}
                        writer.write(b"+OK bye\r\n")
                        break
                    case "UIDL" | "TOP":
                        said = b"-ERR not known\r\n"
                    case _:
                        said = b"+OK\r\n"
                writer.write(said)
        writer.close()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        listener = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            listener.close()


def many(lines: object) -> bytes:
    """An answer of several lines."""
    stuffed = [b"." + each if each.startswith(b".") else each for each in lines]  # type: ignore[attr-defined]
    return b"+OK\r\n" + b"".join(each + b"\r\n" for each in stuffed) + b".\r\n"


@contextlib.asynccontextmanager
async def pop_client(drop: Drop) -> AsyncIterator[Pop3Remote]:
    server = MailServer(MailProtocol.POP3, "127.0.0.1", drop.port, Protection.NONE)
    client = IncomingClient(
        server, context=ssl.create_default_context(), credentials=Credentials("ada", "secret")
    )
    async with client:
        await client.log_in()
        yield Pop3Remote(client.line)


class DropDesk(SyncDesk):
    """An account here that is fetched from a maildrop: a new connection for each pass."""

    drop: Drop

    async def once(self, **options: object) -> PassResult:
        self.now += 3
        async with pop_client(self.drop) as remote:
            return await run_pass(
                remote,
                self.state,
                self.inbox,
                self.settings,
                self.memory,
                now=lambda: self.now,
                **options,
            )
