"""The server machine: against our client and others', order, limits, and clients that mean no good."""

import asyncio
import smtplib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scramserver import ScramServer
from smtppeers import EngineServer, contexts, listening

from misfin.email.sasl import Credentials, SASLServerError
from misfin.email.smtp import (
    ServerState,
    SMTPLocalViolation,
    SMTPMessageTooLarge,
    SMTPRemoteViolation,
    SMTPServerProtocol,
)
from misfin.email.smtp.client import Security, SMTPClient, SubmissionResult
from misfin.email.smtp.response import SMTPLoginError
from misfin.email.smtp.serverevents import DataPiece, MailStarts, MessageEnds, RecipientNamed, SessionEnds

ADA, BEA, CAL = "ada@example.org", "bea@example.org", "cal@example.org"
ACCEPTED, PERMANENT = SubmissionResult.ACCEPTED, SubmissionResult.PERMANENT


def client(port, **how) -> SMTPClient:
    return SMTPClient("127.0.0.1", port, **{"security": Security.NONE, **how})


def talk(data: bytes, server=None, *, step=0, **how):
    """All of it fed, everything accepted; the replies and the server driver."""
    server = server or EngineServer(how=how)
    smtp = SMTPServerProtocol("mx.example", **how)
    out = smtp.get_outgoing_data()
    step = step or len(data) or 1
    for at in range(0, len(data), step):
        smtp.feed_bytes(data[at : at + step])
        while event := smtp.next_event():
            server.handle(smtp, event)
        out += smtp.get_outgoing_data()
    return out.decode(), server, smtp


SESSION = (
    b"EHLO me\r\nMAIL FROM:<a@e.org> SIZE=10 BODY=8BITMIME\r\n"
    b'RCPT TO:<b@e.org>\r\nRCPT TO: <"c d"@e.org>\r\n'
    b"DATA\r\n..Hi\r\n.\r\nNOOP\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n"
)


@pytest.mark.parametrize("step", [0, 1, 7])
def test_a_session_in_any_pieces(step):
    out, server, smtp = talk(SESSION, step=step)
    codes = "220 250-250-250-250-250-250 250 250 250 354 250 250 250 250 221 "
    assert "".join(line[:4] for line in out.splitlines()) == codes
    assert server.messages == [("a@e.org", ["b@e.org", '"c d"@e.org'], b".Hi\r\n")]
    assert server.given_up == 1
    assert smtp.state is ServerState.OVER
    assert not smtp.wants_data


@pytest.mark.parametrize("lmtp", [False, True])
async def test_our_client_and_our_server(lmtp):
    server = EngineServer({BEA: (550, "5.1.1 no")}, how={"lmtp": lmtp})
    async with listening(server.serve) as port, client(port, lmtp=lmtp) as smtp:
        found = await smtp.send(ADA, [BEA, CAL, "dee@example.org"], b"Subject: Hi\n\n.\nend")
        assert [each.result for each in found] == [PERMANENT, ACCEPTED, ACCEPTED]
        server.refuse["."] = (554, "5.7.1 spam")
        found = await smtp.send(ADA, [CAL, "dee@example.org"], b"Hi")
        assert [each.result for each in found] == [PERMANENT, PERMANENT]
    assert server.messages[0] == (ADA, [CAL, "dee@example.org"], b"Subject: Hi\r\n\r\n.\r\nend\r\n")


async def test_tls_and_log_in():
    tls, trusting = contexts()
    server = EngineServer(tls=tls, how={"mechanisms": ["PLAIN"], "login_required": True})
    how = {"security": Security.STARTTLS, "context": trusting}
    async with listening(server.serve) as port:
        async with client(port, credentials=Credentials("ada", "secret"), **how) as smtp:
            assert (await smtp.send(ADA, [CAL], b"Hi"))[0].result is ACCEPTED
        with pytest.raises(SMTPLoginError):
            await client(port, credentials=Credentials("ada", "wrong"), **how).connect()
        (found,) = await client(port, **how).send(ADA, [CAL], b"Hi")
        assert found.response.code == 530
    assert len(server.messages) == 1


