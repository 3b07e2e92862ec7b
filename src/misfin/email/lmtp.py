"""Giving messages to an LMTP server (RFC 2033): a few connections that are kept, one answer per recipient.

In the clear, so for a server on this machine or in a network of one's own. Without TLS the process that
receives mail all day does not need Python's either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from misfin.email.smtp import (
    SMTPClientProtocol,
    SMTPConnectionLost,
    SMTPException,
    SMTPResponse,
)
from misfin.model.safetext import plain

MOST: Final = 8
"""Connections at the same time; what comes meanwhile waits."""
PATIENCE: Final = 30.0
"""Seconds for one message, from when it is given to the pool until its last answer."""
_READ: Final = 64 * 1024
_IDLE: Final = 60.0
"""Seconds for which an unused connection is kept; servers end theirs after some minutes."""
_GOODBYE: Final = 1.0
_DOMAIN: Final = "[127.0.0.1]"


@dataclass(frozen=True, slots=True)
class LmtpAnswer:
    """What became of a message for one recipient.

    Without a ``response``, ``reason`` says in words why none came, and ``sent`` whether the whole message had
    left by then: the server may have taken it.
    """

    recipient: str
    response: SMTPResponse | None = None
    reason: str = ""
    sent: bool = False

    @property
    def taken(self) -> bool:
        """Whether the server has taken responsibility for the message."""
        return self.response is not None and self.response.command == "." and not self.response.is_error()


class LmtpPool:
    """The connections to one server, for one event loop: ``where`` is the path of a Unix socket, or host and
    port. ``patience`` (seconds) limits each message as a whole.
    """

    def __init__(self, where: str | tuple[str, int], *, most: int = MOST, patience: float = PATIENCE) -> None:
        self._where = where
        self._patience = patience
        self._room = asyncio.Semaphore(most)
        self._idle: list[_LmtpConnection] = []

    async def deliver(
        self, sender: str, recipients: Sequence[str], message: bytes, *, seven_bit: bytes | None = None
    ) -> tuple[LmtpAnswer, ...]:
        """Give one message to the server; an answer for each recipient, in their order. Never raises but when
        it is cancelled.

        ``message`` has CRLF line ends, none over 998 bytes, and may have bytes over 127; ``seven_bit`` is the
        same message without them, for a server that takes no others.
        """
        job = _Job(sender, tuple(recipients), message, seven_bit)
        try:
            async with asyncio.timeout(self._patience), self._room:
                while self._idle:
                    connection = self._idle.pop()
                    if connection.usable() and await self._carry(connection, job):
                        return job.answers()
                    job.forget()  # the server had left meanwhile: nothing was given to it
                await self._carry(_LmtpConnection(), job)
        except TimeoutError:
            job.reason = f"It did not answer within {self._patience:g} seconds."
        return job.answers()

    async def close(self) -> None:
        """Say goodbye on all connections that are at rest."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def _carry(self, connection: _LmtpConnection, job: _Job) -> bool:
        """Try it on this connection; False if that was a kept one on which nothing was answered."""
        kept = connection.opened
        try:
            if not kept:
                await connection.open(self._where)
            await connection.transact(job)
        except (OSError, SMTPException) as error:
            job.sent = connection.smtp.outcome_unknown
            job.reason = str(error) or type(error).__name__
            connection.abort()
            return not kept or job.sent or bool(job.given)
        except BaseException:
            job.sent = connection.smtp.outcome_unknown
            connection.abort()
            raise
        if connection.usable():
            self._idle.append(connection)
        else:
            connection.abort()
            return not kept or not job.ended
        return True


async def greeting_of(where: str | tuple[str, int]) -> str:
    """How a server introduces itself; nothing is given to it. ``where`` as for a pool.

    Raises ``OSError`` and :class:`~misfin.email.smtp.SMTPException`; it has no time limit of its own.
    """
    connection = _LmtpConnection()
    try:
        await connection.open(where)
        return plain(connection.said[:100], one_line=True)
    finally:
        await connection.close()


class _Job:
    """One message on its way, and what was answered so far."""

    def __init__(
        self, sender: str, recipients: tuple[str, ...], message: bytes, seven_bit: bytes | None
    ) -> None:
        self.sender = sender
        self.recipients = recipients
        self.message = message
        self.seven_bit = seven_bit
        self.given: dict[int, SMTPResponse] = {}
        self.reason = ""
        self.sent = False
        self.ended = False

    def forget(self) -> None:
        """Begin again, on another connection."""
        self.given.clear()
        self.reason, self.sent, self.ended = "", False, False

    def rest(self, response: SMTPResponse) -> None:
        """The same answer for all who have none yet."""
        for index in range(len(self.recipients)):
            self.given.setdefault(index, response)

    def answers(self) -> tuple[LmtpAnswer, ...]:
        return tuple(
            LmtpAnswer(each, self.given[index])
            if index in self.given
            else LmtpAnswer(each, None, self.reason or "It gave no answer.", self.sent)
            for index, each in enumerate(self.recipients)
        )


