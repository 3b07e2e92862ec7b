"""Asks a guessed server to prove itself: TLS with a trusted certificate, and the right greeting."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from misfin.email.account import MailProtocol, MailServer, Protection
from misfin.email.discovery.found import DiscoveryError
from misfin.email.http import Reach
from misfin.email.tls import system_context
from misfin.errors import MisfinError
from misfin.net.dialing import Endpoint, Lookup, dial

_GREETINGS = {MailProtocol.IMAP: b"* OK", MailProtocol.POP3: b"+OK", MailProtocol.SMTP: b"220"}
_MAX_GREETING = 4096


@dataclass(frozen=True)
class Prober:
    """Connects to guessed servers. ``context`` decides about certificates, ``timeout`` is in seconds."""

    context: ssl.SSLContext | None = None
    reach: Reach | None = None
    timeout: float = 8.0

    async def __call__(self, server: MailServer) -> None:
        """Raise :class:`~misfin.email.discovery.DiscoveryError` unless the server proves itself."""
        try:
            async with asyncio.timeout(self.timeout):
                if server.protection is Protection.TLS:
                    await self._greeted(server)
                else:
                    await self._upgraded(server)
        except (MisfinError, OSError, ValueError) as error:  # a TimeoutError is an OSError
            raise DiscoveryError(f"{server.name} does not answer as a mail server would.") from error

    def _endpoint(self, server: MailServer) -> Endpoint:
        where = self.reach(server.host, server.port) if self.reach else None
        return Endpoint(server.host, server.port, where)

    async def _greeted(self, server: MailServer) -> None:
        endpoint = self._endpoint(server)
        context = self.context or await asyncio.to_thread(system_context)
        sock = await dial(endpoint, await Lookup(endpoint).addresses(self.timeout), self.timeout)
        try:
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=context, server_hostname=server.host, limit=_MAX_GREETING
            )
        except BaseException:
            sock.close()
            raise
        try:
            line = await reader.readline()
        finally:
            writer.transport.abort()
        if not line.startswith(_GREETINGS[server.protocol]):
            raise DiscoveryError(f"{server.name} does not greet as it should.")

    async def _upgraded(self, server: MailServer) -> None:
        """A submission server, up to TLS, without logging in."""
        from misfin.email.smtp.client import Security, SMTPClient  # as late as the engine it loads

        client = SMTPClient(
            server.host,
            server.port,
            security=Security.STARTTLS,
            context=self.context,
            connect=self._endpoint(server).connect,
        )
        try:
            await client.connect()
        finally:
            client.abort()
