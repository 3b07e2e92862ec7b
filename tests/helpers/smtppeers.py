"""SMTP servers for tests: aiosmtpd with faults to order, and a peer that follows a script to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from certificates import build
from cryptography import x509
from scramserver import ScramServer

from misfin.email.smtp import SMTPServerProtocol
from misfin.email.smtp.serverevents import (
    DataPiece,
    LoginContinues,
    LoginStarts,
    MailStarts,
    MessageEnds,
    RecipientNamed,
    ServerEvent,
    TlsStarts,
    TransactionEnds,
)


@cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS context, and one of a client that trusts it and nobody else."""
    san = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))
    made = build(names=("localhost",), users=(), san=san, key="p256", ca=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        pem = Path(folder) / "server.pem"
        pem.write_bytes(made.pem)
        server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=made.cert_pem.decode())


@dataclass
class Inbox:
    """A handler for aiosmtpd that keeps what it gets; ``refuse`` maps a step or a recipient to a reply."""

    refuse: dict[str, str] = field(default_factory=dict)
    taken: list[Envelope] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    @property
    def contents(self) -> list[bytes]:
        return [bytes(each.original_content or b"") for each in self.taken]

    async def handle_MAIL(self, server, session, envelope, address, options):
        if "MAIL" in self.refuse:
            return self.refuse["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        self.taken.append(envelope)
        self.sessions.append(session)
        return "250 2.0.0 queued"


def check_password(server, session, envelope, mechanism, data) -> AuthResult:
    """An authenticator for aiosmtpd: ada may log in with "secret"."""
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"ada", b"secret")
    return AuthResult(success=good, handled=False)


