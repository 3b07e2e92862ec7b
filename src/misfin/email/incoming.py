"""A connection to an IMAP or POP3 server, opened, protected and logged in; and what it holds."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from misfin.email.account import MailProtocol, MailServer
from misfin.email.certificates import CertificateRefusedError
from misfin.email.connection import MailConnection
from misfin.email.mailline import EngineConnection, LoginRefusedError, MailServerError, ServerBusyError, Trace
from misfin.email.sasl import Credentials
from misfin.email.tls import looking_context
from misfin.errors import DeliveryError, MisfinError, RemoteProtocolError
from misfin.valueclass import dataclass

if TYPE_CHECKING:
    from misfin.net.head_start import HeadStart

__all__ = ["Contents", "IncomingClient", "LoginRefusedError", "MailServerError", "ServerBusyError"]

_SPECIAL = ("archive", "drafts", "junk", "sent", "trash")


@dataclass(frozen=True, slots=True)
class Contents:
    """What an account has on its server. For IMAP the folders' names, and which of ``archive``, ``drafts``,
    ``junk``, ``sent`` and ``trash`` the server names itself; for POP3 the messages and their bytes.
    """

    folders: tuple[str, ...] = ()
    special: tuple[str, ...] = ()
    messages: int = 0
    size: int = 0


class IncomingClient:
    """One connection to an IMAP or POP3 server, for ``async with``.

    ``context`` decides about its certificate. Without ``credentials`` it does not log in. ``trace`` gets what
    is said, without secrets and messages. ``begun`` is a connection that is being made already.
    """

    def __init__(
        self,
        server: MailServer,
        *,
        context: ssl.SSLContext,
        credentials: Credentials | None = None,
        timeout: float = 30.0,
        trace: Trace | None = None,
        begun: HeadStart | None = None,
    ) -> None:
        self._server = server
        self._begun = begun
        self._context = context
        self._credentials = credentials
        self._timeout = timeout
        self._trace = trace
        self._line: EngineConnection | None = None
        self.mechanism = ""
        """How the log-in was done, once it is."""

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def line(self) -> EngineConnection:
        """The connection, to be driven; once it is open."""
        assert self._line is not None
        return self._line

    @property
    def tls(self) -> str:
        """The version of TLS; empty without."""
        return self._line.connection.tls if self._line else ""

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER), if there is TLS."""
        return self._line.connection.certificate if self._line else None

    async def connect(self) -> None:
        """Connect, hear the greeting and begin TLS.

        Raises :class:`~misfin.errors.DeliveryError` where the server cannot be reached or TLS fails
        (:class:`~misfin.email.certificates.CertificateRefusedError` for its certificate), and
        :class:`MailServerError` and :class:`~misfin.errors.RemoteProtocolError` for what it says.
        """
        try:
            self._line = await self._open(self._context)
        except CertificateRefusedError as error:
            error.certificate = await self._presented()
            raise

    async def log_in(self) -> None:
        """Log in by the strongest mechanism there is. Does nothing without credentials.

        Raises :class:`LoginRefusedError`, :class:`ServerBusyError` and
        :class:`~misfin.email.sasl.SASLError`, and as :meth:`connect`.
        """
        if self._credentials is not None:
            host = self._server
            wanted = replace(self._credentials, host=host.host, port=host.port)
            self.mechanism = await self.line.log_in(wanted)

    async def look(self) -> Contents:
        """What is there, once logged in. Raises as :meth:`connect`."""
        if self._server.protocol is MailProtocol.POP3:
            return await _count(self.line)
        return await _list(self.line)

    async def close(self) -> None:
        """Say goodbye and close; never an error."""
        line, self._line = self._line, None
        if line is not None:
            if line.usable:
                with suppress(MisfinError):
                    await line.goodbye()
            await line.connection.close()

    async def _open(self, context: ssl.SSLContext) -> EngineConnection:
        begun, self._begun = self._begun, None
        connection = MailConnection(self._server, timeout=self._timeout, begun=begun)
        line = _line(self._server, connection, self._trace)
        await line.open(context, self._server.protection)
        return line

    async def _presented(self) -> bytes:
        """The certificate the server presents, from a connection for that alone; empty if it gives none."""
        try:
            line = await self._open(looking_context())
        except (DeliveryError, MailServerError, RemoteProtocolError):
            return b""
        try:
            return line.connection.certificate or b""
        finally:
            line.connection.abort()


def _line(server: MailServer, connection: MailConnection, trace: Trace | None) -> EngineConnection:
    """The line for a protocol; the engine of the other is not loaded."""
    if server.protocol is MailProtocol.POP3:
        from misfin.email.pop3line import Pop3Line

        return Pop3Line(connection, trace)
    from misfin.email.imapline import ImapLine

    return ImapLine(connection, trace)


async def _list(line: EngineConnection) -> Contents:
    from misfin.email import imap
    from misfin.email.imapline import ImapLine

    assert isinstance(line, ImapLine)
    await line.known()
    entries: list[imap.ListEntry] = []

    def take(event: imap.ImapEvent) -> None:
        if isinstance(event, imap.ListEntry):
            entries.append(event)

    special = line.offers("SPECIAL-USE")
    done = await line.call(imap.commands.list_mailboxes(special_use=special), take)
    if not done.ok:
        raise MailServerError("The server does not list its folders", done.text)
    attributes = {each for entry in entries for each in entry.attributes}
    return Contents(
        tuple(entry.name for entry in entries if "\\noselect" not in entry.attributes),
        tuple(each for each in _SPECIAL if f"\\{each}" in attributes),
    )


async def _count(line: EngineConnection) -> Contents:
    from misfin.email import pop3
    from misfin.email.pop3line import Pop3Line

    assert isinstance(line, Pop3Line)
    done = await line.call(pop3.commands.stat())
    if not done.ok or not isinstance(done.value, pop3.Drop):
        raise MailServerError("The server does not say how many messages it has", done.text)
    return Contents(messages=done.value.count, size=done.value.size)
