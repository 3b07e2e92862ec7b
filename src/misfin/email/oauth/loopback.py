"""Waits on this machine for the browser to bring the answer of a provider (RFC 8252 §7.3)."""

from __future__ import annotations

import asyncio
import errno
import hmac
import re
import socket
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from misfin.email.oauth.token import OAuthError, OAuthRefusedError, refusal

_MAX_HEAD = 16 * 1024
_MAX_CONNECTIONS = 16
_PATIENCE = 10.0  # seconds for a browser to say what it wants
_REQUEST = re.compile(rb"GET /(?:\?([!-~]*))? HTTP/1\.[01]\r?\n")
_TRIES = 5  # ports to look for that are free in both families
_TAKEN = {errno.EADDRINUSE, errno.EACCES}
_PAGE = (
    "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n"
    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
    "Connection: close\r\n\r\n{text}"
)
_THANKS = "200 OK", "Thank you: you can close this page and go back to the terminal."
_DECLINED = "200 OK", "Access was not granted. The terminal says more."
_NOT_IT = "404 Not Found", "There is nothing here."


class LoopbackRedirect:
    """Listens while it is open (``async with``) for one answer with the right ``state``.

    Anything else gets a short page and changes nothing: every program on this machine and every page in the
    browser can knock here.
    """

    def __init__(self, state: str, host: str = "127.0.0.1") -> None:
        self._state = state
        self._host = host
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        for sock in _listening(both=self._host == "localhost"):
            self._servers.append(await asyncio.start_server(self._accept, sock=sock, limit=_MAX_HEAD))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        with suppress(TimeoutError):  # the browser gets its page
            async with asyncio.timeout(1.0):
                await asyncio.gather(*self._connections, return_exceptions=True)
        for task in self._connections:
            task.cancel()
        if self._code.done() and not self._code.cancelled():
            self._code.exception()  # nobody waited for it

    @property
    def uri(self) -> str:
        """Where the provider has to send the browser."""
        return f"http://{self._host}:{self._servers[0].sockets[0].getsockname()[1]}/"

    async def code(self, timeout: float) -> str:
        """The authorization code. Raises :class:`~misfin.email.oauth.OAuthError`."""
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(self._code)
        except TimeoutError:
            raise OAuthError(
                f"Nobody signed in within {timeout / 60:g} minutes.", remedy="Start again."
            ) from None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            if len(self._connections) <= _MAX_CONNECTIONS:
                async with asyncio.timeout(_PATIENCE):
                    status, text = self._answer(await reader.readuntil(b"\r\n\r\n"))
                    page = _PAGE.format(status=status, length=len(text), text=text)
                    writer.write(page.encode())
                    await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def _answer(self, head: bytes) -> tuple[str, str]:
        found = _REQUEST.match(head)
        if found is None or found[1] is None or self._code.done():
            return _NOT_IT
        try:
            query = parse_qs(found[1].decode("ascii"), strict_parsing=True, max_num_fields=20)
        except ValueError:
            return _NOT_IT
        values = {name: several[0] for name, several in query.items() if len(several) == 1}
        if not hmac.compare_digest(values.get("state", "").encode(), self._state.encode()):
            return _NOT_IT
        if "error" in values:
            self._code.set_exception(_declined(values["error"], values.get("error_description", "")))
            return _DECLINED
        if not values.get("code"):
            return _NOT_IT
        self._code.set_result(values["code"])
        return _THANKS


def _declined(code: str, description: str) -> OAuthError:
    error = refusal(code, description)
    if isinstance(error, OAuthRefusedError):
        return error
    return OAuthRefusedError(str(error), code, remedy="Start again.")


def _listening(*, both: bool) -> list[socket.socket]:
    """Sockets on one free port of this machine, and of both families where the browser may choose."""
    for _ in range(_TRIES):
        first = socket.create_server(("127.0.0.1", 0))
        if not both:
            return [first]
        try:
            return [first, socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6)]
        except OSError as error:
            if error.errno not in _TAKEN:
                return [first]  # this machine has no IPv6, so the browser has none either
            first.close()
    raise OAuthError("No port is free to wait for the browser.", remedy="Try again.")