@pytest.mark.parametrize(("password", "liar"), [("secret", False), ("wrong", False), ("secret", True)])
async def test_scram_over_smtp(password, liar):
    tls, trusting = contexts()
    how = {"mechanisms": ["SCRAM-SHA-256", "PLAIN"], "login_required": True}
    server = EngineServer(tls=tls, scram=ScramServer("secret"), liar=liar, how=how)
    async with listening(server.serve) as port:
        smtp = client(
            port, security=Security.STARTTLS, context=trusting, credentials=Credentials("ada", password)
        )
        if liar:
            with pytest.raises(SASLServerError, match="could not prove"):
                await smtp.send(ADA, [BEA], b"Hi")
        elif password == "wrong":
            with pytest.raises(SMTPLoginError) as e:
                await smtp.send(ADA, [BEA], b"Hi")
            assert e.value.mechanism == "SCRAM-SHA-256"
        else:
            assert (await smtp.send(ADA, [BEA], b"Hi"))[0].result is ACCEPTED
        await smtp.close()
    assert len(server.messages) == (password == "secret" and not liar)


async def test_the_client_of_the_standard_library():
    tls, trusting = contexts()
    server = EngineServer(tls=tls, how={"mechanisms": ["PLAIN"]})

    def send(port):
        with smtplib.SMTP("127.0.0.1", port, local_hostname="me") as smtp:
            smtp.starttls(context=trusting)
            smtp.login("ada", "secret")
            assert smtp.sendmail(ADA, [BEA, CAL], b"Subject: x\r\n\r\n.Hi\r\n") == {}
            assert smtp.noop()[0] == 250
            assert smtp.verify("x")[0] == 252

    async with listening(server.serve) as port:
        await asyncio.to_thread(send, port)
    assert server.messages == [(ADA, [BEA, CAL], b"Subject: x\r\n\r\n.Hi\r\n")]


async def test_sizes():
    server = EngineServer(how={"max_message_size": 100})
    async with listening(server.serve) as port, client(port) as smtp:
        with pytest.raises(SMTPMessageTooLarge):
            await smtp.send(ADA, [BEA], b"x\n" * 60)
    out, server, _ = talk(
        b"EHLO me\r\nMAIL FROM:<a@e.org>\r\nRCPT TO:<b@e.org>\r\nDATA\r\n" + b"x\r\n" * 50 + b".\r\nNOOP\r\n",
        max_message_size=100,
        step=10,
    )
    assert out.splitlines()[-2:] == ["552 5.3.4 Message too large", "250 2.0.0 OK"]
    assert server.messages == []
    assert server.given_up == 1


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("MAIL FROM:<a@e.org>", 503),
        ("RCPT TO:<a@e.org>", 503),
        ("DATA", 503),
        ("STARTTLS", 503),
        ("LHLO me", 500),
        ("EHLO", 501),
        ("EHLO a b", 501),
        ("HELO me\r\nSTARTTLS", 502),
        ("HELO me\r\nAUTH PLAIN x", 530),
        ("HELO me\r\nRCPT TO:<a@e.org>", 503),
        ("HELO me\r\nMAIL FROM:a@e.org", 501),
        ("HELO me\r\nMAIL FROM:<a@e.org> X=1", 555),
        ("HELO me\r\nMAIL FROM:<a@e.org> SIZE=x", 501),
        ("HELO me\r\nMAIL FROM:<a@e.org> SIZE=999999999999", 552),
        ("HELO me\r\nMAIL FROM:<a@e.org> BODY=BINARYMIME", 555),
        ("HELO me\r\nMAIL FROM:<a b@e.org>", 501),
        ("HELO me\r\nMAIL TO:<a@e.org>", 501),
        ("HELO me\r\nMAIL FROM:<a@e.org>\r\nMAIL FROM:<a@e.org>", 503),
        ("HELO me\r\nMAIL FROM:<a@e.org>\r\nRCPT TO:<>", 501),
        ("HELO me\r\nMAIL FROM:<a@e.org>\r\nRCPT TO:<b@e.org> NOTIFY=NEVER", 555),
        ("HELO me\r\nMAIL FROM:<a@e.org>\r\nDATA", 503),
        ("HELO me\r\nMAIL FROM:<a@e.org>\r\nRCPT TO:<b@e.org>\r\nDATA x", 501),
        ("EXPN x", 500),
        ("", 500),
        ("__init__", 500),
        ("x" * 5000, 500),
        ("NOOP\n", 500),
        ("NO\rOP", 500),
        ("NOOP\0", 500),
    ],
)
def test_what_is_out_of_order_or_form_is_refused_and_the_session_goes_on(lines, code):
    out, _, _ = talk(f"{lines}\r\nNOOP\r\n".encode())
    last = out.splitlines()
    assert last[-1] == "250 2.0.0 OK"
    assert code in {int(line[:3]) for line in last[-3:-1]}