class _LmtpConnection:
    """One connection; after any error it is of no use."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter | None = None

    def __init__(self) -> None:
        self.smtp = SMTPClientProtocol(lmtp=True)
        self.opened = False
        self.said = ""
        self._used = 0.0

    async def open(self, where: str | tuple[str, int]) -> None:
        """Connect and say hello. Raises ``OSError`` and :class:`~misfin.email.smtp.SMTPException`."""
        if isinstance(where, str):
            self._reader, self._writer = await asyncio.open_unix_connection(where, limit=_READ)
        else:
            self._reader, self._writer = await asyncio.open_connection(*where, limit=_READ)
        self.said = (await self._accepted()).message
        self.smtp.send_greeting(_DOMAIN)
        await self._accepted()
        self.opened = True

    def usable(self) -> bool:
        """Whether a message can be begun, as far as is known without asking."""
        fresh = not self._used or asyncio.get_running_loop().time() - self._used < _IDLE
        if self.opened and fresh and self.smtp.idle and not self._reader.at_eof():
            return True
        self.abort()
        return False

    async def transact(self, job: _Job) -> None:
        """One message. Raises as :meth:`open`; what was answered by then is in ``job``."""
        smtp, extensions = self.smtp, self.smtp.extensions
        eight_bit = not job.message.isascii()
        message = job.message
        if eight_bit and "8BITMIME" not in extensions and job.seven_bit is not None:
            message, eight_bit = job.seven_bit, False
        smtp.mail(job.sender, eight_bit=eight_bit, size=len(message))
        if "PIPELINING" in extensions:
            data = await self._envelope_at_once(job)
        else:
            data = await self._envelope(job)
        if data is None:
            return
        if data.is_error():
            job.rest(data)
            return await self._tidy(job)
        accepted = [index for index in range(len(job.recipients)) if index not in job.given]
        if accepted:
            smtp.data_chunk(message)
        smtp.end_data()
        await self._flush()
        for index in accepted:
            job.given[index] = await self._next()
        self._used = asyncio.get_running_loop().time()

    async def _envelope_at_once(self, job: _Job) -> SMTPResponse | None:
        for each in job.recipients:
            self.smtp.recipient(each)
        self.smtp.start_data()
        begun = await self._next()
        for index in range(len(job.recipients)):
            if (response := await self._next()).is_error():
                job.given[index] = begun if begun.is_error() else response
        data = await self._next()
        return begun if begun.is_error() else data

    async def _envelope(self, job: _Job) -> SMTPResponse | None:
        if (begun := await self._next()).is_error():
            job.rest(begun)
            await self._tidy(job)
            return None
        for index, each in enumerate(job.recipients):
            self.smtp.recipient(each)
            if (response := await self._next()).is_error():
                job.given[index] = response
        if len(job.given) == len(job.recipients):
            await self._tidy(job)
            return None
        self.smtp.start_data()
        return await self._next()

    async def _tidy(self, job: _Job) -> None:
        """Leave the connection ready for the next message; it is a new one if that fails."""
        job.ended = bool(job.given) and all(each.code == 421 for each in job.given.values())
        if self.smtp.idle:
            return
        with suppress(OSError, SMTPException):
            self.smtp.reset()
            await self._next()

    async def _accepted(self) -> SMTPResponse:
        response = await self._next()
        if response.is_error():
            response.raise_as_exception()
        return response

    async def _next(self) -> SMTPResponse:
        await self._flush()
        response = self.smtp.feed_bytes(b"")
        while response is None:
            data = await self._reader.read(_READ)
            if not data:
                self.smtp.receive_eof()
                raise SMTPConnectionLost("It closed the connection.")
            response = self.smtp.feed_bytes(data)
            await self._flush()
        return response

    async def _flush(self) -> None:
        data = self.smtp.get_outgoing_data()
        if data and self._writer is not None:
            self._writer.write(data)
            await self._writer.drain()

    def abort(self) -> None:
        """Cut it."""
        self.opened = False
        if self._writer is not None:
            self._writer.transport.abort()

    async def close(self) -> None:
        """Say goodbye; never long."""
        with suppress(OSError, SMTPException, TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                self.smtp.quit()
                await self._next()
        self.abort()
