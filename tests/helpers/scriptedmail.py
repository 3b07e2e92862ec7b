"""A server on loopback, without TLS, that answers lines of IMAP or POP3 as a test says and remembers them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from misfin.email.account import MailProtocol, MailServer, Protection

Answer = Callable[[str, str], bytes | None]
"""What is answered to a command (its tag, and the rest of the line); None closes the connection."""


@dataclass
class ScriptedMail:
    """``lines`` are all that came, in order; ``connections`` how often somebody connected."""

    server: MailServer
    lines: list[str] = field(default_factory=list)
    connections: int = 0


@contextlib.asynccontextmanager
async def scripted_mail(
    answer: Answer,
    greeting: bytes = b"* OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] ready\r\n",
    *,
    protocol: MailProtocol = MailProtocol.IMAP,
    protection: Protection = Protection.NONE,
) -> AsyncIterator[ScriptedMail]:
    """The server, for as long as the block lasts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        writer.write(greeting)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while raw := await reader.readline():
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                found.lines.append(line)
                tag, _, rest = line.partition(" ") if protocol is MailProtocol.IMAP else ("", "", line)
                said = answer(tag, rest)
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    found = ScriptedMail(MailServer(protocol, "127.0.0.1", port, protection))
    try:
        yield found
    finally:
        listener.close()


def imap_answers(*pairs: tuple[str, bytes], otherwise: bytes = b"%t OK done\r\n") -> Answer:
    """Answers by how a command begins; ``%t`` stands for its tag. The first that fits."""

    def answer(tag: str, rest: str) -> bytes | None:
        if rest.upper().startswith("LOGOUT"):
            return b"* BYE bye\r\n%b OK bye\r\n" % tag.encode()
        for begins, said in pairs:
            if rest.upper().startswith(begins.upper()):
                return said.replace(b"%t", tag.encode())
        return otherwise.replace(b"%t", tag.encode())

    return answer
