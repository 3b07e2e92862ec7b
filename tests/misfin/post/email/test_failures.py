"""Servers that refuse, hang, lie and leave: what each means for a message (docs/sending-email.md §4)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from emailpost import PATIENT, QUICK, email_desk
from smtppeers import GROUPED, PLAIN, Inbox, ScriptedServer, aiosmtpd, check_password, listening

from misfin.email.account import Login
from misfin.email.secrets import SecretError
from misfin.errors import AccountError
from misfin.post.email.accounts import login_changed
from misfin.store.outgoing.outbox import DeliveryState, Question

ACCEPTED, HELD, FAILED = DeliveryState.ACCEPTED, DeliveryState.HELD, DeliveryState.FAILED
DEFERRED, UNCERTAIN = DeliveryState.DEFERRED, DeliveryState.UNCERTAIN
BEA, CAL, DEE = "bea@example.org", "cal@example.org", "dee@example.org"


@pytest.fixture
def desk(tmp_path):
    with email_desk(tmp_path) as made:
        yield made


@pytest.fixture
def quick(tmp_path):
    with email_desk(tmp_path, timeouts=QUICK) as made:
        yield made


async def states(desk, script, *to, **draft):
    async with ScriptedServer(script) as server:
        desk.at(server.port)
        desk.put(*(to or (BEA,)), **draft)
        return await desk.run()


# ---- replies to the message -------------------------------------------------------------------------

REPLIES = [
    ("450 4.7.1 greylisted, come back", DEFERRED, None, "come back", 300),
    ("451 local error", DEFERRED, None, "cannot take", 300),
    ("452 4.2.2 over quota", DEFERRED, None, "mailbox is full", 7200),
    ("550 5.1.1 no such user", FAILED, None, "no such mailbox", None),
    ("550 5.7.26 not authenticated", FAILED, None, "DMARC", None),
    ("554 no", FAILED, None, "refuses", None),
    ("552 5.2.2 full", FAILED, None, "mailbox is full", None),
    ("552 too much", HELD, Question.TOO_LARGE, "smaller attachments", None),
    ("523 5.3.4 too big", HELD, Question.TOO_LARGE, "smaller attachments", None),
]


@pytest.mark.parametrize("step", ["RCPT", "."])
@pytest.mark.parametrize(("reply", "state", "question", "words", "pause"), REPLIES)
async def test_a_refusal_says_what_it_means_and_in_the_servers_words(
    desk, step, reply, state, question, words, pause
):
    (row,) = await states(desk, {**PLAIN, step: reply})
    assert (row.state, row.question) == (state, question)
    if step == "." or (reply[3:4] == " " and row.status != 554):
        assert words in row.why or step == "RCPT"
    assert row.status == int(reply[:3])
    assert row.meta == reply[4:]
    assert reply in row.why
    if pause:
        assert row.next_attempt - desk.now == pause
    (attempt,) = desk.outbox.attempts(row.id)
    assert reply in attempt.request.decode()


async def test_each_recipient_has_an_ending_of_its_own(desk):
    script = {**GROUPED, "RCPT": ["250 ok", "550 5.1.1 nobody", "450 4.2.1 later"]}
    rows = await states(desk, script, BEA, CAL, DEE)
    assert [row.state for row in rows] == [ACCEPTED, FAILED, DEFERRED]
    assert [row.status for row in rows] == [250, 550, 450]
    # What is left is sent alone, under the same Message-ID.
    inbox = Inbox()
    desk.now = rows[2].next_attempt
    async with aiosmtpd(inbox) as port:
        desk.at(port)
        rows = await desk.run()
    assert rows[2].state is ACCEPTED
    assert inbox.taken[0].rcpt_tos == [DEE]
    assert f"Message-ID: <{rows[0].group}@example.org>".encode() in inbox.contents[0]
    assert b"To: bea@example.org, cal@example.org, dee@example.org" in inbox.contents[0]


async def test_a_refused_sender_fails_for_everybody(desk):
    rows = await states(desk, {**PLAIN, "MAIL": "550 5.7.1 not you"}, BEA, CAL)
    assert [row.state for row in rows] == [FAILED, FAILED]


async def test_a_421_in_the_middle_defers_everything_and_the_route(desk):
    for step in ("MAIL", "RCPT", "DATA", "."):
        desk.put(CAL)
        rows = await states(desk, {**PLAIN, step: "421 4.3.2 going down"})
        assert {row.state for row in rows} == {DEFERRED}, step
        assert rows[-1].next_attempt - desk.now >= 60
        desk.now += 10**6


# ---- nothing but silence and noise --------------------------------------------------------------------


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_server_that_hangs_before_the_end_gets_the_message_later(quick, step):
    (row,) = await states(quick, {**PLAIN, step: "hang"})
    assert row.state is DEFERRED
    assert "did not answer" in row.why


async def test_a_server_that_hangs_after_the_final_dot_leaves_it_uncertain(tmp_path):
    with email_desk(tmp_path, timeouts=replace(PATIENT, end=QUICK.end)) as desk:
        (row,) = await states(desk, {**PLAIN, ".": "hang"})
        assert row.state is UNCERTAIN
        assert "may have arrived" in row.why
        inbox = Inbox()
        async with aiosmtpd(inbox) as port:
            desk.at(port)
            await desk.run()
    assert inbox.taken == []  # only a person repeats it


@pytest.mark.parametrize("reset", [False, True])
async def test_wherever_the_connection_breaks_nothing_is_lost_or_sent_twice(desk, reset):
    """Cut after each byte of the replies: an accepted message is never tried again, and no other is lost."""
    for limit in range(0, 140, 3):
        script = {**PLAIN, ".": "250 2.0.0 queued"}
        async with ScriptedServer(script, limit=limit, reset=reset) as server:
            desk.at(server.port)
            (row,) = desk.put(BEA)
            await desk.run()
            (row,) = [each for each in desk.outbox.rows() if each.id == row.id]
            finished = server.got.endswith(b"\r\n.\r\n") or b"QUIT" in server.got
        wanted = (UNCERTAIN, ACCEPTED) if finished else (DEFERRED,)
        assert row.state in wanted, (limit, row.state, row.why)
        desk.outbox.cancel(row.id, now=desk.now)
        desk.now += 10**6


@pytest.mark.parametrize(
    "noise", [b"\x00\xff\xfe" * 1000 + b"\r\n", b"220-" + b"x" * 10**6, b"220-more\r\n" * 10**5, b"\r\n"]
)
async def test_noise_instead_of_replies_is_not_believed(quick, noise):
    async def serve(reader, writer):
        writer.write(noise)
        await writer.drain()
        await reader.read()

    async with listening(serve) as port:
        quick.at(port)
        quick.put(BEA)
        (row,) = await quick.run()
    assert row.state is DEFERRED
    assert len(row.why) < 500
    assert row.why.isprintable()


@pytest.mark.parametrize("step", ["greeting", "EHLO"])
async def test_a_server_that_takes_nothing_is_tried_again(desk, step):
    script = {**PLAIN, step: "554 5.7.1 go away", "HELO": "554 5.7.1 go away"}
    (row,) = await states(desk, script)
    assert row.state is DEFERRED
    assert "554 5.7.1 go away" in row.why


async def test_nobody_there_and_no_such_name_are_tried_again(desk):
    desk.at(1)
    desk.put(BEA)
    (row,) = await desk.run()
    assert (row.state, row.next_attempt - desk.now) == (DEFERRED, 60)
    desk.at(1, host="no-such-host.invalid")
    desk.now += 100
    (row,) = await desk.run()
    assert row.state is DEFERRED


# ---- logging in -----------------------------------------------------------------------------------------


async def test_a_wrong_password_stops_the_account_until_it_is_changed(tmp_path):
    inbox = Inbox()
    how = {"authenticator": check_password, "auth_require_tls": False}
    with email_desk(tmp_path, login=Login.PASSWORD, password="wrong") as desk:
        async with aiosmtpd(inbox, **how) as port:
            desk.at(port)
            desk.put(BEA)
            desk.put(CAL)
            rows = await desk.run()
            assert [(row.state, row.question) for row in rows] == [(HELD, Question.ACCOUNT)] * 2
            assert "refused the log-in" in rows[0].why
            assert len(desk.outbox.attempts(rows[1].id)) == 0  # not even tried
            assert "wrong" not in repr(desk.outbox.attempts(rows[0].id))
            desk.password = "secret"
            await desk.run()
            assert inbox.taken == []  # nobody has said that it changed
            assert login_changed(desk.outbox, "work", now=desk.now) == 2
            rows = await desk.run()
    assert [row.state for row in rows] == [ACCEPTED, ACCEPTED]


async def test_changed_settings_release_what_the_account_holds(tmp_path):
    inbox = Inbox()
    with email_desk(tmp_path) as desk:
        async with ScriptedServer({**PLAIN, "MAIL": "530 5.7.0 log in first"}) as server:
            desk.at(server.port)
            desk.put(BEA)
            (row,) = await desk.run()
            assert (row.state, row.question) == (HELD, Question.ACCOUNT)
        async with aiosmtpd(inbox) as port:
            desk.at(port)
            (row,) = await desk.run()
    assert row.state is ACCEPTED


@pytest.mark.parametrize("code", [530, 534, 535, 538])
async def test_every_refused_log_in_asks(tmp_path, code):
    script = {**PLAIN, "EHLO": "250-mx\r\n250 AUTH PLAIN", "AUTH": f"{code} 5.7.8 no"}
    with email_desk(tmp_path, login=Login.PASSWORD) as desk:
        (row,) = await states(desk, script)
    assert (row.state, row.question) == (HELD, Question.ACCOUNT)


async def test_a_log_in_that_fails_for_now_is_tried_again(tmp_path):
    script = {**PLAIN, "EHLO": "250-mx\r\n250 AUTH PLAIN", "AUTH": "454 4.7.0 later"}
    with email_desk(tmp_path, login=Login.PASSWORD) as desk:
        (row,) = await states(desk, script)
    assert row.state is DEFERRED


async def test_a_locked_keyring_and_no_common_mechanism_ask(tmp_path):
    with email_desk(tmp_path, login=Login.PASSWORD) as desk:
        desk.password = SecretError("The keyring is locked.", remedy="Unlock it.")
        (row,) = await states(desk, PLAIN)
        assert (row.state, row.question) == (HELD, Question.ACCOUNT)
        assert row.why == "The keyring is locked. Unlock it."
        desk.password = "secret"
        login_changed(desk.outbox, "work", now=desk.now)
        (row,) = await states_again(desk, {**PLAIN, "EHLO": "250-mx\r\n250 AUTH GSSAPI"})
    assert (row.state, row.question) == (HELD, Question.ACCOUNT)
    assert "GSSAPI" in row.why


async def states_again(desk, script):
    async with ScriptedServer(script) as server:
        desk.at(server.port)
        return await desk.run()


# ---- sizes ------------------------------------------------------------------------------------------------


async def test_a_message_over_the_limit_is_held_before_mail_with_the_limit_named(desk):
    script = {**PLAIN, "EHLO": "250-mx\r\n250 SIZE 2000000"}
    async with ScriptedServer(script) as server:
        desk.at(server.port)
        desk.put(BEA, body="x" * 70 + "\n" + "line\n" * 500_000)
        (row,) = await desk.run()
    assert (row.state, row.question) == (HELD, Question.TOO_LARGE)
    assert "accepts at most 2 MB, and this message has 3 MB" in row.why
    assert b"MAIL" not in server.got
    # Remembered: the meter says so beforehand.
    from misfin.store.outgoing.drafts import Draft

    found = desk.transport.measure(Draft(account="work", to=(BEA,), body="Hi"), [])
    assert (found.limit, found.host) == (2_000_000, "127.0.0.1")


# ---- connections


async def test_one_connection_serves_all_messages_that_are_due(desk):
    script = {**PLAIN}
    async with ScriptedServer(script) as server:
        desk.at(server.port)
        for _ in range(3):
            desk.put(BEA)
        rows = await desk.run()
        await asyncio.sleep(0)
    assert [row.state for row in rows] == [ACCEPTED] * 3
    assert server.connections == 1


async def test_a_kept_connection_the_server_has_closed_is_opened_again(desk):
    script = {**PLAIN, "MAIL": ["250 ok", "421 4.4.2 idle too long", "250 ok"]}
    async with ScriptedServer(script) as server:
        desk.at(server.port)
        desk.put(BEA)
        desk.put(CAL)
        rows = await desk.run()
    assert [row.state for row in rows] == [ACCEPTED] * 2
    assert server.connections == 2


async def test_an_account_that_is_gone_or_cannot_send_asks(desk):
    desk.put(BEA)
    desk.account = replace(desk.account, outgoing=None)
    (row,) = await desk.run()
    assert (row.state, row.question) == (HELD, Question.PERSON)
    assert "no server for sending" in row.why


async def test_an_account_that_is_removed_while_its_connection_is_open_loses_no_message(desk):
    async with ScriptedServer(PLAIN) as server:
        desk.at(server.port)
        desk.put(BEA)
        desk.put(CAL)
        found = desk.account_of

        def gone_after_the_first(name):
            if b"\r\n.\r\n" in server.got:
                raise AccountError(f"There is no account {name}.")
            return found(name)

        desk.transport._account_of = gone_after_the_first
        rows = await desk.run()
    assert [row.state for row in rows] == [ACCEPTED, HELD]
    assert rows[1].question is Question.PERSON