def test_bytes_that_are_not_utf_8_are_refused():
    assert talk(b"HELO \xff\r\nNOOP\r\n")[0].splitlines()[1:] == ["500 5.5.2 Not UTF-8", "250 2.0.0 OK"]


def test_a_route_before_an_address_is_ignored():
    _, server, _ = talk(b"HELO me\r\nMAIL FROM:<@x.org,@y.org:a@e.org>\r\nRCPT TO:<b@e.org>\r\nDATA\r\n.\r\n")
    assert server.messages == [("a@e.org", ["b@e.org"], b"")]


def test_what_was_sent_behind_starttls_in_the_clear_is_dropped():
    out, _, smtp = talk(
        b"EHLO me\r\nSTARTTLS\r\nEHLO me\r\nMAIL FROM:<a@e.org>\r\n", EngineServer(), starttls=True
    )
    assert out.splitlines()[-1] == "220 2.0.0 Go ahead"
    assert smtp.state is ServerState.NEW
    smtp.feed_bytes(b"EHLO me\r\n")
    assert smtp.next_event() is None
    assert b"STARTTLS" not in smtp.get_outgoing_data()


def test_nothing_smuggled_in_a_message_is_a_command():
    for end in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n"):
        body = b"Hi" + end + b"MAIL FROM:<evil@e.org>\r\n"
        out, server, _ = talk(
            b"HELO me\r\nMAIL FROM:<a@e.org>\r\nRCPT TO:<b@e.org>\r\nDATA\r\n" + body + b".\r\n"
        )
        assert [sender for sender, _, _ in server.messages] == ["a@e.org"]
        assert b"evil" in server.messages[0][2]
        assert out.count("354") == 1


def test_a_log_in_of_several_steps_can_be_given_up():
    out, _, _ = talk(b"EHLO me\r\nAUTH PLAIN\r\n*\r\nNOOP\r\n", mechanisms=["PLAIN"], plain_login=True)
    assert [line[:3] for line in out.splitlines()[-3:]] == ["334", "501", "250"]
    for bad in (b"a b", b"!"):
        out, _, _ = talk(b"EHLO me\r\nAUTH PLAIN\r\n" + bad + b"\r\n", mechanisms=["PLAIN"], plain_login=True)
        assert out.splitlines()[-1].startswith("501")
    out, _, _ = talk(
        b"EHLO me\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nAUTH LOGIN\r\n",
        mechanisms=["PLAIN"],
        plain_login=True,
    )
    assert [line[:3] for line in out.splitlines()[-3:]] == ["235", "503", "503"]


def test_a_client_that_does_everything_wrong_is_sent_away():
    out, _, smtp = talk(b"what\r\n" * 100)
    assert out.splitlines()[-1].startswith("421")
    assert out.count("\n") == 22
    assert smtp.state is ServerState.OVER


def test_passwords_cannot_be_tried_without_end():
    out, _, smtp = talk(
        b"EHLO me\r\n" + b"AUTH PLAIN AGEAYg==\r\n" * 50, mechanisms=["PLAIN"], plain_login=True
    )
    assert out.count("535") == 20
    assert out.splitlines()[-1].startswith("421")
    assert smtp.state is ServerState.OVER


