"""Opening an account's connection and handing a message over on it: each failure becomes an ending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from typing import BinaryIO

from misfin.email.account import EmailAccount, Login, MailServer
from misfin.email.mime_out import MimeMessage
from misfin.email.sasl import Credentials
from misfin.email.smtp import MessageFacts
from misfin.email.smtp.transaction import RecipientResult, SMTPTimeouts, SubmissionResult
from misfin.errors import AccountError, ClaimLostError, MisfinError
from misfin.post.email import results
from misfin.post.email.accounts import server_of
from misfin.post.email.connecting import SMTPConnection, Trace, connect, transcript_of
from misfin.post.email.finished import FinishedMail
from misfin.post.events import CourierNotice
from misfin.post.transport import Ask, Ending, Job, Marks, RouteError
from misfin.store.outgoing.deliveries import Question, Transcript
from misfin.trust.pins import PinBook

_CLOSING = 421
_WHOLE = 64 * 1024
"""Bytes of a message up to which it is held in memory while it is sent."""


@dataclass(frozen=True, slots=True)
class Written:
    """A message as it is handed over: its bytes or a file, what is known about it, and who sends it.

    ``account`` is the one it was written for, where that was done ahead.
    """

    source: bytes | BinaryIO
    facts: MessageFacts | None
    sender: str
    account: EmailAccount | None = None


def without_account(error: AccountError) -> RouteError:
    """The account of a message is not there any more, or cannot send."""
    words = f"{error} {error.remedy}".strip()
    return RouteError(Ending(Ask(Question.PERSON), words, Transcript(error=words)))


async def open_connection(
    account: EmailAccount,
    state: str,
    credentials: Callable[[EmailAccount, MailServer], Awaitable[Credentials | None]],
    pins: PinBook,
    *,
    timeouts: SMTPTimeouts | None,
    now: Callable[[], float],
) -> SMTPConnection:
    """Connect and log in. ``state`` is that of the account's log-in and settings (``EmailTransport``).

    Raises :class:`~misfin.post.transport.RouteError`.
    """
    try:
        server = server_of(account)
    except AccountError as error:
        raise without_account(error) from error
    trace = Trace()
    try:
        return await connect(
            account, server, credentials, pins, trace, timeouts=timeouts or SMTPTimeouts(), now=now
        )
    except MisfinError as error:
        judged = results.of_connecting(error, account, server, state)
        transcript = transcript_of(server, trace, error=judged.words)
        raise RouteError(Ending(judged.result, judged.words, transcript)) from error


async def look_again(
    account: EmailAccount,
    name: str,
    pins: PinBook,
    *,
    timeouts: SMTPTimeouts | None,
    now: Callable[[], float],
) -> Sequence[str]:
    """Connect to the server ``name`` of an account without logging in, and say why it can be used now.

    Raises :class:`~misfin.errors.MisfinError` where it still cannot.
    """
    server = server_of(account)
    if server.name != name:
        return [
            f"{account.name} now sends through {server.host}; what was held for another server is being sent."
        ]
    visitor = replace(account, login=Login.NONE)
    over = await connect(
        visitor, server, _nothing, pins, Trace(), timeouts=timeouts or SMTPTimeouts(), now=now
    )
    await over.close()
    return over.notices or [
        f"The certificate of {server.host} can be trusted now; what was held because of it is being sent."
    ]


async def _nothing(_account: EmailAccount, _server: MailServer) -> None:
    """No credentials."""


async def hand_over(
    job: Job,
    over: SMTPConnection,
    marks: Marks,
    written: Callable[[], tuple[MimeMessage | FinishedMail, str]],
    state_of: Callable[[EmailAccount], str],
) -> list[Ending]:
    """Send one message to the recipients of a job; an ending for each.

    ``written`` makes the message and says who sends it; it is called in a thread. Raises
    :class:`~misfin.post.transport.RouteError`, and the errors of ``marks``.
    """
    if not over.client.connected:
        raise _lost(over, f"{over.server.host} closed the connection.")
    used, over.used = over.used, True
    for sentence in over.notices:
        marks.say(CourierNotice(sentence))
    over.notices.clear()
    try:
        ahead = job.prepared
        ready = ahead if isinstance(ahead, Written) else await asyncio.to_thread(_ready, written)
        with nullcontext() if isinstance(ready.source, bytes) else closing(ready.source):
            found = await over.client.send(
                ready.sender,
                [due.address for due in job.deliveries],
                ready.source,
                facts=ready.facts,
                before_end=lambda accepted: marks.sending([job.deliveries[each] for each in accepted]),
            )
    except ClaimLostError:
        raise
    except MisfinError as error:
        if marks.sent:
            raise
        judged = results.of_sending(error, over.server)
        ending = Ending(judged.result, judged.words, over.transcript(error=judged.words), detail=over.facts)
        return [ending] * len(job.deliveries)
    if used and not marks.sent and all(map(_broke_off, found)):
        raise _lost(over, found[0].reason or f"{over.server.host} ended the session.")
    server = None if used else over.facts  # as before otherwise
    state = ""
    if any(results.no_login(each.response) for each in found):
        state = await asyncio.to_thread(state_of, over.account)
    transcript = over.transcript()
    return [_ending(each, over, state, transcript, server) for each in found]


def whole(
    message: MimeMessage | FinishedMail, sender: str, account: EmailAccount | None = None
) -> Written | None:
    """A message in memory, which saves a thread for each look at it; None if it is not small. Blocking."""
    if message.size > _WHOLE:
        return None
    return Written(b"".join(message.pieces()), message.facts, sender, account)


def _ready(written: Callable[[], tuple[MimeMessage | FinishedMail, str]]) -> Written:
    message, sender = written()
    return whole(message, sender) or Written(message.open(), message.facts, sender)


def _ending(
    found: RecipientResult, over: SMTPConnection, state: str, transcript: Transcript, facts: object
) -> Ending:
    response = found.response
    judged = results.of_recipient(found, over.server)
    if response is None:
        return Ending(judged.result, judged.words, transcript, detail=facts)
    said = results.said(response)
    if results.no_login(response):
        judged = results.asks_account(
            over.account, state, f"{over.server.host} does not let you send: {said}"
        )
    meta = said.partition(" ")[2]
    return Ending(judged.result, judged.words, transcript, response.code, meta, detail=facts)


def _broke_off(found: RecipientResult) -> bool:
    """Whether the connection ended before the server judged anything."""
    ended = found.response is None or found.response.code == _CLOSING
    return found.result is SubmissionResult.TEMPORARY and ended


def _lost(over: SMTPConnection, words: str) -> RouteError:
    return RouteError(Ending(results.AWAY, words, over.transcript(error=words)))
