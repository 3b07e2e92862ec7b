"""The asyncio client against aiosmtpd, and against a peer that breaks off, hangs and refuses anywhere."""

import asyncio
import base64
import hashlib
import io
import os
import ssl

import pytest
from certificates import certificate_k
from cryptography import x509
from endless import write_without_end
from smtppeers import GROUPED, PLAIN, Inbox, ScriptedServer, aiosmtpd, check_password, contexts, listening

from misfin.email.certificates import CertificateProblem
from misfin.email.sasl import Credentials, NoMechanismError, PlainAuthenticator
from misfin.email.smtp import (
    SMTPArgumentError,
    SMTPConnectionLost,
    SMTPMessageTooLarge,
    SMTPMissingExtension,
    SMTPRemoteViolation,
    SMTPResponseError,
)
from misfin.email.smtp.client import Security, SMTPClient, SMTPTimeouts, SubmissionResult, end_point_binding
from misfin.email.smtp.errors import SMTPCertificateError, SMTPSourceError
from misfin.email.smtp.response import SMTPLoginError
from misfin.errors import ConnectError, DeliveryTimeoutError, HandshakeError, HostUnknownError

MESSAGE = b"From: ada@example.org\nSubject: Hi\n\n.dots\nand an end"
ARRIVED = b"From: ada@example.org\r\nSubject: Hi\r\n\r\n.dots\r\nand an end\r\n"
ADA, BEA, CAL = "ada@example.org", "bea@example.org", "cal@example.org"
ACCEPTED, TEMPORARY = SubmissionResult.ACCEPTED, SubmissionResult.TEMPORARY
PERMANENT, UNKNOWN = SubmissionResult.PERMANENT, SubmissionResult.UNKNOWN


def client(port, **how) -> SMTPClient:
    how = {"security": Security.NONE, **how}
    return SMTPClient("127.0.0.1", port, **how)


def results(found):
    return [each.result for each in found]


# ---- against aiosmtpd -------------------------------------------------------------------------------


async def test_messages_go_over_one_connection():
    inbox = Inbox()
    async with aiosmtpd(inbox) as port, client(port) as smtp:
        for message in (MESSAGE, io.BytesIO(MESSAGE)):
            found = await smtp.send(ADA, [BEA, CAL], message)
            assert results(found) == [ACCEPTED, ACCEPTED]
            assert found[1].recipient == CAL
            assert found[1].response.enhanced == (2, 0, 0)
    assert inbox.contents == [ARRIVED, ARRIVED]
    assert inbox.taken[0].rcpt_tos == [BEA, CAL]
    assert inbox.sessions[0] is inbox.sessions[1]


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
async def test_tls_and_a_log_in(security):
    server, trusting = contexts()
    inbox, lines = Inbox(), []
    how = {"authenticator": check_password}
    if security is Security.STARTTLS:
        how |= {"tls_context": server, "require_starttls": True, "auth_required": True}
    else:
        how |= {"implicit": server, "auth_require_tls": False}
    credentials = Credentials("ada", "secret")
    async with aiosmtpd(inbox, **how) as port:
        async with client(
            port, security=security, context=trusting, credentials=credentials, trace=lines.append
        ) as smtp:
            assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
        with pytest.raises(SMTPLoginError) as e:
            await client(
                port, security=security, context=trusting, credentials=Credentials("ada", "wrong")
            ).connect()
        assert e.value.response.code == 535
        assert e.value.mechanism in {"PLAIN", "LOGIN"}
        own = PlainAuthenticator("ada", "secret")
        async with client(port, security=security, context=trusting, authenticator=own) as smtp:
            assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
    assert inbox.contents == [ARRIVED, ARRIVED]
    assert not any("secret" in line or "YWRh" in line for line in lines)
    assert "C: AUTH PLAIN ***" in lines or "C: AUTH LOGIN" in lines


