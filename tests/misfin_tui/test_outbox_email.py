"""E-mail in the outbox: a server that is not trusted, a log-in that is refused, and what was said."""

from __future__ import annotations

import time

import pytest
from certificates import build
from desk import at_desk, make_profile, on_screen, shown, until

from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient
from misfin.store.outgoing.drafts import Draft, to_bytes
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Question, Transcript
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.dialogs.certificate import CertificateDialog, TrustStep
from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.screens.outbox import OutboxScreen
from misfin_tui.screens.settings import SettingsScreen

SERVER = "smtp.example.org:465"
SAID = Transcript(
    host="smtp.example.org",
    port=465,
    version="SMTP",
    request=b"C: AUTH PLAIN ***\r\nS: 535 5.7.8 no",
    response="535 5.7.8 no",
)
SETTINGS = """[receive]
enabled = false
[accounts.work]
kind = "email"
address = "ada@example.org"
smtp = "smtps://smtp.example.org"
auth = "none"
"""


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS)


def put(profile, outcome, to="bea@example.org"):
    outbox, now = Outbox(profile.outbox_db), time.time()
    (row,) = outbox.enqueue(
        account="work",
        kind=AddressKind.MAIL,
        recipients=[Recipient(to, "smtp:work")],
        message=b"",
        subject="Meeting",
        now=now,
        draft=to_bytes(Draft(account="work", to=(to,), subject="Meeting", body="text\n")),
    )
    claim = outbox.claim(now)
    outbox.finish([(claim.deliveries[0], outcome, SAID)], now)
    outbox.close()
    return row


def state_of(profile):
    outbox = Outbox(profile.outbox_db)
    try:
        return {row.state for row in outbox.rows()}
    finally:
        outbox.close()


async def open_outbox(app, pilot):
    await pilot.press("O")
    await until(pilot, lambda: isinstance(app.screen, OutboxScreen) and app.screen.rows.items)


async def test_a_mail_server_is_trusted_in_the_same_two_steps_as_a_host(profile):
    shown_now = build(names=("smtp.example.org",), users=()).info
    with PinBook(profile.trust_db) as pins:
        pins.offer(PinKind.MAIL, SERVER, shown_now, now=time.time())
    put(profile, Outcome(DeliveryState.HELD, "x", question=Question.UNTRUSTED_SERVER, pin_name=SERVER))
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        text = shown(app)
        assert f"The certificate of {SERVER} is not trusted" in text
        assert "It is self-signed." in text
        assert "1 message needs your decision" in text
        await pilot.click("#trust")
        await until(pilot, lambda: isinstance(app.screen, TrustStep))
        await pilot.press(*shown_now.fingerprints.cert[:4], "enter", "enter")
        await until(pilot, lambda: DeliveryState.HELD not in state_of(profile))
        assert app.services.pin_book.anchor(SERVER) == shown_now.der


async def test_a_refused_log_in_is_tried_again_for_the_whole_account(profile):
    held = Outcome(
        DeliveryState.HELD,
        "It refused the log-in.",
        question=Question.ACCOUNT,
        pin_name="account:work",
        pinned="x",
    )
    for to in ("bea@example.org", "cal@example.org"):
        put(profile, held, to)
    async with at_desk(profile, (100, 30)) as (app, pilot):
        app.services.transports[AddressKind.MAIL].answered = lambda name: "x"  # settings are as they were
        await open_outbox(app, pilot)
        await on_screen(pilot, "Decide")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        assert "sends everything that waits" in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.press("q", "a")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        await pilot.press("down", "enter")
        await until(pilot, lambda: DeliveryState.HELD not in state_of(profile))


async def test_what_was_said_is_one_key_away_with_the_log_in_masked(profile):
    put(profile, Outcome(DeliveryState.FAILED, "There is no such mailbox.", status=550, meta="5.1.1 no"))
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await on_screen(pilot, "Failed: There is no such mailbox.")
        await pilot.press("enter")
        await on_screen(pilot, "AUTH PLAIN ***")
        await on_screen(pilot, "S: 535 5.7.8 no")
