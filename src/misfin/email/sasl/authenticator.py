"""What an authenticator is, and how a driver runs one."""

from __future__ import annotations

import binascii
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

from misfin.errors import LocalError, MisfinError, RemoteError

_T = TypeVar("_T")


class SASLError(MisfinError):
    """Base of what goes wrong with logging in, but for the server's own refusals."""


class SASLInputError(SASLError, LocalError, ValueError):
    """A user name, password or token that this mechanism cannot carry; nothing of it was sent."""


class SASLServerError(SASLError, RemoteError):
    """The server broke the mechanism's rules, or could not prove that it knows the password: do not go on."""


class NoMechanismError(SASLError, LocalError):
    """No mechanism fits; ``offered`` are the server's."""

    def __init__(self, message: str, offered: frozenset[str]) -> None:
        super().__init__(message)
        self.offered = offered


class Authenticator(ABC):
    """One way to log in, with what it needs to know. An instance can be used any number of times."""

    @property
    @abstractmethod
    def mechanism(self) -> str:
        """Its name as servers list it, in upper case: ``PLAIN``."""

    @abstractmethod
    def authenticate(self) -> AsyncGenerator[str, str]:
        """One log-in as an async generator, all in base64 as it stands on the wire.

        The first yield is what may go out together with the mechanism's name, or ``""`` for nothing. Each
        yield returns the server's next challenge and gives the answer to the one before. When the server
        accepts, the generator gets ``""`` once more, where a mechanism that makes the server prove itself
        raises :class:`SASLServerError` if it has not. It can await whatever it needs.
        """


class Conversation:
    """One log-in under way: what a driver asks an authenticator for, in this order.

    :meth:`start`, :meth:`answer` for each challenge, :meth:`accepted` when the server accepts; :meth:`close`
    in any case. The strings are base64. Raises what the authenticator raises.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self.mechanism = authenticator.mechanism
        self._steps = authenticator.authenticate()
        self._over = False

    async def start(self) -> str:
        """What may go out with the mechanism's name, or ``""``."""
        return await self._next(None) or ""

    async def answer(self, challenge: str) -> str:
        """The answer to a challenge. Raises :class:`SASLServerError` for one too many."""
        answer = None if self._over else await self._next(challenge)
        if answer is None:
            raise SASLServerError(f"The server asks for more than {self.mechanism} has to say.")
        return answer

    async def accepted(self) -> None:
        """The server accepts the log-in. Raises :class:`SASLServerError` if it must not be believed."""
        if not self._over:
            await self._next("")
        await self.close()

    async def close(self) -> None:
        """End it, however far it came."""
        self._over = True
        await self._steps.aclose()

    async def _next(self, challenge: str | None) -> str | None:
        try:
            # An async generator takes None first; its type knows only what comes later.
            return await self._steps.asend(challenge)  # type: ignore[arg-type]
        except StopAsyncIteration:
            self._over = True
            return None


def without_waiting(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a step of a :class:`Conversation` without an event loop.

    Every authenticator of this package can be run so, unless it has to fetch a token. Raises
    :class:`SASLInputError` for one that waits for something.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: _T = done.value
        return value
    coroutine.close()
    raise SASLInputError("This authenticator has to wait for something: run it in an event loop.")


def encode(data: bytes) -> str:
    """Bytes as they stand on the wire."""
    return b64encode(data).decode("ascii")


def decode(text: str) -> bytes:
    """What a challenge says. Raises :class:`SASLServerError` where it is not base64."""
    try:
        return b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise SASLServerError("The server sent a challenge that is not base64.") from None
