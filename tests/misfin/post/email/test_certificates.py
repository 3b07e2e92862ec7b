"""Servers without an authority: refused, asked about, trusted by a person, renewed, changed, put right."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from emailpost import email_desk, server_certificate, server_context
from smtppeers import PLAIN, Inbox, ScriptedServer, aiosmtpd, check_password

from misfin.email.account import Login, Protection
from misfin.post import decisions
from misfin.post.events import CourierNotice
from misfin.store.outgoing.outbox import DeliveryState, Question
from misfin.trust.fingerprint import fingerprints_of
from misfin.trust.tofu import Decision, PinKind, Remark

ACCEPTED, HELD, DEFERRED = DeliveryState.ACCEPTED, DeliveryState.HELD, DeliveryState.DEFERRED
BEA, CAL = "bea@example.org", "cal@example.org"


class Stores:
    """What decisions.py needs, of a desk."""

    def __init__(self, desk) -> None:
        self.pin_book, self.outbox_queue, self.store = desk.pins, desk.outbox, desk.store


@asynccontextmanager
async def serving(desk, folder, case, inbox, protection=Protection.TLS):
    pem, _ = server_certificate(case)
    context = server_context(pem, folder)
    how = {"authenticator": check_password}
    if protection is Protection.TLS:
        how |= {"implicit": context, "auth_require_tls": False}
    else:
        how |= {"tls_context": context, "require_starttls": True}
    async with aiosmtpd(inbox, port=desk.account.outgoing.port, **how) as port:
        desk.at(port, protection=protection)
        yield


def desk_of(folder, **account):
    return email_desk(folder, 0, host="localhost", login=Login.PASSWORD, **account)


CASES = {
    "good": "it is self-signed",
    "expired": "it has expired",
    "other name": "it belongs to another server",
    "unknown issuer": "an authority that this computer does not know",
}


@pytest.mark.parametrize("protection", [Protection.TLS, Protection.STARTTLS])
@pytest.mark.parametrize("case", CASES)
async def test_a_certificate_that_is_not_trusted_holds_everything_until_a_person_trusts_it(
    tmp_path, case, protection
):
    inbox = Inbox()
    _, trusted = server_certificate(case)
    known = {}
    if case in ("expired", "other name"):  # by an authority we know, so that this alone is wrong
        (tmp_path / "ca.pem").write_bytes(trusted)
        known = {"ca_file": str(tmp_path / "ca.pem")}
    with desk_of(tmp_path, **known) as desk:
        async with serving(desk, tmp_path, case, inbox, protection):
            name = desk.account.outgoing.name
            desk.put(BEA)
            desk.put(CAL)
            rows = await desk.run()
            assert [(row.state, row.question) for row in rows] == [(HELD, Question.UNTRUSTED_SERVER)] * 2
            assert CASES[case] in rows[0].why
            assert rows[0].pin_name == name
            question = decisions.question(Stores(desk), PinKind.MAIL, name, now=desk.now)
            assert (question.pin, len(question.waiting)) == (None, 2)
            assert question.verdict.decision is Decision.FIRST_USE
            assert (Remark.EXPIRED in question.verdict.remarks) == (case == "expired")
            assert (Remark.HOST_MISMATCH in question.verdict.remarks) == (case == "other name")
            # What a person approves is that certificate, whatever was wrong with it.
            wanted = question.shown.fingerprints.cert
            freed = decisions.approve(Stores(desk), PinKind.MAIL, name, wanted, where="here", now=desk.now)
            assert freed == 2
            rows = await desk.run()
        assert [row.state for row in rows] == [ACCEPTED, ACCEPTED]
        assert len(inbox.taken) == 2
        assert desk.pins.get(PinKind.MAIL, name).uses == 1


async def test_another_certificate_than_the_trusted_one_is_never_accepted_silently(tmp_path):
    inbox = Inbox()
    with desk_of(tmp_path) as desk:
        async with serving(desk, tmp_path, "good", inbox):
            name = desk.account.outgoing.name
            trust(desk, name, "good")
            desk.put(BEA)
            (row,) = await desk.run()
            assert row.state is ACCEPTED
        async with serving(desk, tmp_path, "other key", inbox):
            assert desk.account.outgoing.name == name
            desk.put(CAL)
            rows = await desk.run()
        assert (rows[1].state, rows[1].question) == (HELD, Question.CHANGED_CERTIFICATE)
        question = decisions.question(Stores(desk), PinKind.MAIL, name, now=desk.now)
        assert question.verdict.decision is Decision.CHANGED
        assert question.pin is not None
        assert decisions.refuse(Stores(desk), PinKind.MAIL, name, now=desk.now) == 1
        assert desk.row(rows[1].id).state is DeliveryState.CANCELLED
    assert len(inbox.taken) == 1


async def test_the_certificate_trusted_for_another_port_of_the_host_needs_no_second_question(
    tmp_path,
):
    inbox = Inbox()
    with desk_of(tmp_path) as desk:
        trust(desk, "localhost:993", "good")
        async with serving(desk, tmp_path, "good", inbox):
            desk.put(BEA)
            (row,) = await desk.run()
            assert row.state is ACCEPTED
            assert desk.pins.get(PinKind.MAIL, desk.account.outgoing.name).how == "approved for localhost:993"
        assert desk.pins.offers() == []


@pytest.mark.parametrize(
    ("name", "case"),
    [("localhost:993", "other key"), ("localhost:993", "renewed"), ("other.example:993", "good")],
)
async def test_what_is_trusted_elsewhere_counts_only_for_that_host_and_that_certificate(tmp_path, name, case):
    inbox = Inbox()
    with desk_of(tmp_path) as desk:
        trust(desk, name, case)
        async with serving(desk, tmp_path, "good", inbox):
            desk.put(BEA)
            (row,) = await desk.run()
            assert (row.state, row.question) == (HELD, Question.UNTRUSTED_SERVER)
    assert inbox.taken == []


async def test_a_new_certificate_of_the_trusted_key_is_accepted_and_noted(tmp_path):
    inbox = Inbox()
    with desk_of(tmp_path) as desk:
        async with serving(desk, tmp_path, "renewed", inbox):
            name = desk.account.outgoing.name
            trust(desk, name, "good")
            desk.put(BEA)
            (row,) = await desk.run()
            assert row.state is ACCEPTED, row.why
            pin = desk.pins.get(PinKind.MAIL, name)
            assert pin.cert_sha256 == sha256("renewed")
            assert pin.history[0].cert_sha256 == sha256("good")
            desk.put(CAL)
            rows = await desk.run()
    assert rows[1].state is ACCEPTED


async def test_a_server_that_authorities_vouch_for_by_now_loses_its_exception_and_that_is_said_once(tmp_path):
    inbox = Inbox()
    _, trusted = server_certificate("good")
    (tmp_path / "ca.pem").write_bytes(trusted)
    with desk_of(tmp_path, ca_file=str(tmp_path / "ca.pem")) as desk:
        async with serving(desk, tmp_path, "good", inbox):
            name = desk.account.outgoing.name
            trust(desk, name, "other key")
            desk.put(BEA)
            (row,) = await desk.run()
            assert row.state is ACCEPTED, row.why
            desk.put(CAL)
            rows = await desk.run()
        assert rows[1].state is ACCEPTED
        assert desk.pins.get(PinKind.MAIL, name) is None
        notices = [each.text for each in desk.events if isinstance(each, CourierNotice)]
        assert len(notices) == 1
        assert "your exception for it was removed" in notices[0]


# ---- what was held, once nobody has to decide any more


async def held(desk, *to):
    """Queue a message, which is held because of the server's certificate."""
    for each in to or (BEA,):
        desk.put(each)
    rows = await desk.run()
    assert {row.question for row in rows} == {Question.UNTRUSTED_SERVER}
    return rows


