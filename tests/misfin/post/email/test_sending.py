"""E-mail from draft to server: what arrives, what the outbox says, and what becomes of each recipient."""

from __future__ import annotations

import email
import email.policy

import pytest
from emailpost import email_desk, server_certificate, server_context
from smtppeers import Inbox, aiosmtpd, check_password

from misfin.email.account import Login, Protection
from misfin.store.outgoing.outbox import DeliveryState, Phase

ACCEPTED, HELD, FAILED = DeliveryState.ACCEPTED, DeliveryState.HELD, DeliveryState.FAILED
DEFERRED, UNCERTAIN, WAITING = DeliveryState.DEFERRED, DeliveryState.UNCERTAIN, DeliveryState.WAITING


@pytest.fixture
def desk(tmp_path):
    with email_desk(tmp_path) as made:
        yield made


async def test_one_message_goes_to_everybody_at_once_and_a_copy_to_sent(desk):
    inbox = Inbox()
    async with aiosmtpd(inbox) as port:
        desk.at(port)
        desk.put("Bea <bea@example.org>", cc=("cal@example.org",), bcc=("dee@example.org",))
        rows = await desk.run()
    assert [row.state for row in rows] == [ACCEPTED] * 3
    assert {row.server for row in rows} == {"127.0.0.1"}
    (envelope,) = inbox.taken
    assert envelope.mail_from == "ada@example.org"
    assert envelope.rcpt_tos == ["bea@example.org", "cal@example.org", "dee@example.org"]
    arrived = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
    assert (arrived["From"], arrived["To"]) == ("Ada Example <ada@example.org>", "Bea <bea@example.org>")
    assert (arrived["Cc"], arrived["Bcc"]) == ("cal@example.org", None)
    assert arrived["Message-ID"] == f"<{rows[0].group}@example.org>"
    assert arrived["Date"].datetime.timestamp() == desk.now
    assert arrived.get_content().splitlines() == ["Hello"]
    assert rows[0].size == len(envelope.original_content)
    (copy,) = desk.sent()
    filed = email.message_from_bytes(copy, policy=email.policy.default)
    assert (filed["Bcc"], filed["Message-ID"]) == ("dee@example.org", arrived["Message-ID"])
    assert b"\r" not in copy


async def test_logging_in_over_tls_works_and_is_masked_in_the_transcript(tmp_path):
    pem, trusted = server_certificate()
    (tmp_path / "ca.pem").write_bytes(trusted)
    inbox = Inbox()
    how = {
        "implicit": server_context(pem, tmp_path),
        "authenticator": check_password,
        "auth_require_tls": False,
    }
    async with aiosmtpd(inbox, **how) as port:
        with email_desk(
            tmp_path,
            port,
            host="localhost",
            protection=Protection.TLS,
            login=Login.PASSWORD,
            ca_file=str(tmp_path / "ca.pem"),
        ) as desk:
            (row,) = desk.put("bea@example.org")
            (row,) = await desk.run()
            assert row.state is ACCEPTED, row.why
            (attempt,) = desk.outbox.attempts(row.id)
    assert attempt.version == "SMTP"
    assert attempt.certificate
    assert attempt.phase is Phase.ANSWERED
    assert b"AUTH PLAIN ***" in attempt.request
    assert b"secret" not in attempt.request
    assert attempt.response.startswith("250")


@pytest.mark.parametrize("put_back_by", [3600.0, 365 * 86400.0])
async def test_a_chosen_time_stays_when_the_clock_is_put_back(desk, put_back_by):
    inbox = Inbox()
    async with aiosmtpd(inbox) as port:
        desk.at(port)
        eight = desk.now + 7200.0
        (chosen,) = desk.put("bea@example.org", send_at=eight)
        (at_once,) = desk.put("cal@example.org")
        desk.now -= put_back_by
        await desk.run()
        assert desk.row(at_once.id).state is ACCEPTED
        assert desk.row(chosen.id).next_attempt == desk.row(chosen.id).hold_until == eight
        desk.now = eight - 1
        await desk.run()
        assert len(inbox.taken) == 1
        desk.now = eight + 1
        await desk.run()
    assert [each.rcpt_tos for each in inbox.taken] == [["cal@example.org"], ["bea@example.org"]]
