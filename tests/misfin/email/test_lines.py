"""Driving the engines: STARTTLS is required, refusals differ, nothing waits for ever, secrets stay secret."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from scriptedmail import ScriptedMail, imap_answers, scripted_mail

from misfin.email.account import MailProtocol, Protection
from misfin.email.imap import commands
from misfin.email.incoming import IncomingClient
from misfin.email.mailline import LoginRefusedError, MailServerError, ServerBusyError
from misfin.email.sasl import Credentials
from misfin.errors import ConnectError, DeliveryTimeoutError, RemoteProtocolError

ADA = Credentials("ada", "hunter2")
IMAP, POP3 = MailProtocol.IMAP, MailProtocol.POP3


def client(peer: ScriptedMail, **more: object) -> IncomingClient:
    context = ssl.create_default_context()
    return IncomingClient(peer.server, context=context, credentials=ADA, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("greeting", "answer"),
    [
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", b"%t OK done\r\n"),
        (b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n", b"%t OK done\r\n"),
        (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"%t NO not now\r\n"),
        (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"%t OK go\r\n* OK smuggled\r\n"),
        (b"* BYE too busy\r\n", b"%t OK done\r\n"),
    ],
    ids=["not offered", "preauth", "refused", "smuggled", "bye"],
)
async def test_without_starttls_no_password_leaves(greeting, answer):
    answers = imap_answers(otherwise=answer)
    async with scripted_mail(answers, greeting, protection=Protection.STARTTLS) as peer:
        with pytest.raises((MailServerError, RemoteProtocolError)):
            await client(peer).connect()
    assert not [line for line in peer.lines if "hunter2" in line or "LOGIN" in line or "AUTH" in line]


async def test_pop3_without_stls_no_password_leaves():
    async with scripted_mail(
        lambda _tag, _line: b"+OK\r\nUIDL\r\n.\r\n",
        b"+OK hi\r\n",
        protocol=POP3,
        protection=Protection.STARTTLS,
    ) as peer:
        with pytest.raises(MailServerError, match="does not offer TLS"):
            await client(peer).connect()
    assert peer.lines == ["CAPA"]


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"%t NO [AUTHENTICATIONFAILED] no\r\n", LoginRefusedError),
        (b"%t NO no\r\n", LoginRefusedError),
        (b"%t NO\r\n", LoginRefusedError),
        (b"%t NO [UNAVAILABLE] come back\r\n", ServerBusyError),
        (b"%t NO [LIMIT] enough\r\n", ServerBusyError),
        (b"%t NO [ALERT] Too many simultaneous connections. (Failure)\r\n", ServerBusyError),
        (b"%t NO Maximum number of connections from user+IP exceeded\r\n", ServerBusyError),
    ],
)
async def test_too_many_connections_are_not_a_wrong_password(said, error):
    async with scripted_mail(imap_answers(("LOGIN", said))) as peer, client(peer) as line:
        with pytest.raises(error):
            await line.log_in()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"-ERR [AUTH] no\r\n", LoginRefusedError),
        (b"-ERR [IN-USE] locked\r\n", ServerBusyError),
        (b"-ERR [LOGIN-DELAY] slowly\r\n", ServerBusyError),
        (b"-ERR [SYS/TEMP] disk\r\n", ServerBusyError),
    ],
)
async def test_a_drop_in_use_is_not_a_wrong_password(said, error):
    def answer(_tag: str, line: str) -> bytes:
        return {"CAPA": b"+OK\r\nUIDL\r\n.\r\n", "USER": b"+OK\r\n", "PASS": said}[line[:4]]

    async with scripted_mail(answer, b"+OK hi\r\n", protocol=POP3) as peer, client(peer) as line:
        with pytest.raises(error):
            await line.log_in()


async def test_the_trace_holds_neither_secrets_nor_messages():
    traced: list[str] = []
    answers = imap_answers(("UID FETCH", b"* 1 FETCH (UID 1 BODY[] {6}\r\nsecret)\r\n%t OK done\r\n"))
    async with scripted_mail(answers) as peer, client(peer, trace=traced.append) as line:
        await line.log_in()
        await line.line.call(commands.select("INBOX"))
        from misfin.email.imap import UidSet

        await line.line.call(commands.fetch(UidSet([1]), [commands.body()]))
    text = "\n".join(traced)
    assert "LOGIN …" in text
    assert "UID FETCH 1" in text
    assert "hunter2" not in text
    assert "secret" not in text
    assert "ada" not in text


async def test_a_silent_server_is_given_up():
    async with scripted_mail(lambda _tag, _line: b"") as peer, client(peer) as line:
        with pytest.raises(DeliveryTimeoutError):
            await line.line.events(0.2)


async def test_a_connection_that_ends_is_an_error_and_the_line_is_of_no_use():
    async with scripted_mail(lambda _tag, line: None if line.startswith("LOGIN") else b"") as peer:
        line = client(peer)
        await line.connect()
        with pytest.raises(ConnectError):
            await line.log_in()
        assert not line.line.usable
        await line.close()


async def test_what_a_server_says_before_it_breaks_the_protocol_counts():
    said = b"* 3 EXISTS\r\n* 1 FETCH (BODY[] {99999999999}\r\n"
    answers = imap_answers(("NOOP", said))
    async with scripted_mail(answers) as peer, client(peer) as line:
        await line.log_in()
        line.line.send(commands.noop())
        assert [type(event).__name__ for event in await line.line.events()] == ["Exists"]
        with pytest.raises(RemoteProtocolError):
            await line.line.events()
        assert not line.line.usable


async def test_idle_that_is_not_ended_in_time_is_a_dead_line(monkeypatch):
    monkeypatch.setattr("misfin.email.imapline._DONE_WITHIN", 0.2)

    def answer(tag: str, line: str) -> bytes:
        if tag == "DONE":
            return b""
        return b"+ idling\r\n" if line == "IDLE" else b"%b OK done\r\n" % tag.encode()

    async with scripted_mail(answer) as peer:
        line = client(peer)
        await line.connect()
        await line.log_in()
        line.line.send(commands.idle())
        assert await line.line.watch(60.0)  # until it says that it idles
        with pytest.raises((TimeoutError, DeliveryTimeoutError)):
            await line.line.end_idle()
        line.line.connection.abort()
        await line.close()


async def test_waiting_may_be_cancelled_and_nothing_is_lost():
    async with (
        scripted_mail(imap_answers(("NOOP", b"* 5 EXISTS\r\n%t OK\r\n"))) as peer,
        client(peer) as line,
    ):
        await line.log_in()
        waiting = asyncio.create_task(line.line.events(60))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        seen: list[object] = []
        assert (await line.line.call(commands.noop(), seen.append)).ok
        assert [type(event).__name__ for event in seen] == ["Exists"]