async def test_a_server_without_tls_gets_nothing():
    inbox = Inbox()
    async with aiosmtpd(inbox) as port:
        smtp = client(port, security=Security.STARTTLS, context=contexts()[1])
        with pytest.raises(SMTPMissingExtension) as e:
            await smtp.send(ADA, [BEA], MESSAGE)
        assert e.value.extension == "STARTTLS"
        with pytest.raises(HandshakeError):
            await client(port, security=Security.TLS, context=contexts()[1]).connect()
    assert inbox.taken == []


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
async def test_a_certificate_that_is_not_trusted_gets_nothing(security):
    server, _ = contexts()
    how = {"implicit": server} if security is Security.TLS else {"tls_context": server}
    async with aiosmtpd(Inbox(), **how) as port:
        smtp = client(port, security=security, credentials=Credentials("ada", "secret"))
        with pytest.raises(SMTPCertificateError, match="it is self-signed") as e:
            await smtp.connect()
    assert e.value.port == port
    assert e.value.problem is CertificateProblem.SELF_SIGNED
    assert x509.load_der_x509_certificate(e.value.certificate).subject
    assert isinstance(e.value.__cause__, ssl.SSLCertVerificationError)


async def test_a_certificate_of_another_name_is_not_trusted():
    server, trusting = contexts()
    async with aiosmtpd(Inbox(), implicit=server) as port:
        smtp = SMTPClient("mail.example", port, context=trusting, connect=("127.0.0.1", port))
        with pytest.raises(SMTPCertificateError, match="another server") as e:
            await smtp.connect()
    assert "mail.example" in e.value.reason


async def test_each_recipient_has_a_result_of_its_own():
    inbox = Inbox({BEA: "550 5.1.1 nobody here", CAL: "451 4.7.1 later"})
    async with aiosmtpd(inbox) as port, client(port) as smtp:
        found = await smtp.send(ADA, [BEA, "dee@example.org", CAL], MESSAGE)
        assert results(found) == [PERMANENT, ACCEPTED, TEMPORARY]
        assert found[0].response.text == "nobody here"
        assert inbox.taken[0].rcpt_tos == ["dee@example.org"]
        assert results(await smtp.send(ADA, [BEA, CAL], MESSAGE)) == [PERMANENT, TEMPORARY]
        inbox.refuse = {"MAIL": "553 5.1.8 not you"}
        assert results(await smtp.send(ADA, [BEA, CAL], MESSAGE)) == [PERMANENT, PERMANENT]
        inbox.refuse = {"DATA": "554 5.7.1 spam"}
        found = await smtp.send(ADA, [BEA, CAL], MESSAGE)
        assert results(found) == [PERMANENT, PERMANENT]
        assert found[1].response.command == "."
        inbox.refuse = {}
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
    assert len(inbox.taken) == 2
    assert inbox.sessions[0] is inbox.sessions[1]


async def test_addresses_and_headers_beyond_ascii():
    inbox = Inbox()
    header = "Subject: Grüße\n\nHi\n".encode()
    async with aiosmtpd(inbox, enable_SMTPUTF8=True) as port, client(port) as smtp:
        assert results(await smtp.send("jörg@example.org", ["bea@bücher.example"], header)) == [ACCEPTED]
        assert results(await smtp.send(ADA, [BEA], b"Subject: x\n\n\xff\n")) == [ACCEPTED]
    assert "SMTPUTF8" in inbox.taken[0].mail_options
    assert inbox.taken[0].rcpt_tos == ["bea@xn--bcher-kva.example"]
    assert inbox.taken[1].mail_options == ["SIZE=17", "BODY=8BITMIME"]
    async with aiosmtpd(inbox) as port, client(port) as smtp:
        for sender, message in ((ADA, header), ("jörg@example.org", MESSAGE)):
            with pytest.raises(SMTPMissingExtension):
                await smtp.send(sender, [BEA], message)
        found = await smtp.send(ADA, ["jörg@example.org", BEA], MESSAGE)
        assert results(found) == [PERMANENT, ACCEPTED]
        assert "SMTPUTF8" in found[0].reason


async def test_lmtp_over_a_unix_socket(tmp_path):
    inbox = Inbox()
    path = str(tmp_path / "lmtp")
    async with aiosmtpd(inbox, lmtp=True, path=path):
        smtp = SMTPClient("localhost", security=Security.NONE, lmtp=True, connect=path)
        async with smtp:
            assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
    with pytest.raises(ConnectError):
        await SMTPClient("localhost", security=Security.NONE, lmtp=True, connect=path + "x").connect()
    assert inbox.contents == [ARRIVED]