def test_addresses_beyond_ascii_have_to_be_announced():
    hello = b"EHLO me\r\n"
    for lines, code in [
        ("MAIL FROM:<jörg@e.org>", "553"),
        ("MAIL FROM:<jörg@e.org> SMTPUTF8", "250"),
        ("MAIL FROM:<a@e.org>\r\nRCPT TO:<jörg@e.org>", "553"),
        ("MAIL FROM:<a@e.org> SMTPUTF8\r\nRCPT TO:<jörg@e.org>", "250"),
    ]:
        assert talk(hello + f"{lines}\r\n".encode())[0].splitlines()[-1][:3] == code


def test_a_client_that_does_not_wait_is_left():
    smtp = SMTPServerProtocol("mx.example")
    smtp.feed_bytes(b"HELO me\r\nMAIL FROM:<a@e.org>\r\n")
    assert isinstance(smtp.next_event(), MailStarts)
    assert not smtp.wants_data
    assert smtp.next_event() is None
    with pytest.raises(SMTPRemoteViolation):
        smtp.feed_bytes(b"x" * 2_000_000)
    assert smtp.state is ServerState.OVER


def test_only_what_was_asked_can_be_answered():
    smtp = SMTPServerProtocol("mx.example")
    with pytest.raises(SMTPLocalViolation):
        smtp.respond(250, "ok")
    smtp.feed_bytes(b"HELO me\r\nMAIL FROM:<a@e.org>\r\nRCPT TO:<b@e.org>\r\n")
    smtp.next_event()
    for code in (334, 354, 100, 600):
        with pytest.raises(SMTPLocalViolation):
            smtp.respond(code, "x")
    smtp.get_outgoing_data()
    smtp.respond(250, "fine\r\n221 injected\x1b[2J")
    assert smtp.get_outgoing_data() == b"250 fine??221 injected?[2J\r\n"
    assert smtp.next_event() == RecipientNamed("b@e.org")
    smtp.respond(421, "bye")
    assert smtp.state is ServerState.OVER
    assert smtp.next_event() is None


@given(
    st.lists(
        st.sampled_from(
            [
                *SESSION.splitlines(keepends=True),
                b"AUTH PLAIN\r\n",
                b"STARTTLS\r\n",
                b"x\n",
                b".",
                b"\r\n",
                b"\xff\r\n",
                b"LHLO me\r\n",
            ]
        )
    ),
    st.booleans(),
)
def test_any_order_of_lines_gets_the_same_answers_however_it_is_cut(lines, lmtp):
    data = b"".join(line for line in lines if line != b"STARTTLS\r\n")
    whole, one, _ = talk(data, lmtp=lmtp)
    bytewise, two, smtp = talk(data, step=1, lmtp=lmtp)
    assert whole == bytewise
    assert one.messages == two.messages
    assert all(line[:3].isdigit() and line[3] in "- " for line in whole.splitlines())
    assert smtp.next_event() is None


def test_events_are_what_a_program_can_match():
    smtp = SMTPServerProtocol("mx.example")
    smtp.feed_bytes(b"HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<b@e.org>\r\nDATA\r\nHi\r\n.\r\nQUIT\r\n")
    seen = []
    while event := smtp.next_event():
        seen.append(event)
        if event.wants_answer:
            smtp.respond(250, "ok")
    assert seen == [
        MailStarts("", {}), RecipientNamed("b@e.org"), DataPiece(b"Hi\r\n"), MessageEnds(4), SessionEnds(),
    ]  # fmt: skip


async def test_implicit_tls():
    tls, trusting = contexts()
    server = EngineServer(how={"secure": True})
    async with listening(server.serve, ssl=tls) as port:
        async with SMTPClient("localhost", port, context=trusting) as smtp:
            assert (await smtp.send(ADA, [BEA], b"Hi"))[0].result is ACCEPTED
        assert isinstance(trusting, ssl.SSLContext)
