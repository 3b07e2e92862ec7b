"""Logging in to an IMAP or POP3 server and looking at what is there: enough to see that an account works."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from misfin.email import imap, pop3
from misfin.email.account import MailProtocol, MailServer, Protection
from misfin.email.certificates import CertificateRefusedError
from misfin.email.connection import MailConnection
from misfin.email.sasl import Authenticator, Conversation, Credentials, ranked, strongest
from misfin.email.tls import looking_context
from misfin.errors import DeliveryError, MisfinError, RemoteError, RemoteProtocolError

_SPECIAL = ("archive", "drafts", "junk", "sent", "trash")
_SHOWN = 200  # characters of what a server says


class MailServerError(RemoteError):
    """The server refused something. ``words`` are its own, which are a stranger's text."""

    def __init__(self, message: str, words: str = "", *, remedy: str = "") -> None:
        said = f": {words[:_SHOWN].rstrip('.')}" if words else ""
        super().__init__(f"{message}{said}.", remedy=remedy)
        self.words = words


class LoginRefusedError(MailServerError):
    """The server does not accept user name and password, or the token."""

    remedy = "Check your user name and password."


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

    ``context`` decides about its certificate. Without ``credentials`` it does not log in.
    """

    def __init__(
        self,
        server: MailServer,
        *,
        context: ssl.SSLContext,
        credentials: Credentials | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._server = server
        self._context = context
        self._credentials = credentials
        self._timeout = timeout
        self._line: _Line | None = None
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

        Raises :class:`LoginRefusedError` and :class:`~misfin.email.sasl.SASLError`, and as :meth:`connect`.
        """
        if self._credentials is not None:
            assert self._line is not None
            host = self._server
            wanted = replace(self._credentials, host=host.host, port=host.port)
            self.mechanism = await self._line.log_in(wanted)

    async def look(self) -> Contents:
        """What is there, once logged in. Raises as :meth:`connect`."""
        assert self._line is not None
        return await self._line.look()

    async def close(self) -> None:
        """Say goodbye and close; never an error."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(MisfinError):
                await line.goodbye()
            await line.connection.close()

    async def _open(self, context: ssl.SSLContext) -> _Line:
        line = _LINES[self._server.protocol](MailConnection(self._server, timeout=self._timeout))
        try:
            await line.connection.open(context)
            await line.greeting()
            if self._server.protection is Protection.STARTTLS:
                await line.begin_tls()
                await line.connection.start_tls(context)
                await line.begun_tls()
        except BaseException:
            line.connection.abort()
            raise
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


class _Line(ABC):
    """What differs between the two protocols."""

    def __init__(self, connection: MailConnection) -> None:
        self.connection = connection

    async def read(self) -> bytes:
        data = await self.connection.read()
        if not data:
            raise self.connection.lost()
        return data

    @abstractmethod
    async def greeting(self) -> None: ...

    @abstractmethod
    async def begin_tls(self) -> None: ...

    @abstractmethod
    async def begun_tls(self) -> None: ...

    @abstractmethod
    async def offered(self) -> frozenset[str]:
        """The mechanisms for a log-in."""

    @abstractmethod
    async def by(self, conversation: Conversation) -> tuple[bool, str]:
        """Log in by a mechanism; whether it was accepted, and the server's words."""

    @abstractmethod
    async def plainly(self, user: str, password: str) -> tuple[bool, str]:
        """Log in with the command of before SASL."""

    @abstractmethod
    async def look(self) -> Contents: ...

    @abstractmethod
    async def goodbye(self) -> None: ...

    async def log_in(self, credentials: Credentials) -> str:
        """Log in and say how."""
        offered = await self.offered()
        found = ranked(offered, credentials)
        if not found and credentials.password is not None:
            return await self._plainly(credentials.username, credentials.password)
        authenticator: Authenticator = strongest(offered, credentials)  # says why, where there is none
        conversation = Conversation(authenticator)
        try:
            accepted, words = await self.by(conversation)
            if not accepted:
                detail = getattr(authenticator, "refusal", "")
                raise LoginRefusedError("The server refused the log-in", words or detail)
            await conversation.accepted()
        finally:
            await conversation.close()
        return authenticator.mechanism

    async def _plainly(self, user: str, password: str) -> str:
        accepted, words = await self.plainly(user, password)
        if not accepted:
            raise LoginRefusedError("The server refused the log-in", words)
        return "a plain password"


