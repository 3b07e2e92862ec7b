"""An e-mail provider on loopback: SMTP by aiosmtpd and a small IMAP server, with TLS and one user, ada."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import ssl
import threading
from base64 import b64decode
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from aiosmtpd.smtp import AuthResult, LoginPassword
from certificates import build
from cryptography import x509
from smtppeers import Inbox, aiosmtpd

from misfin.email.account import MailProtocol, MailServer

USER, PASSWORD = "ada@localhost", "hunter2"


@dataclass
class MailServers:
    """Where they are, and what has happened there."""

    imap: MailServer
    smtp: MailServer
    ca_file: Path
    fingerprint: str
    inbox: Inbox
    logins: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def mail_servers(tokens: Collection[str] = ()) -> AsyncIterator[MailServers]:
    """Both servers in this event loop; their certificate is signed by nobody but itself.

    ``tokens`` are access tokens that they take (XOAUTH2), perhaps more as time goes on.
    """
    san = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))
    made = build(names=("localhost",), users=(), san=san, key="p256", ca=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        pem, ca_file = Path(folder) / "server.pem", Path(folder) / "ca.pem"
        pem.write_bytes(made.pem)
        ca_file.write_bytes(made.cert_pem)
        context.load_cert_chain(pem)
        inbox, logins = Inbox(), list[str]()

        def check(server, session, envelope, mechanism, data) -> AuthResult:
            good = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
            logins.append("smtp" if good else "smtp refused")
            return AuthResult(success=good, handled=False)

        how = {"authenticator": check, "auth_require_tls": False}

        async def xoauth2(server, arguments) -> AuthResult:
            good = len(arguments) > 1 and _has_token(arguments[1].encode(), tokens)
            logins.append("smtp by token" if good else "smtp refused")
            return AuthResult(success=good, handled=False)

        inbox.auth_XOAUTH2 = xoauth2
        imap = await asyncio.start_server(
            lambda r, w: _imap(r, w, logins, tokens), "127.0.0.1", 0, ssl=context
        )
        async with imap, aiosmtpd(inbox, implicit=context, **how) as smtp_port:
            imap_port = imap.sockets[0].getsockname()[1]
            yield MailServers(
                MailServer(MailProtocol.IMAP, "localhost", imap_port),
                MailServer(MailProtocol.SMTP, "localhost", smtp_port),
                ca_file,
                made.info.fingerprints.cert,
                inbox,
                logins,
            )
        imap.close()


@contextlib.contextmanager
def mail_servers_in_thread() -> Iterator[MailServers]:
    """The same for tests without an event loop, and for other processes."""
    ready: queue.SimpleQueue[MailServers] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with mail_servers() as found:
            ready.put(found)
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield ready.get(timeout=30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


_FOLDERS = b'* LIST () "/" INBOX\r\n* LIST (\\Sent) "/" "Sent Items"\r\n* LIST () "/" Plans\r\n'


def _has_token(response: bytes, tokens: Collection[str]) -> bool:
    said = b64decode(response).decode()
    return any(f"\x01auth=Bearer {token}\x01" in said for token in tokens)


async def _imap(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    logins: list[str],
    tokens: Collection[str] = (),
) -> None:
    offers = b"IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR SPECIAL-USE"
    writer.write(b"* OK [CAPABILITY " + offers + b"] ready\r\n")
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
        while line := await reader.readline():
            tag, command, *rest = line.split()
            match command.upper():
                case b"AUTHENTICATE" if rest[0].upper() == b"XOAUTH2":
                    good = _has_token(rest[1], tokens)
                    logins.append("imap by token" if good else "imap refused")
                    answer = b"OK in" if good else b"NO [AUTHENTICATIONFAILED] no"
                case b"AUTHENTICATE":
                    good = b64decode(rest[1]).split(b"\0")[2] == PASSWORD.encode()
                    logins.append("imap" if good else "imap refused")
                    answer = b"OK in" if good else b"NO [AUTHENTICATIONFAILED] Invalid credentials"
                case b"CAPABILITY":
                    writer.write(b"* CAPABILITY " + offers + b"\r\n")
                    answer = b"OK"
                case b"LIST":
                    writer.write(_FOLDERS)
                    answer = b"OK"
                case b"LOGOUT":
                    writer.write(b"* BYE\r\n" + tag + b" OK\r\n")
                    break
                case _:
                    answer = b"BAD what"
            writer.write(tag + b" " + answer + b"\r\n")
        await writer.drain()
    writer.close()
