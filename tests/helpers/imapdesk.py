"""Remotes over a real Dovecot, as a server with fewer extensions too, and another client beside them."""

from __future__ import annotations

import contextlib
import imaplib
import ssl
from collections.abc import AsyncIterator, Collection, Iterator

from dovecot import PASSWORD, USER, Dovecot

from misfin.email.account import MailProtocol, MailServer, Protection
from misfin.email.incoming import IncomingClient
from misfin.email.sasl import Credentials
from misfin.post.imap.remote import ImapRemote
from misfin.post.imap.session import ImapSession
from misfin.post.pop3.remote import Pop3Remote
from misfin.post.sync.values import RemoteFolder

CONDSTORE_ONLY = ("QRESYNC",)
PLAIN = ("QRESYNC", "CONDSTORE", "LIST-STATUS", "ESEARCH", "MOVE", "SPECIAL-USE", "NOTIFY")
"""What such a server does not have."""


def imap_server(dovecot: Dovecot) -> MailServer:
    return MailServer(MailProtocol.IMAP, "localhost", dovecot.imap, Protection.NONE)


@contextlib.asynccontextmanager
async def imap_remote(
    dovecot: Dovecot, hidden: Collection[str] = (), chosen: dict[str, str] | None = None
) -> AsyncIterator[ImapRemote]:
    """A connection; ``hidden`` capabilities are as if the server did not have them."""
    credentials = Credentials(USER, PASSWORD)
    client = IncomingClient(
        imap_server(dovecot), context=ssl.create_default_context(), credentials=credentials
    )
    async with client:
        await client.log_in()
        known = await client.line.known()
        client.line.engine._capabilities = known - set(hidden)
        remote = ImapRemote(ImapSession(client.line), chosen or {})
        await remote.begin()
        yield remote


@contextlib.asynccontextmanager
async def pop3_remote(dovecot: Dovecot) -> AsyncIterator[Pop3Remote]:
    server = MailServer(MailProtocol.POP3, "localhost", dovecot.pop3, Protection.NONE)
    client = IncomingClient(
        server, context=ssl.create_default_context(), credentials=Credentials(USER, PASSWORD)
    )
    async with client:
        await client.log_in()
        yield Pop3Remote(client.line)


@contextlib.contextmanager
def other_client(dovecot: Dovecot, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
    """Another program at the same mailbox, with a folder open."""
    client = imaplib.IMAP4("127.0.0.1", dovecot.imap)
    client.login(USER, PASSWORD)
    client.select(folder)
    try:
        yield client
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            client.logout()


async def folder_named(remote: ImapRemote, name: str) -> RemoteFolder:
    return next(each for each in await remote.folders() if each.name == name)


def texts(count: int, first: int = 1) -> list[bytes]:
    return [
        b"Message-ID: <%d@x.example>\nSubject: %d\n\nhello %d\n" % (number, number, number)
        for number in range(first, first + count)
    ]