@contextlib.asynccontextmanager
async def aiosmtpd(
    handler: Inbox,
    *,
    implicit: ssl.SSLContext | None = None,
    lmtp: bool = False,
    path: str = "",
    port: int = 0,
    **how: object,
) -> AsyncIterator[int]:
    """aiosmtpd in this event loop, at a port if one is given; the port."""
    loop = asyncio.get_running_loop()
    kind = LMTP if lmtp else SMTP
    how = {"hostname": "mx.example", **how}
    made: list[SMTP] = []

    def protocol() -> SMTP:
        made.append(kind(handler, loop=loop, **how))
        return made[-1]

    if path:
        server = await loop.create_unix_server(protocol, path)
    else:
        server = await loop.create_server(protocol, "127.0.0.1", port, ssl=implicit)
    try:
        yield 0 if path else server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.01)  # let its connections see the end of input
        for each in made:
            if each.transport is not None:
                each.transport.abort()
            if each._handler_coroutine is not None:
                each._handler_coroutine.cancel()
                await asyncio.wait([each._handler_coroutine])
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], **how: object
) -> AsyncIterator[int]:
    """A server by a callback, all of it gone in the end; the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, **how)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.sleep(0)


@contextlib.contextmanager
def aiosmtpd_in_a_thread(handler: Inbox, **how: object) -> Iterator[int]:
    """The same for clients that block."""
    port: list[int] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with aiosmtpd(handler, **how) as bound:
            port.append(bound)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield port[0]
    finally:
        stop.set()
        thread.join(60)


@dataclass
class ScriptedServer:
    """Answers each command by its verb; what it got is in ``got``, without the messages' bodies in ``said``.

    ``replies`` maps a verb, ``"greeting"`` or ``"."`` to a reply, or to a list used up one by one. After
    ``limit`` bytes of replies the connection is closed.
    """

    replies: dict[str, str | list[str]]
    limit: int | None = None
    reset: bool = False
    got: bytes = b""
    said: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def __aenter__(self) -> ScriptedServer:
        self._listening = listening(self._serve)
        self.port = await self._listening.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listening.__aexit__(None, None, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, EOFError):
            await self._talk(reader, writer)
        if self.reset:
            writer.transport.abort()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._say(writer, "greeting")
        body = False
        while line := await reader.readline():
            self.got += line
            if body and line != b".\r\n":
                continue
            verb = "." if body else line.split(None, 1)[0].decode().upper() if line.strip() else ""
            self.said.append(line.decode().rstrip("\r\n"))
            reply = await self._say(writer, verb)
            body = verb == "DATA" and reply.startswith("3")
            if verb == "QUIT":
                return

    async def _say(self, writer: asyncio.StreamWriter, verb: str) -> str:
        reply = self.replies.get(verb, "250 ok")
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if reply == "hang":
            await asyncio.sleep(3600)
        data = reply.encode() + b"\r\n"
        if self.limit is not None:
            data, self.limit = data[: self.limit], self.limit - len(data)
        writer.write(data)
        await writer.drain()
        if (self.limit is not None and self.limit < 0) or reply.startswith("421"):
            raise EOFError
        return reply


@dataclass
class EngineServer:
    """Our own server machine with a driver: keeps messages, refuses recipients, takes ada's password."""

    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    messages: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    given_up: int = 0
    scram: ScramServer | None = None
    liar: bool = False
    how: dict[str, object] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        smtp = SMTPServerProtocol("mx.example", starttls=self.tls is not None, **self.how)
        writer.write(smtp.get_outgoing_data())
        while data := await reader.read(4096):
            smtp.feed_bytes(data)
            while event := smtp.next_event():
                if isinstance(event, TlsStarts):
                    writer.write(smtp.get_outgoing_data())
                    await writer.start_tls(self.tls)
                self.handle(smtp, event)
            writer.write(smtp.get_outgoing_data())
            await writer.drain()
            if not smtp.wants_data:
                return

    def scram_step(self, smtp: SMTPServerProtocol, data: str) -> None:
        assert self.scram is not None
        steps = [self.scram.first, self.scram.final]
        text = b64decode(data).decode()
        if not text:
            smtp.respond(235, "2.7.0 welcome")
        elif self.liar and "p=" in text:
            smtp.respond(235, "2.7.0 whoever you are")
        else:
            said = steps["p=" in text](text)
            smtp.respond(
                *((535, "5.7.8 no") if said[:2] == "e=" else (334, b64encode(said.encode()).decode()))
            )

    def handle(self, smtp: SMTPServerProtocol, event: ServerEvent) -> None:
        match event:
            case LoginStarts("SCRAM-SHA-256", data):
                self.scram_step(smtp, data)
            case LoginContinues(data) if self.scram:
                self.scram_step(smtp, data)
            case LoginStarts(initial=""):
                smtp.respond(334, "")
            case LoginStarts(initial=data) | LoginContinues(data):
                good = data == "AGFkYQBzZWNyZXQ="
                smtp.respond(*((235, "2.7.0 welcome") if good else (535, "5.7.8 no")))
            case MailStarts(sender):
                self.sender, self.recipients, self.pieces = sender, [], []
                smtp.respond(*self.refuse.get("MAIL", (250, "2.1.0 OK")))
            case RecipientNamed(address):
                code, text = self.refuse.get(address, (250, "2.1.5 OK"))
                if code == 250:
                    self.recipients.append(address)
                smtp.respond(code, text)
            case DataPiece(data):
                self.pieces.append(data)
            case MessageEnds(size):
                message = b"".join(self.pieces)
                assert len(message) == size
                self.messages.append((self.sender, self.recipients, message))
                for _ in self.recipients if self.how.get("lmtp") else [1]:
                    smtp.respond(*self.refuse.get(".", (250, "2.0.0 queued")))
            case TransactionEnds():
                self.given_up += 1


PLAIN: dict[str, str | list[str]] = {
    "greeting": "220 mx.example",
    "EHLO": "250-mx.example\r\n250 SIZE 100000",
    "DATA": "354 go",
    "QUIT": "221 bye",
}
GROUPED = {**PLAIN, "EHLO": "250-mx.example\r\n250-PIPELINING\r\n250 SIZE 100000"}
