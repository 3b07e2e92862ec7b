"""One message to many recipients over an open connection, and what became of it for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO

from misfin.email.smtp.arguments import path
from misfin.email.smtp.channel import Channel
from misfin.email.smtp.errors import (
    SMTPArgumentError,
    SMTPConnectionLost,
    SMTPMessageTooLarge,
    SMTPMissingExtension,
    SMTPRemoteViolation,
    SMTPSourceError,
)
from misfin.email.smtp.response import SMTPResponse
from misfin.email.smtp.states import ClientState
from misfin.email.smtp.stuffing import MessageFacts, survey

BeforeEnd = Callable[[Sequence[int]], Awaitable[None]]
"""Awaited before the final dot, with the indexes of the recipients the server has accepted so far."""
CHUNK = 256 * 1024
"""Bytes of a message read and written at once."""
GROUP = 500
"""Recipients named in one group of commands: their replies fit into the buffers between us."""


@dataclass(frozen=True, slots=True)
class SMTPTimeouts:
    """Seconds to wait for each step (RFC 5321 §4.5.3.2, shorter where a person waits).

    The answer to the message may take long, and giving up on it leaves open what became of the message.
    """

    connect: float = 30.0
    greeting: float = 60.0
    command: float = 60.0
    data: float = 120.0
    block: float = 180.0
    end: float = 600.0
    quit: float = 5.0


class SubmissionResult(Enum):
    """What became of a message for one recipient."""

    ACCEPTED = "accepted"
    """The server has taken it."""
    TEMPORARY = "temporary"
    """Not taken; may be tried again later."""
    PERMANENT = "permanent"
    """Refused for good."""
    UNKNOWN = "unknown"
    """The whole message was sent and no answer came: it may have been taken. Never repeat it by yourself."""


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """The result for ``recipient``: the server's response, or where there is none, ``reason`` in words."""

    recipient: str
    result: SubmissionResult
    response: SMTPResponse | None = None
    reason: str = ""