async def test_it_is_sent_once_an_authority_in_the_settings_vouches_for_the_server(tmp_path):
    inbox = Inbox()
    with desk_of(tmp_path) as desk:
        async with serving(desk, tmp_path, "good", inbox):
            await held(desk, BEA, CAL)
            name = desk.account.outgoing.name
            assert desk.pins.offered(PinKind.MAIL, name) is not None
            know(desk, tmp_path, "good")
            rows = await desk.run()
        assert [row.state for row in rows] == [ACCEPTED, ACCEPTED]
        assert desk.pins.offered(PinKind.MAIL, name) is None, "there is nothing to decide any more"
        (notice,) = [each.text for each in desk.events if isinstance(each, CourierNotice)]
        assert "can be trusted now" in notice


async def test_it_is_sent_once_the_server_presents_a_certificate_of_a_known_authority(tmp_path):
    with desk_of(tmp_path) as desk:
        know(desk, tmp_path, "good")
        async with serving(desk, tmp_path, "other key", Inbox()):
            await held(desk)
        async with serving(desk, tmp_path, "good", inbox := Inbox()):
            (row,) = await desk.run()
    assert row.state is ACCEPTED
    assert len(inbox.taken) == 1


async def test_it_is_sent_once_the_certificate_is_approved_by_another_process(tmp_path):
    with desk_of(tmp_path) as desk:
        async with serving(desk, tmp_path, "good", Inbox()):
            await held(desk)
            trust(desk, desk.account.outgoing.name, "good")
            (row,) = await desk.run()
    assert row.state is ACCEPTED