class _Imap(_Line):
    def __init__(self, connection: MailConnection) -> None:
        super().__init__(connection)
        self._engine = imap.IMAPClientProtocol()

    async def greeting(self) -> None:
        while True:
            for event in self._engine.events():
                if isinstance(event, imap.Bye):
                    raise MailServerError("The server is not available", event.text)
                if isinstance(event, imap.Greeting):
                    return
            self._engine.feed_bytes(await self.read())

    async def begin_tls(self) -> None:
        await self._known()
        if not self._engine.offers("STARTTLS"):
            raise MailServerError("The server does not offer TLS", remedy="Try imaps:// on port 993.")
        done = await self._call(imap.commands.starttls())
        if not done.ok:
            raise MailServerError("The server refused TLS", done.text)

    async def begun_tls(self) -> None:
        self._engine.tls_established()

    async def offered(self) -> frozenset[str]:
        await self._known()
        names = self._engine.capabilities or frozenset()
        return frozenset(name.removeprefix("AUTH=") for name in names if name.startswith("AUTH="))

    async def by(self, conversation: Conversation) -> tuple[bool, str]:
        first = await conversation.start()
        done = await self._call(imap.commands.authenticate(conversation.mechanism, first), conversation)
        return done.ok, done.text

    async def plainly(self, user: str, password: str) -> tuple[bool, str]:
        if self._engine.offers("LOGINDISABLED"):
            return False, "it takes no passwords here"
        done = await self._call(imap.commands.login(user, password))
        return done.ok, done.text

    async def look(self) -> Contents:
        await self._known()
        entries: list[imap.ListEntry] = []
        special = self._engine.offers("SPECIAL-USE")
        done = await self._call(imap.commands.list_mailboxes(special_use=special), entries=entries)
        if not done.ok:
            raise MailServerError("The server does not list its folders", done.text)
        attributes = {each for entry in entries for each in entry.attributes}
        return Contents(
            tuple(entry.name for entry in entries if "\\noselect" not in entry.attributes),
            tuple(each for each in _SPECIAL if f"\\{each}" in attributes),
        )

    async def goodbye(self) -> None:
        await self._call(imap.commands.logout())

    async def _known(self) -> None:
        if self._engine.capabilities is None:
            await self._call(imap.commands.capability())

    async def _call(
        self,
        command: imap.ImapCommand,
        conversation: Conversation | None = None,
        entries: list[imap.ListEntry] | None = None,
    ) -> imap.Completed:
        tag = self._engine.send(command)
        self.connection.write(self._engine.get_outgoing_data())
        while True:
            for event in self._engine.events():
                match event:
                    case imap.Completed() if event.tag == tag:
                        return event
                    case imap.Challenge(data) if conversation is not None:
                        self._engine.respond(await conversation.answer(data))
                    case imap.ListEntry() if entries is not None:
                        entries.append(event)
            self.connection.write(self._engine.get_outgoing_data())
            self._engine.feed_bytes(await self.read())


class _Pop3(_Line):
    def __init__(self, connection: MailConnection) -> None:
        super().__init__(connection)
        self._engine = pop3.POP3ClientProtocol()

    async def greeting(self) -> None:
        while True:
            for event in self._engine.events():
                if isinstance(event, pop3.Dropped):
                    raise MailServerError("The server is not available", event.text)
                if isinstance(event, pop3.Welcome):
                    return
            self._engine.feed_bytes(await self.read())

    async def begin_tls(self) -> None:
        await self._call(pop3.commands.capa())
        if "STLS" not in (self._engine.capabilities or {}):
            raise MailServerError("The server does not offer TLS", remedy="Try pop3s:// on port 995.")
        done = await self._call(pop3.commands.stls())
        if not done.ok:
            raise MailServerError("The server refused TLS", done.text)

    async def begun_tls(self) -> None:
        self._engine.tls_established()

    async def offered(self) -> frozenset[str]:
        if self._engine.capabilities is None:
            await self._call(pop3.commands.capa())
        return frozenset((self._engine.capabilities or {}).get("SASL", "").split())

    async def by(self, conversation: Conversation) -> tuple[bool, str]:
        first = await conversation.start()
        done = await self._call(pop3.commands.auth(conversation.mechanism, first), conversation)
        return done.ok, done.text

    async def plainly(self, user: str, password: str) -> tuple[bool, str]:
        for command in (pop3.commands.user(user), pop3.commands.password(password)):
            done = await self._call(command)
            if not done.ok:
                break
        return done.ok, done.text

    async def look(self) -> Contents:
        done = await self._call(pop3.commands.stat())
        if not done.ok or not isinstance(done.value, pop3.Drop):
            raise MailServerError("The server does not say how many messages it has", done.text)
        return Contents(messages=done.value.count, size=done.value.size)

    async def goodbye(self) -> None:
        await self._call(pop3.commands.quit_())

    async def _call(
        self, command: pop3.Pop3Command, conversation: Conversation | None = None
    ) -> pop3.Answered:
        tag = self._engine.send(command)
        self.connection.write(self._engine.get_outgoing_data())
        while True:
            for event in self._engine.events():
                match event:
                    case pop3.Answered() if event.tag == tag:
                        return event
                    case pop3.Dropped():
                        raise MailServerError("The server ended the connection", event.text)
                    case pop3.Challenge(data) if conversation is not None:
                        self._engine.respond(await conversation.answer(data))
            self.connection.write(self._engine.get_outgoing_data())
            self._engine.feed_bytes(await self.read())


_LINES: dict[MailProtocol, type[_Line]] = {MailProtocol.IMAP: _Imap, MailProtocol.POP3: _Pop3}