@dataclass
class MailTransaction:
    """A message with its envelope, looked through and ready to be sent."""

    sender: str
    recipients: Sequence[str]
    source: bytes | BinaryIO
    facts: MessageFacts
    length: int
    start: int = 0
    results: dict[int, RecipientResult] = field(default_factory=dict)

    @classmethod
    async def prepare(
        cls,
        sender: str,
        recipients: Sequence[str],
        source: bytes | BinaryIO,
        facts: MessageFacts | None = None,
    ) -> MailTransaction:
        """Check the envelope and read the message once, unless what it shows is known.

        Raises :class:`~misfin.email.smtp.errors.SMTPArgumentError` and
        :class:`~misfin.email.smtp.errors.SMTPSourceError`.
        """
        path(sender)
        for recipient in recipients:
            if not path(recipient):
                raise SMTPArgumentError("A recipient needs an address.")
        if not recipients:
            raise SMTPArgumentError("A message needs a recipient.")
        if isinstance(source, bytes):
            return cls(sender, recipients, source, facts or survey([source]), len(source))
        if facts is not None:
            return cls(sender, recipients, source, facts, facts.size, source.tell())
        found, length, start = await asyncio.to_thread(_survey_file, source)
        return cls(sender, recipients, source, found, length, start)

    async def run(
        self,
        channel: Channel,
        timeouts: SMTPTimeouts,
        before_end: BeforeEnd | None,
    ) -> tuple[RecipientResult, ...]:
        """Send it; one result for each recipient, in their order. See :meth:`SMTPClient.send`."""
        wanted, utf8 = self._possible(channel)
        try:
            if wanted and await self._envelope(channel, timeouts, wanted, utf8):
                await self._message(channel, timeouts, wanted, before_end)
            await self._tidy(channel, timeouts)
        except (SMTPConnectionLost, SMTPRemoteViolation) as error:
            unknown = channel.smtp.outcome_unknown
            channel.abort()
            self._rest(SubmissionResult.UNKNOWN if unknown else SubmissionResult.TEMPORARY, reason=str(error))
        except BaseException:
            channel.abort()
            raise
        return tuple(self.results[index] for index in range(len(self.recipients)))

    def _possible(self, channel: Channel) -> tuple[list[int], bool]:
        """Which recipients this server can be asked for, and whether SMTPUTF8 is needed. Nothing is sent."""
        smtp = channel.smtp
        limit = smtp.max_message_size
        if limit is not None and self.facts.size > limit:
            raise SMTPMessageTooLarge(self.facts.size, limit)
        utf8 = self.facts.utf8_header or not path(self.sender).isascii()
        for needed, extension in ((utf8, "SMTPUTF8"), (self.facts.eight_bit, "8BITMIME")):
            if needed and extension not in smtp.extensions:
                raise SMTPMissingExtension(
                    f"The server cannot take this message as it is: it does not offer {extension}.", extension
                )
        wanted = []
        for index, recipient in enumerate(self.recipients):
            if path(recipient).isascii():
                wanted.append(index)
            elif "SMTPUTF8" in smtp.extensions:
                wanted.append(index)
                utf8 = True
            else:
                reason = "The server cannot send to addresses outside ASCII (no SMTPUTF8)."
                self.results[index] = RecipientResult(recipient, SubmissionResult.PERMANENT, reason=reason)
        return wanted, utf8

    async def _envelope(
        self, channel: Channel, timeouts: SMTPTimeouts, wanted: list[int], utf8: bool
    ) -> bool:
        """Name sender and recipients and ask to send the message; whether the server waits for it."""
        smtp = channel.smtp
        grouped = "PIPELINING" in smtp.extensions
        smtp.mail(self.sender, smtputf8=utf8, eight_bit=self.facts.eight_bit, size=self.facts.size)
        if not grouped:
            await channel.flush(timeouts.command)
            response = await channel.response(timeouts.command)
            if response.is_error():
                return self._rest(response=response)
        size = GROUP if grouped else 1
        groups = [wanted[at : at + size] for at in range(0, len(wanted), size)]
        refusal = None
        for group in groups:
            if not grouped:
                self._check_open(channel, channel.interrupted())
            for index in group:
                smtp.recipient(self.recipients[index])
            if grouped and group is groups[-1]:
                smtp.start_data()
            await channel.flush(timeouts.block)
            if grouped and group is groups[0]:
                response = await channel.response(timeouts.command)
                refusal = response if response.is_error() else None
                self._check_open(channel, response)
            for index in group:
                response = await channel.response(timeouts.command)
                if response.is_error():
                    self._note(index, refusal or response)
                self._check_open(channel, response)
            if refusal and group is not groups[-1]:
                return self._rest(response=refusal)
        if not grouped:
            if not smtp.accepted_recipients:
                return False
            self._check_open(channel, channel.interrupted())
            smtp.start_data()
            await channel.flush(timeouts.data)
        response = await channel.response(timeouts.data)
        if response.is_error():
            return self._rest(response=refusal or response)
        return True

    async def _message(
        self,
        channel: Channel,
        timeouts: SMTPTimeouts,
        wanted: list[int],
        before_end: BeforeEnd | None,
    ) -> None:
        smtp = channel.smtp
        if not smtp.accepted_recipients:  # the group went on to DATA, and the server with it
            smtp.end_data()
            await channel.flush(timeouts.block)
            await channel.response(timeouts.end)
            return
        read = 0
        chunk = await self._read(0)
        while chunk:
            read += len(chunk)
            following = await self._read(read)
            self._check_open(channel, channel.interrupted())
            smtp.data_chunk(chunk)
            await channel.flush(timeouts.block)  # the server has work while the mark is written
            chunk = following
        if read != self.length:
            raise SMTPSourceError("The message changed while it was sent; nothing was delivered.")
        accepted = [index for index in wanted if index not in self.results]
        if before_end is not None:
            await before_end(accepted)
        self._check_open(channel, channel.interrupted())
        smtp.end_data()
        await channel.flush(timeouts.block)
        lmtp = len(smtp.accepted_recipients) if smtp.lmtp else 1
        for number in range(lmtp):
            response = await channel.response(timeouts.end)
            for index in accepted[number : number + 1] if smtp.lmtp else accepted:
                self._note(index, response)
            if smtp.lmtp:
                self._check_open(channel, response)

    async def _tidy(self, channel: Channel, timeouts: SMTPTimeouts) -> None:
        """Leave the connection ready for the next message, if it can be."""
        if channel.smtp.state in {ClientState.mailtx, ClientState.recipient_sent}:
            await channel.call(channel.smtp.reset, timeout=timeouts.command)

    def _check_open(self, channel: Channel, response: SMTPResponse | None) -> None:
        """Where the server has said goodbye, that is the answer for all who have none yet."""
        if (
            response is not None
            and channel.smtp.state is ClientState.finished
            and not channel.smtp.outcome_unknown
        ):
            self._rest(response=response)
            raise SMTPConnectionLost(f"The server ended the session: {response.code}.")

    def _note(self, index: int, response: SMTPResponse) -> None:
        result = SubmissionResult.ACCEPTED
        if response.is_error():
            result = SubmissionResult.TEMPORARY if response.is_temporary else SubmissionResult.PERMANENT
        self.results[index] = RecipientResult(self.recipients[index], result, response)

    def _rest(
        self,
        result: SubmissionResult | None = None,
        *,
        response: SMTPResponse | None = None,
        reason: str = "",
    ) -> bool:
        """The same for all recipients without a result; always False, to be returned."""
        for index, recipient in enumerate(self.recipients):
            if index not in self.results:
                if response is not None:
                    self._note(index, response)
                elif result is not None:
                    self.results[index] = RecipientResult(recipient, result, reason=reason)
        return False

    async def _read(self, at: int) -> bytes:
        if isinstance(self.source, bytes):
            return self.source[at : at + CHUNK]
        return await asyncio.to_thread(_read_file, self.source, self.start + at)


def _read_file(source: BinaryIO, at: int) -> bytes:
    try:
        source.seek(at)
        return source.read(CHUNK)
    except (OSError, ValueError) as error:
        raise SMTPSourceError(f"The message cannot be read: {error}") from error


def _survey_file(source: BinaryIO) -> tuple[MessageFacts, int, int]:
    try:
        if not source.seekable():
            raise SMTPSourceError("The message is not a file that can be read twice.")
        start = source.tell()
        facts = survey(iter(lambda: source.read(CHUNK), b""))
        return facts, source.tell() - start, start
    except (OSError, ValueError) as error:
        if isinstance(error, SMTPSourceError | SMTPArgumentError):
            raise
        raise SMTPSourceError(f"The message cannot be read: {error}") from error
