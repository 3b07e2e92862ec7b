"""Sending mail through a server with asyncio: connecting, TLS, logging in, message after message."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from types import TracebackType
from typing import BinaryIO, Self

from misfin.email.account import is_loopback
from misfin.email.sasl import Authenticator, ChannelBinding, Conversation, Credentials, ranked, strongest
from misfin.email.smtp.channel import Channel
from misfin.email.smtp.errors import (
    SMTPArgumentError,
    SMTPCertificateError,
    SMTPException,
    SMTPMissingExtension,
)
from misfin.email.smtp.response import SMTPLoginError, SMTPResponse
from misfin.email.smtp.states import ClientState
from misfin.email.smtp.stuffing import MessageFacts
from misfin.email.smtp.transaction import (
    BeforeEnd,
    MailTransaction,
    RecipientResult,
    SMTPTimeouts,
    SubmissionResult,
)
from misfin.email.tls import looking_context, system_context
from misfin.errors import ConnectError, DeliveryError
from misfin.net.dialing import Endpoint, Lookup, dial

__all__ = ["RecipientResult", "SMTPClient", "SMTPTimeouts", "Security", "SubmissionResult"]

_NOT_KNOWN = 504  # the mechanism, of all that were offered (RFC 4954 §4)


class Security(Enum):
    """How a connection is protected; the value is the usual port."""

    TLS = 465
    """TLS from the first byte (RFC 8314): the best choice."""
    STARTTLS = 587
    """In the clear until the server agrees to TLS; without it nothing is sent."""
    NONE = 25
    """Not at all: for servers on this machine."""


class SMTPClient:
    """A client for one server, which keeps one connection and sends one message at a time.

    ``credentials`` chooses among the server's mechanisms, strongest first; ``authenticator`` is one of your
    own. Neither is used without TLS but to this machine itself. ``context`` decides about the server's
    certificate; without one the system's authorities do. ``domain`` is what the client calls itself.
    ``connect`` is where the server is really to be reached, if elsewhere: host and port, or the path of a
    Unix socket. ``trace`` is called with each line of the conversation, secrets left out.

    Use it with ``async with``, or call :meth:`connect` and :meth:`close`.
    """

    def __init__(
        self,
        host: str,
        port: int | None = None,
        *,
        security: Security = Security.TLS,
        credentials: Credentials | None = None,
        authenticator: Authenticator | None = None,
        context: ssl.SSLContext | None = None,
        lmtp: bool = False,
        domain: str = "[127.0.0.1]",  # what is behind this address is nobody's business
        timeouts: SMTPTimeouts | None = None,
        connect: tuple[str, int] | str | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self._path = connect if isinstance(connect, str) else None
        where = None if isinstance(connect, str) else connect
        self._endpoint = Endpoint(host, security.value if port is None else port, where)
        self._security = security
        self._credentials = credentials
        self._authenticator = authenticator
        self._context = context
        self._lmtp = lmtp
        self._domain = domain
        self._timeouts = timeouts or SMTPTimeouts()
        self._trace = trace
        self._channel: Channel | None = None
        self._busy = asyncio.Lock()
        reached = where[0] if where else host
        local = self._path is not None or is_loopback(reached)
        if (credentials or authenticator) and security is Security.NONE and not local:
            raise SMTPArgumentError(
                f"A log-in to {reached} needs TLS: without it, anybody on the way could read the password."
            )

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def extensions(self) -> frozenset[str]:
        """What the server offers; nothing without a connection."""
        return self._channel.smtp.extensions if self._channel else frozenset()

    @property
    def max_message_size(self) -> int | None:
        """The largest message the server takes, in bytes; None if it names none, or without a connection."""
        return self._channel.smtp.max_message_size if self._channel else None

    @property
    def connected(self) -> bool:
        """Whether a message can be sent without connecting again, as far as is known without asking."""
        return self._channel is not None and self._channel.usable()

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER), if there is a connection with TLS."""
        return self._channel.certificate if self._channel else None

    async def connect(self) -> None:
        """Connect, say hello, begin TLS and log in; nothing if that is done and holds.

        Raises :class:`~misfin.errors.DeliveryError` where the server cannot be reached or TLS fails
        (:class:`~misfin.email.smtp.errors.SMTPCertificateError` for its certificate),
        :class:`~misfin.email.smtp.response.SMTPLoginError` and other
        :class:`~misfin.email.smtp.response.SMTPResponseError` where it refuses,
        :class:`~misfin.email.sasl.SASLError`, and :class:`~misfin.email.smtp.errors.SMTPException`.
        """
        async with self._busy:
            await self._ready()

    async def send(
        self,
        sender: str,
        recipients: Sequence[str],
        message: bytes | BinaryIO,
        *,
        facts: MessageFacts | None = None,
        before_end: BeforeEnd | None = None,
    ) -> tuple[RecipientResult, ...]:
        """Send one message; one result for each recipient, in their order.

        ``message`` is bytes, or a binary file that can be read twice, from where it stands; it is read in
        threads, piece by piece. Any line ends will do; a Bcc field is not removed. With ``facts`` about it,
        it is read only once, and needs CRLF line ends.

        ``before_end`` is awaited once everything but the final dot was sent, with the indexes of the
        recipients the server has accepted so far: only after that can any of them have the message. If it
        raises, none has.

        Whatever happens once the envelope is under way is a result. Before that, with nothing sent, it raises
        as :meth:`connect`, which it calls if it has to, and
        :class:`~misfin.email.smtp.errors.SMTPMessageTooLarge`,
        :class:`~misfin.email.smtp.errors.SMTPMissingExtension`,
        :class:`~misfin.email.smtp.errors.SMTPArgumentError`;
        :class:`~misfin.email.smtp.errors.SMTPSourceError` also later, with nothing accepted.
        """
        transaction = await MailTransaction.prepare(sender, recipients, message, facts)
        async with self._busy:
            channel = await self._ready()
            return await transaction.run(channel, self._timeouts, before_end)

    async def close(self) -> None:
        """Say goodbye and close the connection; never long, and never an error."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(self._timeouts.quit)

    def abort(self) -> None:
        """Cut the connection at once."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.abort()

    async def _ready(self) -> Channel:
        """The connection; a new one if there is none, or the server has left it."""
        if self._channel is not None and self._channel.usable():
            return self._channel
        self.abort()
        channel = Channel(self._endpoint, lmtp=self._lmtp, trace=self._trace)
        context = self._context
        if context is None and self._security is not Security.NONE:
            # Reading the system's authorities takes some 20 ms.
            context = self._context = await asyncio.to_thread(system_context)
        try:
            await self._open(channel, context)
            await self._log_in(channel)
        except SMTPCertificateError as error:
            channel.abort()
            error.certificate = await self._presented()
            raise
        except BaseException:
            channel.abort()
            raise
        self._channel = channel
        return channel

    async def _presented(self) -> bytes:
        """The certificate the server presents, from a connection for that alone; empty if it gives none."""
        channel = Channel(self._endpoint, lmtp=self._lmtp)
        try:
            await self._open(channel, looking_context())
            return channel.certificate or b""
        except (SMTPException, DeliveryError):
            return b""
        finally:
            channel.abort()

    async def _open(self, channel: Channel, context: ssl.SSLContext | None) -> None:
        """Up to where a log-in may follow."""
        timeouts, smtp = self._timeouts, channel.smtp
        at_once = context if self._security is Security.TLS else None
        await channel.open(await self._dial(), at_once, timeouts.connect)
        _accepted(await channel.response(timeouts.greeting))
        _accepted(await channel.call(smtp.send_greeting, self._domain, timeout=timeouts.command))
        if self._security is Security.STARTTLS:
            assert context is not None
            if "STARTTLS" not in smtp.extensions:
                raise SMTPMissingExtension(f"{self._endpoint.hostname} does not offer TLS.", "STARTTLS")
            _accepted(await channel.call(smtp.start_tls, timeout=timeouts.command))
            await channel.start_tls(context, timeouts.connect)
            _accepted(await channel.call(smtp.send_greeting, self._domain, timeout=timeouts.command))

    async def _dial(self) -> socket.socket:
        timeout = self._timeouts.connect
        if self._path is None:
            addresses = await Lookup(self._endpoint).addresses(timeout)
            return await dial(self._endpoint, addresses, timeout)
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.setblocking(False)
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(sock, self._path)
        except OSError as error:
            sock.close()
            facts = self._endpoint.facts
            raise ConnectError(f"There is no connection to {self._path}.", **facts) from error
        return sock

    async def _log_in(self, channel: Channel) -> None:
        """By the mechanism given or the strongest; by the next one where the server does not know it."""
        response: SMTPResponse | None = None
        for authenticator in self._authenticators(channel):
            response = await self._try(channel, authenticator)
            if not response.is_error():
                return
            refused = SMTPLoginError(response, authenticator.mechanism, getattr(authenticator, "refusal", ""))
            if response.code != _NOT_KNOWN or channel.smtp.state is not ClientState.ready:
                raise refused
        if response is not None:
            raise refused

    def _authenticators(self, channel: Channel) -> list[Authenticator]:
        if self._authenticator is not None:
            return [self._authenticator]
        if self._credentials is None:
            return []
        offered = channel.smtp.auth_mechanisms
        credentials = self._complete(self._credentials, channel, offered)
        strongest(offered, credentials)  # says why, where there is none
        return ranked(offered, credentials)

    def _complete(self, credentials: Credentials, channel: Channel, offered: frozenset[str]) -> Credentials:
        """The credentials with what only a connection knows."""
        binding = credentials.channel_binding
        certificate = channel.certificate
        if binding is None and certificate and any(name.endswith("-PLUS") for name in offered):
            binding = end_point_binding(certificate)
        return replace(
            credentials,
            channel_binding=binding,
            derive=credentials.derive or _derive,
            host=credentials.host or self._endpoint.hostname,
            port=credentials.port or self._endpoint.port,
        )

    async def _try(self, channel: Channel, authenticator: Authenticator) -> SMTPResponse:
        """One log-in; the server's last response."""
        smtp, timeout = channel.smtp, self._timeouts.command
        conversation = Conversation(authenticator)
        try:
            first = await conversation.start()
            response = await channel.call(
                smtp.authenticate, authenticator.mechanism, first or None, timeout=timeout
            )
            while smtp.state is ClientState.authenticating:
                answer = await conversation.answer(response.message)
                response = await channel.call(smtp.send_authentication_data, answer, timeout=timeout)
            if not response.is_error():
                await conversation.accepted()
            return response
        finally:
            await conversation.close()


def end_point_binding(certificate: bytes) -> ChannelBinding | None:
    """The ``tls-server-end-point`` of a server's certificate (RFC 5929 §4.1), if it has one."""
    from cryptography.x509 import load_der_x509_certificate  # not needed where no server wants it

    try:
        algorithm = load_der_x509_certificate(certificate).signature_hash_algorithm
    except ValueError:
        return None
    if algorithm is None:  # Ed25519: undefined (RFC 5929), as there is no hash to take
        return None
    name = "sha256" if algorithm.name in {"md5", "sha1"} else algorithm.name
    return ChannelBinding("tls-server-end-point", hashlib.new(name, certificate).digest())


async def _derive(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
    return await asyncio.to_thread(hashlib.pbkdf2_hmac, name, password, salt, iterations)


def _accepted(response: SMTPResponse) -> None:
    if response.is_error():
        response.raise_as_exception()
