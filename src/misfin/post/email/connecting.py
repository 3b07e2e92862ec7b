"""A connection to an account's SMTP server: its certificate judged, logged in, kept for the next message."""

from __future__ import annotations

import hashlib
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from misfin.email.account import EmailAccount, Login, MailServer, Protection
from misfin.email.secrets import forget_access_token
from misfin.email.servertrust import connect_trusted
from misfin.email.smtp import SMTPLoginError
from misfin.email.smtp.client import Security, SMTPClient, SMTPTimeouts
from misfin.store.outgoing.deliveries import Transcript
from misfin.trust.records import MailServerFacts

if TYPE_CHECKING:
    from misfin.email.sasl import Credentials
    from misfin.trust.pins import PinBook

_SECURITY = {
    Protection.TLS: Security.TLS,
    Protection.STARTTLS: Security.STARTTLS,
    Protection.NONE: Security.NONE,
}
_LINES_KEPT = 400  # of the conversation about one message
_LONGEST = 500  # characters of one of them


class Trace:
    """The conversation with a server, for the transcript of an attempt; log-ins are masked by the engine."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self.last = ""
        """The server's last reply."""

    def add(self, line: str) -> None:
        """Note one line."""
        self._lines.append(line[:_LONGEST])
        if line.startswith("S: "):
            self.last = line[3 : 3 + _LONGEST]

    def take(self) -> bytes:
        """What was said since the last call."""
        lines = [*self._lines]
        self._lines.clear()
        return "\r\n".join(lines).encode("utf-8", "replace")


class SMTPConnection:
    """An open connection of the courier (:class:`~misfin.post.transport.RouteConnection`)."""

    def __init__(
        self, account: EmailAccount, server: MailServer, client: SMTPClient, trace: Trace, notices: list[str]
    ) -> None:
        self.account = account
        self.server = server
        self.client = client
        self.trace = trace
        self.notices = notices
        """Sentences to report with the first message."""
        self.used = False
        """Whether a message was sent over it before: then the server may have closed it meanwhile."""

    @property
    def alive(self) -> bool:
        return self.client.connected

    @property
    def facts(self) -> MailServerFacts:
        """What the server says about itself."""
        return MailServerFacts(self.client.max_message_size, self.client.extensions)

    async def close(self) -> None:
        await self.client.close()

    def transcript(self, *, error: str = "") -> Transcript:
        """What happened since the last transcript."""
        return transcript_of(self.server, self.trace, self.client.certificate, error=error)


def transcript_of(
    server: MailServer, trace: Trace, certificate: bytes | None = None, *, error: str = "", decision: str = ""
) -> Transcript:
    """The conversation so far as the outbox keeps it."""
    return Transcript(
        host=server.host,
        port=server.port,
        version="SMTP",
        certificate=hashlib.sha256(certificate).hexdigest() if certificate else "",
        decision=decision,
        request=trace.take(),
        response=trace.last,
        error=error,
    )


async def connect(
    account: EmailAccount,
    server: MailServer,
    credentials: Callable[[EmailAccount, MailServer], Awaitable[Credentials | None]],
    pins: PinBook,
    trace: Trace,
    *,
    timeouts: SMTPTimeouts,
    now: Callable[[], float],
) -> SMTPConnection:
    """Connect and log in; ``credentials`` is not asked where the account needs none.

    Raises what it raises, :class:`~misfin.trust.refusal.TrustError`, and what
    :meth:`~misfin.email.smtp.client.SMTPClient.connect` raises.
    """
    login = None if account.login is Login.NONE else await credentials(account, server)
    notices: list[str] = []

    async def attempt(context: ssl.SSLContext | None) -> SMTPClient:
        client = SMTPClient(
            server.host,
            server.port,
            security=_SECURITY[server.protection],
            credentials=login,
            context=context,
            timeouts=timeouts,
            trace=trace.add,
        )
        try:
            await client.connect()
        except SMTPLoginError:
            forget_access_token(account)  # so that the next try gets a new one, or says why there is none
            raise
        return client

    if server.protection is Protection.NONE:
        client = await attempt(None)
    else:
        client = await connect_trusted(pins, account, server, attempt, now=now, say=notices.append)
    return SMTPConnection(account, server, client, trace, notices)
