"""What IMAP and POP3 share when an engine is driven over a connection: TLS, log-in, reading, time-outs.

One line is one connection, used by one task at a time. What differs is in :mod:`misfin.email.imapline` and
:mod:`misfin.email.pop3line`; :class:`misfin.email.incoming.IncomingClient` opens one.
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from misfin.email.account import Protection
from misfin.email.connection import MailConnection
from misfin.email.sasl import Authenticator, Conversation, Credentials, ranked, strongest
from misfin.errors import RemoteError

_SHOWN: Final = 200  # characters of what a server says
GOODBYE: Final = 5.0
"""Seconds a server gets to answer a goodbye."""

Trace = Callable[[str], object]
"""Called with each command and each answer as a line; what is secret, and every message, is left out."""


class MailServerError(RemoteError):
    """The server refused something. ``words`` are its own, which are a stranger's text.

    ``code`` is the response code in capitals (``UNAVAILABLE``, ``IN-USE``), empty where there was none.
    """

    def __init__(self, message: str, words: str = "", *, code: str = "", remedy: str = "") -> None:
        said = f": {words[:_SHOWN].rstrip('.')}" if words else ""
        super().__init__(f"{message}{said}.", remedy=remedy)
        self.words = words
        self.code = code


class LoginRefusedError(MailServerError):
    """The server does not accept the user name and password, or the token."""

    remedy = "Check your user name and password."


class ServerBusyError(MailServerError):
    """The server cannot log us in now: too many connections, a locked mailbox, a failure of its own.

    User name and password may be right.
    """

    remedy = "It will be tried again later."


_BUSY_CODES: Final = frozenset(
    {"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN", "IN-USE", "LOGIN-DELAY", "SYS/TEMP"}
)
_BUSY_WORDS: Final = ("too many", "maximum number of connections", "try again later", "simultaneous")


def refusal(code: str, words: str) -> MailServerError:
    """Why a log-in was refused: what the server says of itself, or else user name and password."""
    lower = words.lower()
    if code in _BUSY_CODES or (code in ("", "ALERT") and any(each in lower for each in _BUSY_WORDS)):
        return ServerBusyError("The server cannot log us in at the moment", words, code=code)
    return LoginRefusedError("The server refused the log-in", words, code=code)


class EngineConnection(ABC):
    """One connection with its engine."""

    def __init__(self, connection: MailConnection, trace: Trace | None = None) -> None:
        self.connection = connection
        self.trace = trace

    async def open(self, context: ssl.SSLContext, protection: Protection) -> None:
        """Connect, hear the greeting and begin TLS, without which nothing goes on unless it is not wanted.

        Raises as :meth:`~misfin.email.incoming.IncomingClient.connect`; the connection is then closed.
        """
        try:
            await self.connection.open(context)
            await self.greeting()
            if protection is Protection.STARTTLS:
                await self.begin_tls()
                await self.connection.start_tls(context)
                self.begun_tls()
        except BaseException:
            self.connection.abort()
            raise

    async def log_in(self, credentials: Credentials) -> str:
        """Log in by the strongest mechanism there is, and say which.

        Raises :class:`LoginRefusedError`, :class:`ServerBusyError` and
        :class:`~misfin.email.sasl.SASLError`.
        """
        offered = await self.offered()
        found = ranked(offered, credentials)
        if not found and credentials.password is not None:
            await self.plainly(credentials.username, credentials.password)
            return "a plain password"
        authenticator: Authenticator = strongest(offered, credentials)  # says why, where there is none
        conversation = Conversation(authenticator)
        try:
            await self.by(conversation, getattr(authenticator, "refusal", ""))
            await conversation.accepted()
        finally:
            await conversation.close()
        return authenticator.mechanism

    async def read(self, patience: float | None) -> bytes:
        """What has come, at least a byte.

        Raises :class:`~misfin.errors.DeliveryTimeoutError` after ``patience`` seconds, and
        :class:`~misfin.errors.ConnectError` at the end.
        """
        data = await self.connection.read(patience)
        if not data:
            raise self.connection.lost()
        return data

    def say(self, line: str) -> None:
        """Trace a line."""
        if self.trace is not None:
            self.trace(line[:_SHOWN])

    @property
    def usable(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return not self.connection.gone

    # ---- what differs

    @abstractmethod
    async def greeting(self) -> None:
        """Hear the greeting."""

    @abstractmethod
    async def begin_tls(self) -> None:
        """Have the server agree to TLS."""

    @abstractmethod
    def begun_tls(self) -> None:
        """Forget what was known before TLS."""

    @abstractmethod
    async def offered(self) -> frozenset[str]:
        """The mechanisms for a log-in."""

    @abstractmethod
    async def by(self, conversation: Conversation, detail: str) -> None:
        """Log in by a mechanism; ``detail`` is what is known of a refusal that the server says nothing of."""

    @abstractmethod
    async def plainly(self, user: str, password: str) -> None:
        """Log in with the command that predates SASL."""

    @abstractmethod
    async def goodbye(self) -> None:
        """Say goodbye."""