async def test_a_large_message_is_never_in_memory(tmp_path):
    import tracemalloc

    path = tmp_path / "large"
    line = b"x" * 76 + b"\n"
    path.write_bytes(b"Subject: large\n\n" + line * (20_000_000 // len(line)))

    async def swallow(reader, writer):
        writer.write(b"220 mx\r\n")
        tail, body = b"", False
        while data := await reader.read(1 << 16):
            tail = (tail + data)[-8:]
            if not body:
                body = tail.endswith(b"DATA\r\n")
                writer.write(b"354 go\r\n" if body else b"250 ok\r\n")
            elif tail.endswith(b"\r\n.\r\n"):
                writer.write(b"250 ok\r\n")
                body = False
        writer.close()

    async with listening(swallow) as port, client(port) as smtp:
        with path.open("rb") as source:
            tracemalloc.start()
            assert results(await smtp.send(ADA, [BEA], source)) == [ACCEPTED]
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert peak < 8_000_000


# ---- the message itself -----------------------------------------------------------------------------


async def test_what_cannot_be_sent_is_said_before_anything_is():
    async with (
        ScriptedServer({**PLAIN, "EHLO": "250-mx\r\n250 SIZE 40"}) as server,
        client(server.port) as smtp,
    ):
        for sender, recipients, message, error in [
            (ADA, [BEA], b"Subject: x\n\n" + b"y" * 60, SMTPMessageTooLarge),
            (ADA, [BEA], b"x" * 999, SMTPArgumentError),
            (ADA, [], b"Hi", SMTPArgumentError),
            (ADA, [""], b"Hi", SMTPArgumentError),
            (ADA, [BEA, "c@e.org\r\nQUIT"], b"Hi", SMTPArgumentError),
            ("a>b@e.org", [BEA], b"Hi", SMTPArgumentError),
            (ADA, [BEA], b"Subject: x\n\n\xff", SMTPMissingExtension),
        ]:
            with pytest.raises(error):
                await smtp.send(sender, recipients, message)
        assert results(await smtp.send(ADA, [BEA], b"Hi\n")) == [ACCEPTED]
    assert server.connections == 1
    assert server.said == [
        "EHLO [127.0.0.1]",
        f"MAIL FROM:<{ADA}> SIZE=4",
        f"RCPT TO:<{BEA}>",
        "DATA",
        ".",
        "QUIT",
    ]


async def test_a_file_is_read_from_where_it_stands(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(b"envelope\nSubject: x\n\nHi\n")
    inbox = Inbox()
    async with aiosmtpd(inbox) as port, client(port) as smtp:
        with path.open("rb") as source:
            source.seek(9)
            assert results(await smtp.send(ADA, [BEA], source)) == [ACCEPTED]
    assert inbox.contents == [b"Subject: x\r\n\r\nHi\r\n"]


@pytest.mark.parametrize("change", ["shrink", "grow", "close"])
async def test_a_file_that_changes_while_it_is_sent_is_not_delivered(tmp_path, change):
    path = tmp_path / "message"
    path.write_bytes(b"Subject: x\n\n" + b"y" * 70 + b"\n")
    inbox = Inbox()

    async with aiosmtpd(inbox) as port:
        source = path.open("rb")

        async def handle_MAIL(server, session, envelope, address, options):
            if change == "close":
                source.close()
            else:
                os.truncate(path, 20 if change == "shrink" else 200)
            envelope.mail_from = address
            return "250 ok"

        inbox.handle_MAIL = handle_MAIL
        with pytest.raises(SMTPSourceError):
            await client(port).send(ADA, [BEA], source)
        source.close()
    assert inbox.taken == []


async def test_what_is_not_a_file_is_refused():
    read, write = os.pipe()
    os.close(write)
    with os.fdopen(read, "rb") as pipe, pytest.raises(SMTPSourceError):
        await client(1).send(ADA, [BEA], pipe)


async def test_a_file_that_cannot_be_read_or_sent_as_it_is(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(b"Subject: x\n\n" + b"y" * 999)
    with path.open("rb") as source, pytest.raises(SMTPArgumentError, match="998"):
        await client(1).send(ADA, [BEA], source)
    with pytest.raises(SMTPSourceError):
        await client(1).send(ADA, [BEA], source)  # closed


async def test_the_caller_is_asked_once_the_server_has_everything_but_the_final_dot():
    async def look(_accepted):
        async with asyncio.timeout(30):
            while not server.got.endswith(b"\r\n..dots\r\n"):
                await asyncio.sleep(0.01)

    async with ScriptedServer(PLAIN) as server, client(server.port) as smtp:
        assert results(await smtp.send(ADA, [BEA], MESSAGE, before_end=look)) == [ACCEPTED]


async def test_before_the_final_dot_the_caller_is_asked_and_may_stop():
    inbox, asked = Inbox(), []

    async def note(accepted):
        asked.append((len(inbox.taken), accepted))

    async def stop(accepted):
        raise KeyError("stop")

    async with aiosmtpd(inbox) as port, client(port) as smtp:
        assert results(await smtp.send(ADA, [BEA], MESSAGE, before_end=note)) == [ACCEPTED]
        with pytest.raises(KeyError):
            await smtp.send(ADA, [BEA], MESSAGE, before_end=stop)
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
    assert asked == [(0, [0])]
    assert len(inbox.taken) == 2


# ---- groups -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 500, 1201])
async def test_many_recipients_in_groups(count):
    people = [f"{n}@example.org" for n in range(count)]
    async with ScriptedServer(GROUPED) as server, client(server.port) as smtp:
        found = await smtp.send(ADA, people, MESSAGE)
    assert results(found) == [ACCEPTED] * count
    assert [each.recipient for each in found] == people
    assert server.got.count(b"RCPT TO") == count
    assert server.said.count("DATA") == 1


@pytest.mark.parametrize("replies", [PLAIN, GROUPED], ids=["one by one", "grouped"])
@pytest.mark.parametrize("data", ["354 go", "503 no recipients", "554 no"])
async def test_when_everybody_is_refused_nothing_is_sent(replies, data):
    script = {**replies, "RCPT": "550 no", "DATA": data, ".": "554 nobody"}
    async with ScriptedServer(script) as server, client(server.port) as smtp:
        found = await smtp.send(ADA, [BEA, CAL], MESSAGE)
        assert results(found) == [PERMANENT, PERMANENT]
        assert {each.response.message for each in found} == {"no"}
        server.replies |= {"RCPT": "250 ok", "DATA": "354 go", ".": "250 ok"}
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
    assert server.got.count(b"Subject: Hi") == 1
    assert server.connections == 1


@pytest.mark.parametrize("count", [2, 700])
async def test_a_refused_sender_is_the_reason_for_all(count):
    replies = {**GROUPED, "MAIL": "550 5.7.1 not you", "RCPT": "503 no sender", "DATA": "503 no"}
    async with ScriptedServer(replies) as server, client(server.port) as smtp:
        found = await smtp.send(ADA, [f"{n}@example.org" for n in range(count)], MESSAGE)
    assert {each.response.text for each in found} == {"not you"}
    assert results(found) == [PERMANENT] * count


async def test_lmtp_results_for_each():
    replies = {**GROUPED, "LHLO": GROUPED["EHLO"], "RCPT": ["250 ok", "550 no", "250 ok"]}
    replies["."] = "250 taken\r\n452 4.2.2 full"
    async with ScriptedServer(replies) as server, client(server.port, lmtp=True) as smtp:
        found = await smtp.send(ADA, [BEA, CAL, "dee@example.org"], MESSAGE)
    assert results(found) == [ACCEPTED, PERMANENT, TEMPORARY]
    assert server.said[0] == "LHLO [127.0.0.1]"


async def test_an_lmtp_server_that_leaves_between_answers():
    replies = {**GROUPED, "LHLO": GROUPED["EHLO"], ".": "250 taken\r\n421 oops"}
    async with ScriptedServer(replies) as server, client(server.port, lmtp=True) as smtp:
        found = await smtp.send(ADA, [BEA, CAL, "dee@example.org"], MESSAGE)
    assert results(found) == [ACCEPTED, TEMPORARY, UNKNOWN]


# ---- a connection that breaks -----------------------------------------------------------------------


@pytest.mark.parametrize("replies", [PLAIN, GROUPED], ids=["one by one", "grouped"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_cut_at_every_byte_nothing_is_claimed_that_is_not_so(replies, reset):
    whole = dict(replies) | {"RCPT": ["250 ok", "550 no", "250 ok"]}
    refused = 0
    for limit in range(200):
        marked = []

        async def note(_accepted, marked=marked):
            marked.append(True)

        script = {**whole, "RCPT": list(whole["RCPT"])}
        async with ScriptedServer(script, limit=limit, reset=reset) as server:
            smtp = client(server.port)
            try:
                found = results(await smtp.send(ADA, [BEA, CAL, "dee@example.org"], MESSAGE, before_end=note))
            except (SMTPConnectionLost, ConnectError):
                assert not marked
                assert b"MAIL" not in server.got
                refused += 1
                continue
            finally:
                smtp.abort()
            if b"\r\n.\r\n" in server.got:
                assert marked
                assert set(found) <= {ACCEPTED, UNKNOWN, PERMANENT}
            if UNKNOWN in found:
                assert marked
            if not marked:
                assert set(found) <= {TEMPORARY, PERMANENT}
            if ACCEPTED in found:
                assert found == [ACCEPTED, PERMANENT, ACCEPTED]
                break
    assert refused > 30
    assert limit < 199, "the script never ended"


@pytest.mark.parametrize(
    ("step", "impatient"),
    [
        ("greeting", "greeting"),
        ("EHLO", "command"),
        ("MAIL", "command"),
        ("RCPT", "command"),
        ("DATA", "data"),
        (".", "end"),
    ],
)
@pytest.mark.parametrize("replies", [PLAIN, GROUPED], ids=["one by one", "grouped"])
async def test_a_server_that_hangs_is_left(step, impatient, replies):
    """Only the step that hangs has a short limit: a busy machine may take longer for the others."""
    async with ScriptedServer({**replies, step: "hang"}) as server:
        smtp = client(server.port)
        if step in ("greeting", "EHLO"):
            smtp._timeouts = SMTPTimeouts(**{impatient: 0.2})
            with pytest.raises(SMTPConnectionLost, match=r"did not answer within 0\.2 seconds"):
                await smtp.send(ADA, [BEA], MESSAGE)
        else:
            await smtp.connect()
            smtp._timeouts = SMTPTimeouts(**{impatient: 0.2})
            (found,) = await smtp.send(ADA, [BEA], MESSAGE)
            assert found.result is (UNKNOWN if step == "." else TEMPORARY)
            assert "did not answer" in found.reason


async def test_a_server_that_reads_nothing_is_left():
    async def deaf(reader, writer):
        writer.write(b"220 mx\r\n")
        for reply in (b"250 ok", b"250 ok", b"250 ok", b"354 go"):
            await reader.readline()
            writer.write(reply + b"\r\n")
        await asyncio.sleep(3600)

    async with listening(deaf, limit=1024) as port:
        smtp = client(port, timeouts=SMTPTimeouts(block=0.3))
        (found,) = await smtp.send(ADA, [BEA], (b"x" * 76 + b"\n") * 400_000)
    assert found.result is TEMPORARY
    assert "took nothing" in found.reason


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("replies", [PLAIN, GROUPED], ids=["one by one", "grouped"])
async def test_a_goodbye_is_the_answer_for_all_who_have_none(step, replies):
    async with ScriptedServer({**replies, step: "421 4.3.2 shutting down"}) as server:
        smtp = client(server.port)
        found = await smtp.send(ADA, [BEA, CAL], MESSAGE)
        assert results(found) == [TEMPORARY, TEMPORARY]
        assert {each.response.code for each in found} == {421}
        server.replies[step] = "354 go" if step == "DATA" else "250 ok"
        assert results(await smtp.send(ADA, [BEA, CAL], MESSAGE)) == [ACCEPTED, ACCEPTED]
        assert server.connections == 2
        await smtp.close()


async def test_nonsense_is_never_an_acceptance():
    for step in ("MAIL", "RCPT", "DATA", "."):
        async with ScriptedServer({**PLAIN, step: "sure, why not"}) as server:
            (found,) = await client(server.port).send(ADA, [BEA], MESSAGE)
            assert found.result is (UNKNOWN if step == "." else TEMPORARY)
            assert "not a reply" in found.reason


async def test_a_goodbye_behind_the_acceptance_changes_nothing():
    async with ScriptedServer({**PLAIN, ".": "250 taken\r\n421 bye"}) as server, client(server.port) as smtp:
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
    assert server.connections == 2


async def test_a_connection_left_while_idle_is_made_again():
    async with ScriptedServer(PLAIN) as server, client(server.port) as smtp:
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
        smtp._channel._transport.get_extra_info("socket").shutdown(2)
        await asyncio.sleep(0.05)
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
        assert server.connections == 2


async def test_a_message_that_is_cancelled_cuts_the_connection_before_the_dot():
    async with ScriptedServer({**PLAIN, "DATA": "hang"}) as server:
        smtp = client(server.port)
        sending = asyncio.create_task(smtp.send(ADA, [BEA], MESSAGE))
        async with asyncio.timeout(60):
            while "DATA" not in server.said:
                await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        server.replies["DATA"] = "354 go"
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
        await smtp.close()
    assert server.connections == 2


# ---- connecting -------------------------------------------------------------------------------------


async def test_hosts_that_cannot_be_reached():
    with pytest.raises(HostUnknownError):
        await SMTPClient("no-such-host.invalid").connect()
    async with ScriptedServer(PLAIN) as server:
        port = server.port
    with pytest.raises(ConnectError):
        await client(port).connect()


@pytest.mark.parametrize("greeting", ["554 5.3.2 no service", "421 too busy", "450 later"])
async def test_a_greeting_that_refuses_is_raised(greeting):
    async with ScriptedServer({**PLAIN, "greeting": greeting}) as server:
        with pytest.raises(SMTPResponseError) as e:
            await client(server.port).connect()
    assert e.value.response.code == int(greeting[:3])


async def test_a_server_that_speaks_no_tls_in_time_is_left():
    async with ScriptedServer({**PLAIN, "greeting": "hang"}) as server:
        with pytest.raises(DeliveryTimeoutError, match="TLS handshake"):
            await client(server.port, security=Security.TLS, timeouts=SMTPTimeouts(connect=0.2)).connect()


@pytest.mark.parametrize("reply", ["454 not now", "220 go\r\n250 injected"])
async def test_starttls_refused_or_with_more_behind_it(reply):
    script = {**PLAIN, "EHLO": "250-mx\r\n250 STARTTLS", "STARTTLS": reply}
    async with ScriptedServer(script) as server:
        with pytest.raises((SMTPResponseError, SMTPRemoteViolation)):
            await client(server.port, security=Security.STARTTLS, context=contexts()[1]).send(
                ADA, [BEA], MESSAGE
            )
    assert b"MAIL" not in server.got


async def test_bytes_that_come_in_the_clear_just_after_starttls_are_not_read_as_tls():
    """In a packet of their own: the machine has seen nothing of them."""
    seen = asyncio.Event()

    async def serve(reader, writer):
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"250-mx\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n")
        await asyncio.sleep(0)
        writer.write(b"250-mx\r\n250 AUTH PLAIN\r\n")
        hello = await reader.read(1)
        assert hello in (b"\x16", b"")
        seen.set()

    async with listening(serve) as port:
        smtp = client(
            port,
            security=Security.STARTTLS,
            context=contexts()[1],
            credentials=Credentials("ada", "secret"),
        )
        with pytest.raises((SMTPRemoteViolation, HandshakeError)):
            await smtp.connect()
        await asyncio.wait_for(seen.wait(), 60)


async def test_a_mechanism_the_server_does_not_know_after_all_is_not_the_last_word():
    script = {**PLAIN, "EHLO": "250-mx\r\n250 AUTH SCRAM-SHA-256 PLAIN", "AUTH": ["504 no", "235 ok"]}
    async with ScriptedServer(script) as server:
        smtp = client(server.port, credentials=Credentials("ada", "secret"))
        assert results(await smtp.send(ADA, [BEA], MESSAGE)) == [ACCEPTED]
        await smtp.close()
    assert [line.split()[1] for line in server.said if line.startswith("AUTH")] == ["SCRAM-SHA-256", "PLAIN"]


async def test_when_no_offered_mechanism_is_known_the_last_refusal_is_raised():
    script = {**PLAIN, "EHLO": "250-mx\r\n250 AUTH LOGIN PLAIN", "AUTH": "504 no"}
    async with ScriptedServer(script) as server:
        smtp = client(server.port, credentials=Credentials("ada", "secret"))
        assert (smtp.extensions, smtp.max_message_size) == (frozenset(), None)
        with pytest.raises(SMTPLoginError) as e:
            await smtp.connect()
    assert e.value.mechanism == "LOGIN"


async def test_what_the_server_offers_can_be_asked():
    async with ScriptedServer(PLAIN) as server, client(server.port) as smtp:
        assert smtp.extensions == {"SIZE"}
        assert smtp.max_message_size == 100_000


async def test_a_flood_of_answers_is_not_read_without_end():
    async def flood(reader, writer):
        writer.write(b"220 mx\r\n")
        await write_without_end(writer, b"250 ok\r\n" * 10_000)

    async with listening(flood) as port:
        with pytest.raises(SMTPRemoteViolation):
            await client(port).connect()


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("unasked", ["250 ok", "550 no", "421 bye", "junk"])
@pytest.mark.parametrize("replies", [PLAIN, GROUPED], ids=["one by one", "grouped"])
async def test_what_is_said_unasked_is_a_result_and_never_an_acceptance(step, unasked, replies):
    script = {**replies, step: f"{'354' if step == 'DATA' else '250'} ok\r\n{unasked}", ".": "hang"}
    async with ScriptedServer(script) as server:
        smtp = client(server.port)
        await smtp.connect()
        smtp._timeouts = SMTPTimeouts(command=0.3, data=0.3, end=0.3)
        found = results(await smtp.send(ADA, [BEA, CAL], MESSAGE))
    # Within a group the surplus is taken as the next answer, and one is missing or too many at the end.
    assert ACCEPTED not in found
    if replies is PLAIN:
        assert found == [TEMPORARY, TEMPORARY]
        assert b"Subject" not in server.got


async def test_a_refused_token_is_told_from_a_wrong_password():
    async def token():
        return "stale"

    refusal = base64.b64encode(b'{"status":"invalid_token","schemes":"bearer"}').decode()
    script = {**PLAIN, "EHLO": "250-mx\r\n250 AUTH XOAUTH2", "AUTH": f"334 {refusal}", "": "535 5.7.8 no"}
    async with ScriptedServer(script) as server:
        with pytest.raises(SMTPLoginError) as e:
            await client(server.port, credentials=Credentials("ada", get_token=token)).connect()
    assert (e.value.mechanism, e.value.detail) == ("XOAUTH2", "invalid_token")


def test_the_binding_of_a_certificate_is_its_hash():
    der = contexts()[1].get_ca_certs(binary_form=True)[0]
    assert end_point_binding(der) == ("tls-server-end-point", hashlib.sha256(der).digest())
    assert end_point_binding(certificate_k().info.der) is None  # Ed25519 has no hash of its own
    assert end_point_binding(b"nonsense") is None


async def test_no_mechanism_that_fits_is_said():
    for offered in ("SIZE", "AUTH GSSAPI"):
        async with ScriptedServer({**PLAIN, "EHLO": f"250-mx\r\n250 {offered}"}) as server:
            with pytest.raises(NoMechanismError):
                await client(server.port, credentials=Credentials("ada", "secret")).connect()


def test_a_password_never_goes_in_the_clear_to_another_machine():
    for host in ("mail.example", "192.0.2.1", "[2001:db8::1]", "localhost.example"):
        with pytest.raises(SMTPArgumentError, match="TLS"):
            SMTPClient(host, security=Security.NONE, credentials=Credentials("ada", "secret"))
    for host in ("localhost", "127.0.0.1", "[::1]", "::1"):
        SMTPClient(host, security=Security.NONE, credentials=Credentials("ada", "secret"))
        with pytest.raises(SMTPArgumentError, match="TLS"):
            SMTPClient(
                host,
                security=Security.NONE,
                credentials=Credentials("ada", "secret"),
                connect=("mail.example", 25),
            )
    tunnel = {"connect": ("127.0.0.1", 2525), "credentials": Credentials("ada", "secret")}
    SMTPClient("mail.example", security=Security.NONE, **tunnel)


async def test_closing_does_not_wait_for_a_server_that_says_nothing():
    async with ScriptedServer({**PLAIN, "QUIT": "hang"}) as server:
        smtp = client(server.port, timeouts=SMTPTimeouts(quit=0.1))
        await smtp.connect()
        async with asyncio.timeout(60):
            await smtp.close()
            await smtp.close()
    assert server.said[-1] == "QUIT"
