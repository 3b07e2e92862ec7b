"""An IMAP remote over a server that answers as a test says."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator

from scriptedmail import Answer, imap_answers, scripted_mail

from misfin.email.incoming import IncomingClient
from misfin.email.sasl import Credentials
from misfin.post.imap.remote import ImapRemote
from misfin.post.imap.session import ImapSession
from misfin.post.sync.values import RemoteFolder

INBOX, OTHER = RemoteFolder(b"INBOX", "INBOX"), RemoteFolder(b"Other", "Other")
SELECTED = (
    b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 12] x\r\n* OK [HIGHESTMODSEQ 50] x\r\n"
    b"* OK [PERMANENTFLAGS (\\Seen)] x\r\n%t OK [READ-WRITE] selected\r\n"
)
PLAIN = "IMAP4rev1 UIDPLUS"


@contextlib.asynccontextmanager
async def remote(
    *pairs: tuple[str, bytes], offers: str = PLAIN, answer: Answer | None = None
) -> AsyncIterator[ImapRemote]:
    greeting = f"* OK [CAPABILITY {offers}] ready\r\n".encode()
    logged_in = ("LOGIN", b"%%t OK [CAPABILITY %b] in\r\n" % offers.encode())
    enabled = ("ENABLE", b"* ENABLED QRESYNC\r\n%t OK\r\n")
    answers = answer or imap_answers(logged_in, enabled, *pairs, ("SELECT", SELECTED))
    async with scripted_mail(answers, greeting) as peer:
        client = IncomingClient(
            peer.server, context=ssl.create_default_context(), credentials=Credentials("ada", "x")
        )
        await client.connect()
        try:
            await client.log_in()
            found = ImapRemote(ImapSession(client.line), {})
            await found.begin()
            found.peer = peer  # type: ignore[attr-defined]
            yield found
        finally:
            await client.close()
