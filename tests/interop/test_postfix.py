"""Our SMTP client against Postfix, and against the LMTP of Dovecot behind it."""

import ssl

import postfix
import pytest
from postfix import ADDRESS, OTHER, PASSWORD, USER

from misfin.email.sasl import Credentials
from misfin.email.smtp import SMTPMessageTooLarge
from misfin.email.smtp.client import Security, SMTPClient, SubmissionResult

MESSAGE = b"From: %s\r\nSubject: dots\r\n\r\n.\r\n..\r\n from here\r\n.end\r\n" % ADDRESS.encode()


@pytest.fixture(scope="module")
def server():
    with postfix.running(size=100_000) as running:
        yield running


def client(server, security):
    port = {Security.TLS: server.smtps, Security.STARTTLS: server.submission}[security]
    trusted = ssl.create_default_context(cafile=str(server.cert))
    return SMTPClient(
        "localhost",
        port,
        security=security,
        credentials=Credentials(USER, PASSWORD),
        context=trusted,
        connect=("127.0.0.1", port),
    )


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
async def test_a_message_arrives_byte_for_byte(server, security):
    before = server.count()
    async with client(server, security) as smtp:
        (found,) = await smtp.send(ADDRESS, [ADDRESS], MESSAGE)
    assert found.result is SubmissionResult.ACCEPTED
    assert postfix.body_of(server.arrived(before + 1)[-1]) == MESSAGE


async def test_each_recipient_has_a_result_of_its_own(server):
    to = [OTHER, "boxed@example.org", "later@example.org", "nobody@example.org"]
    async with client(server, Security.TLS) as smtp:
        found = await smtp.send(ADDRESS, to, MESSAGE)
    assert [each.response.code for each in found] == [250, 550, 450, 550]
    assert len(server.arrived(1, "bea")) == 1


async def test_a_message_over_the_size_it_names_is_not_begun(server):
    async with client(server, Security.TLS) as smtp:
        assert smtp.max_message_size == 100_000
        with pytest.raises(SMTPMessageTooLarge):
            await smtp.send(ADDRESS, [ADDRESS], MESSAGE + b"x\r\n" * 50_000)


async def test_the_lmtp_of_dovecot_answers_for_each_recipient(server):
    before = server.count("bea")
    async with SMTPClient(
        "localhost", security=Security.NONE, lmtp=True, connect=str(server.dovecot.base / "lmtp")
    ) as lmtp:
        found = await lmtp.send(ADDRESS, [OTHER, "nobody@example.org"], MESSAGE)
    assert [each.response.code for each in found] == [250, 550]
    assert len(server.arrived(before + 1, "bea")) == before + 1
