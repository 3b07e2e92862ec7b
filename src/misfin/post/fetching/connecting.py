"""A logged-in connection to an account's incoming server: certificate checked, secret fetched."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from misfin.email.account import EmailAccount, MailProtocol, Protection
from misfin.email.incoming import IncomingClient
from misfin.email.mailline import LoginRefusedError, Trace
from misfin.email.secrets import credentials, forget_access_token
from misfin.email.servertrust import connect_trusted
from misfin.email.tls import looking_context
from misfin.errors import AccountError
from misfin.post.sync.remote import Remote
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.net.head_start import HeadStart
    from misfin.trust.pins import PinBook


@dataclass(slots=True)
class Connected:
    """A connection and the mailbox behind it."""

    client: IncomingClient
    remote: Remote
    notices: list[str] = field(default_factory=list)
    """Sentences for the person: what the server wants to be read, or what became of a certificate."""

    @property
    def usable(self) -> bool:
        """Whether the connection still stands: a drop's ends with its deletions."""
        return self.client.line.usable

    async def close(self) -> None:
        """Log out and close; never raises."""
        await self.client.close()


async def connect(
    account: EmailAccount,
    pins: PinBook,
    *,
    now: Callable[[], float],
    trace: Trace | None = None,
    begun: HeadStart | None = None,
) -> Connected:
    """Connect, log in and learn what the server can do. ``begun`` is a connection that is being made already.

    Raises :class:`~misfin.errors.AccountError` for an account without such a server,
    :class:`~misfin.email.secrets.SecretError`, :class:`~misfin.trust.refusal.TrustError`,
    :class:`~misfin.email.mailline.LoginRefusedError` and :class:`~misfin.errors.RemoteError`.
    """
    server = account.incoming
    if server is None:
        raise AccountError(f"The account {account.name} has no incoming server.", remedy="Set `imap`.")
    login = await credentials(account, server)
    notices: list[str] = []

    async def attempt(context: ssl.SSLContext) -> IncomingClient:
        client = IncomingClient(server, context=context, credentials=login, trace=trace, begun=begun)
        await client.connect()
        try:
            await client.log_in()
        except BaseException as error:
            await client.close()
            if isinstance(error, LoginRefusedError):
                forget_access_token(account)  # the next try gets a new one, or says why there is none
            raise
        return client

    if server.protection is Protection.NONE:
        client = await attempt(looking_context())
    else:
        client = await connect_trusted(pins, account, server, attempt, now=now, say=notices.append)
    try:
        remote = await _OPENERS[server.protocol](client, account)
    except BaseException:
        await client.close()
        raise
    return Connected(client, remote, notices)


async def _imap(client: IncomingClient, account: EmailAccount) -> Remote:
    from misfin.email.imapline import ImapLine
    from misfin.post.imap.remote import ImapRemote
    from misfin.post.imap.session import ImapSession

    assert isinstance(client.line, ImapLine)
    remote = ImapRemote(ImapSession(client.line), dict(account.folders))
    await remote.begin()
    return remote


async def _pop3(client: IncomingClient, account: EmailAccount) -> Remote:
    from misfin.email.pop3line import Pop3Line
    from misfin.post.pop3.remote import Pop3Remote

    assert isinstance(client.line, Pop3Line)
    return Pop3Remote(client.line)


_OPENERS: Mapping[MailProtocol, Callable[[IncomingClient, EmailAccount], Awaitable[Remote]]] = {
    MailProtocol.IMAP: _imap,
    MailProtocol.POP3: _pop3,
}
"""The engine of the other protocol is not loaded."""