async def test_it_stays_held_and_unmentioned_while_the_server_is_as_doubtful_as_before(tmp_path):
    with desk_of(tmp_path) as desk:
        async with serving(desk, tmp_path, "good", inbox := Inbox()):
            (before,) = await held(desk)
            desk.events.clear()
            (row,) = await desk.run()
        assert row == before
        assert desk.events == []
        assert inbox.taken == []


async def test_a_courier_at_work_follows_the_settings(tmp_path):
    with desk_of(tmp_path) as desk:
        async with serving(desk, tmp_path, "good", Inbox()):
            (row,) = await held(desk)
            courier = desk.courier()
            working = asyncio.create_task(courier.run())
            know(desk, tmp_path, "good")
            courier.accounts_changed()
            await until_true(lambda: desk.row(row.id).state is ACCEPTED)
            await courier.stop()
            await working


async def test_a_connection_is_not_used_any_more_once_the_settings_have_changed(tmp_path):
    with email_desk(tmp_path) as desk:
        async with ScriptedServer(PLAIN) as server, ScriptedServer(PLAIN) as other:
            desk.at(server.port)
            courier = desk.courier()
            working = asyncio.create_task(courier.run())
            (row,) = desk.put(BEA)
            await until_true(lambda: desk.row(row.id).state is ACCEPTED)
            desk.at(other.port)
            courier.accounts_changed()
            (row,) = desk.put(CAL)
            courier.wake()
            await until_true(lambda: desk.row(row.id).state is ACCEPTED)
            await until_true(lambda: b"QUIT" in server.got)
            assert CAL.encode() in other.got
            await courier.stop()
            await working


async def until_true(holds):
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


def know(desk, folder, case):
    """The account's own authority is the one of this certificate from now on."""
    (folder / "known.pem").write_bytes(server_certificate(case)[1])
    desk.account = replace(desk.account, ca_file=str(folder / "known.pem"))


@pytest.mark.parametrize(
    ("script", "state", "question"),
    [
        ({"EHLO": "250-mx\r\n250 AUTH PLAIN"}, HELD, Question.ACCOUNT),  # not offered
        ({"EHLO": "250-mx\r\n250 STARTTLS", "STARTTLS": "454 4.7.0 not now"}, DEFERRED, None),
        ({"EHLO": "250-mx\r\n250 STARTTLS", "STARTTLS": "502 no such thing"}, DEFERRED, None),
        ({"EHLO": "250-mx\r\n250 STARTTLS", "STARTTLS": "220 go\r\n250 injected"}, DEFERRED, None),
        ({"EHLO": "250-mx\r\n250 STARTTLS", "STARTTLS": "220 go"}, DEFERRED, None),  # and then no TLS
    ],
)
async def test_without_the_tls_that_was_asked_for_no_password_leaves(tmp_path, script, state, question):
    with desk_of(tmp_path) as desk:
        async with ScriptedServer({**PLAIN, **script}) as server:
            desk.at(server.port, protection=Protection.STARTTLS)
            desk.put(BEA)
            (row,) = await desk.run()
    assert (row.state, row.question) == (state, question), row.why
    assert b"AUTH" not in server.got
    assert b"MAIL" not in server.got


async def test_a_ca_file_that_cannot_be_read_asks(tmp_path):
    with desk_of(tmp_path, ca_file=str(tmp_path / "gone.pem")) as desk:
        async with serving(desk, tmp_path, "good", Inbox()):
            desk.put(BEA)
            (row,) = await desk.run()
    assert (row.state, row.question) == (HELD, Question.ACCOUNT)
    assert "gone.pem" in row.why


def sha256(case):
    return fingerprints_of(der(case)).cert


def der(case):
    import ssl

    return ssl.PEM_cert_to_DER_cert(server_certificate(case)[1].decode())


def trust(desk, name, case):
    from misfin.trust.certificate import read_certificate

    shown = read_certificate(der(case))
    desk.pins.replace(PinKind.MAIL, name, shown, how="approved here", now=desk.now)
