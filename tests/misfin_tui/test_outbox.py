"""The outbox screen: every state in words, transcripts, and each question answered in its own way."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from desk import ALICE, at_desk, identity, make_profile, notices, on_screen, shown, until
from outgoing import claimed, finish, recipients
from textual.widgets import Button

from misfin.compose.writing import gemmail_of
from misfin.store.mail.maildir import MailStore
from misfin.store.outgoing.drafts import Draft, DraftBox, to_bytes
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Question, Transcript
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.dialogs.certificate import CertificateDialog, TrustStep
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.redirect import RedirectDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.messages import OutboxChanged
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.outbox import OutboxScreen
from misfin_tui.wording.outbox import state_words

HOUR = 3600.0


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


SAID = Transcript(host="hive.test", port=1958, version="C")


def put(
    profile,
    outcome: Outcome | None,
    *,
    to: str = "bob@hive.test",
    transcript: Transcript = SAID,
    hold: float = HOUR,
) -> int:
    """One message in the outbox, perhaps with one attempt that came to ``outcome``."""
    outbox = Outbox(profile.outbox_db)
    now = time.time()
    draft = Draft(account=ALICE, to=(to,), subject="Meeting", body="text\n")
    (row_id,) = outbox.enqueue(
        account=ALICE,
        recipients=recipients(to),
        message=gemmail_of(draft),
        subject="Meeting",
        now=now,
        hold_until=0.0 if outcome else now + hold,
        draft=to_bytes(draft),
    )
    if outcome is not None:
        claim = claimed(outbox, now)
        if outcome.state is DeliveryState.UNCERTAIN:
            outbox.leaving([claim], now)
        finish(outbox, claim, outcome, transcript, now + 0.4)
    outbox.close()
    return row_id


def rows(profile):
    outbox = Outbox(profile.outbox_db)
    try:
        return outbox.rows()
    finally:
        outbox.close()


def offered_keys(app) -> str:
    return shown(app).splitlines()[-1]


async def open_outbox(app, pilot) -> OutboxScreen:
    await pilot.press("O")
    await until(pilot, lambda: isinstance(app.screen, OutboxScreen) and app.screen.rows.items)
    return app.screen


STATES = {
    "sends in": None,
    "tries again in 5 min: It is away.": Outcome(DeliveryState.DEFERRED, "It is away.", next_attempt=1.0),
    "delivered": Outcome(DeliveryState.DELIVERED, status=20, meta="ab" * 32),
    "held: The certificate has changed.": Outcome(
        DeliveryState.HELD,
        "The certificate has changed.",
        question=Question.CHANGED_CERTIFICATE,
        pin_name="hive.test:1958",
    ),
    "failed: 51 Mailbox not found": Outcome(
        DeliveryState.FAILED, "No such mailbox.", status=51, meta="Mailbox not found"
    ),
    "uncertain: The connection was cut.": Outcome(DeliveryState.UNCERTAIN, "The connection was cut."),
}


@pytest.mark.parametrize("words", STATES)
async def test_each_state_says_what_it_means(profile, words):
    outcome = STATES[words]
    if outcome is not None and outcome.next_attempt:
        outcome = replace(outcome, next_attempt=time.time() + 300)
    put(profile, outcome)
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await open_outbox(app, pilot)
        await on_screen(pilot, words)


def test_every_state_has_words_and_a_sign():
    from misfin_tui.wording.outbox import MARKS, TONES

    assert set(MARKS) == set(TONES) == set(DeliveryState)
    assert len(set(MARKS.values())) == len(DeliveryState)


async def test_the_transcript_has_the_servers_own_words(profile):
    said = Transcript(
        host="hive.test",
        port=1958,
        version="C",
        certificate="12ab34",
        decision="trusted",
        request=b"misfin://bob@hive.test\t16\r\n\n\n\ntext\n",
        response="40 Try \x1b[31mlater",
    )
    put(profile, Outcome(DeliveryState.DEFERRED, "later", next_attempt=time.time() + 99), transcript=said)
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FactsDialog))
        text = shown(app)
        assert "misfin://bob@hive.test" in text
        assert "40 Try ␛[31mlater" in text
        assert "12ab 34" in text
        assert "trusted" in text
        assert "\x1b" not in text
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OutboxScreen))


@pytest.mark.parametrize(
    ("outcome", "labels"),
    [
        (None, ["Send now"]),
        (Outcome(DeliveryState.DEFERRED, "away", next_attempt=9e9), ["Try now"]),
        (Outcome(DeliveryState.FAILED, "No such mailbox.", status=51), ["Edit …"]),
        (Outcome(DeliveryState.UNCERTAIN, "cut off"), ["Send again …"]),
        (Outcome(DeliveryState.DELIVERED), []),
    ],
)
async def test_the_transcript_offers_what_may_help(profile, outcome, labels):
    put(profile, outcome)
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FactsDialog))
        offered = [str(each.label) for each in app.screen.query(Button)]
        assert [label.strip() for label in offered if "Close" not in label] == labels


async def test_a_failed_message_is_edited_from_its_transcript(profile):
    put(profile, Outcome(DeliveryState.FAILED, "No such mailbox.", status=51))
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FactsDialog))
        await pilot.click("#edit")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))


async def test_a_deferred_message_can_be_tried_at_once(profile):
    put(profile, Outcome(DeliveryState.DEFERRED, "away", next_attempt=time.time() + HOUR))
    async with at_desk(profile) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("r")
        await until(pilot, lambda: rows(profile)[0].next_attempt <= time.time())


async def test_an_uncertain_message_is_never_repeated_without_asking(profile):
    put(profile, Outcome(DeliveryState.UNCERTAIN, "cut off"))
    async with at_desk(profile) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "twice" in shown(app)
        assert app.focused.id == "no"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OutboxScreen))
        assert rows(profile)[0].state is DeliveryState.UNCERTAIN
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.click("#yes")
        await until(pilot, lambda: rows(profile)[0].state is not DeliveryState.UNCERTAIN)


async def test_a_waiting_message_can_be_edited(profile):
    put(profile, None)
    async with at_desk(profile) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        assert app.screen.fields.to.value == "bob@hive.test"
        assert app.screen.subject.value == "Meeting"
        assert rows(profile) == []
        assert len(DraftBox(MailStore(profile.mail)).all()) == 1


async def test_what_was_delivered_cannot_be_edited(profile):
    put(profile, Outcome(DeliveryState.DELIVERED, status=20))
    async with at_desk(profile) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: any("cannot be edited" in note for note in notices(app)))


async def test_cancelling_asks_first(profile):
    put(profile, None)
    async with at_desk(profile) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.click("#yes")
        await until(pilot, lambda: rows(profile)[0].state is DeliveryState.CANCELLED)
        await until(pilot, lambda: isinstance(app.screen, OutboxScreen))
        await on_screen(pilot, "cancelled")
        await pilot.press("d")
        await until(pilot, lambda: rows(profile) == [])


async def test_undo_send_takes_back_what_was_just_sent(profile):
    async with at_desk(profile) as (app, pilot):
        draft = Draft(account=ALICE, to=("bob@hive.test",), subject="Hi", body="text")
        await app.services.sending.submit(draft)
        await open_outbox(app, pilot)
        await pilot.press("z")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        assert rows(profile) == []


async def test_a_message_to_be_sent_later_says_when_and_is_undone_after_a_restart(profile):
    put(profile, None, hold=30 * HOUR)
    put(profile, None, to="carol@hive.test", hold=100)
    async with at_desk(profile, (120, 30)) as (app, pilot):
        screen = await open_outbox(app, pilot)
        later = next(row for row in screen.rows.items if row.to == "bob@hive.test")
        await on_screen(pilot, time.strftime("%H:%M; z to undo", time.localtime(later.hold_until)))
        await on_screen(pilot, "1 sending · 1 for later")
        screen.rows.go_to(later.id)
        await pilot.press("z")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        assert app.screen.draft.to == ("bob@hive.test",)
        assert [row.to for row in rows(profile)] == ["carol@hive.test"]


@pytest.mark.parametrize("key", ["z", "e", "d", "r"])
async def test_what_was_decided_about_in_the_outbox_is_not_offered_to_be_taken_back(profile, key):
    async with at_desk(profile) as (app, pilot):
        await app.services.sending.submit(Draft(account=ALICE, to=("bob@hive.test",), subject="Hi", body="x"))
        app.say("The message will be sent in 3600 s; z to undo.", timeout=3600, about="sending")
        await open_outbox(app, pilot)
        await pilot.press(key)
        if key == "d":
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            await pilot.click("#yes")
        await until(pilot, lambda: not notices(app))
        assert app.services.sending.undoable() is None


async def test_a_copy_that_was_cancelled_does_not_come_back_with_the_others(profile):
    async with at_desk(profile) as (app, _pilot):
        to = ("bob@hive.test", "carol@hive.test")
        sent = await app.services.sending.submit(Draft(account=ALICE, to=to, subject="Hi", body="x"))
        await app.services.sending.cancel(sent.ids[0])
        left = app.services.sending.undoable()
        assert left.ids == sent.ids[1:]
        draft = await app.services.sending.undo_send(left.ids)
        assert draft.to == ("carol@hive.test",)


# ---- what a person can do about a row


WAITING_FOR_A_PERSON = {
    "a Decide": Outcome(DeliveryState.HELD, "asks", question=Question.PERSON),
    "r asks, then sends it again": Outcome(DeliveryState.UNCERTAIN, "cut off"),
    "a marks the mailbox as gone": Outcome(DeliveryState.FAILED, "gone", status=52, meta="gone"),
    "e edits it, to shorten or split it": Outcome(
        DeliveryState.HELD, "too long", question=Question.TOO_LARGE
    ),
}


@pytest.mark.parametrize("words", WAITING_FOR_A_PERSON)
async def test_the_key_that_is_wanted_stands_above_the_reason(profile, words):
    put(profile, replace(WAITING_FOR_A_PERSON[words], why="This is a long reason. " * 20))
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await open_outbox(app, pilot)
        await on_screen(pilot, words)
        above = next(number for number, line in enumerate(shown(app).splitlines()) if words in line)
        assert above == screen.detail_line.region.y


async def test_a_key_of_ones_own_is_the_one_that_is_named(profile_root):
    profile = make_profile(profile_root, settings='[receive]\nenabled = false\n[keys]\nanswer = "f6"\n')
    put(profile, Outcome(DeliveryState.HELD, "asks", question=Question.PERSON))
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await open_outbox(app, pilot)
        await on_screen(pilot, "f6 Decide")


async def test_a_row_that_waits_for_nobody_has_no_such_line(profile):
    put(profile, Outcome(DeliveryState.DELIVERED, status=20))
    async with at_desk(profile, (80, 24)) as (app, pilot):
        screen = await open_outbox(app, pilot)
        await on_screen(pilot, "Delivered")
        assert not screen.detail_line.border_title


async def test_what_was_too_long_for_misfin_b_is_measured_for_it_when_it_is_edited(profile):
    put(profile, Outcome(DeliveryState.HELD, "too long", question=Question.TOO_LARGE))
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await on_screen(pilot, "of 2,048 bytes")
        await on_screen(pilot, "of 2,048 bytes that hive.test accepts")


# ---- questions


def ask_about_host(profile, *, first: bool = False) -> tuple[str, str]:
    """A host that showed another certificate than the pinned one; returns the old and the new fingerprint."""
    pins = PinBook(profile.trust_db)
    old, new = identity("bob@hive.test"), identity("bob@hive.test")
    now = time.time()
    if not first:
        pins.record(PinKind.HOST, "hive.test:1958", old.info, now=now - 99 * HOUR)
    pins.offer(PinKind.HOST, "hive.test:1958", new.info, now=now)
    pins.close()
    question = Question.FIRST_USE if first else Question.CHANGED_CERTIFICATE
    for _ in range(2):
        put(profile, Outcome(DeliveryState.HELD, "asks", question=question, pin_name="hive.test:1958"))
    return old.info.fingerprints.cert, new.info.fingerprints.cert


async def test_a_changed_certificate_is_trusted_only_by_a_second_deliberate_step(profile):
    old, new = ask_about_host(profile)
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        text = shown(app)
        assert "The certificate of hive.test:1958 has changed" in text
        assert "2 messages need your decision" in text
        assert "Nothing of your message has been sent" in text
        assert "a different key" in text
        assert old[:4] in text
        assert new[:4] in text
        assert app.focused.id == "wait"
        await pilot.click("#trust")
        await until(pilot, lambda: isinstance(app.screen, TrustStep))
        assert app.screen.query_one("#trust").disabled
        await pilot.press(*("0000" if new[:4] != "0000" else "1111"))
        await pilot.pause()
        await until(pilot, lambda: app.screen.query_one("#trust").disabled)
        await pilot.press(*["backspace"] * 4, *new[:4])
        await until(pilot, lambda: not app.screen.query_one("#trust").disabled)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, OutboxScreen))
        await until(pilot, lambda: all(row.state is not DeliveryState.HELD for row in rows(profile)))
        pin = app.services.pin_book.get(PinKind.HOST, "hive.test:1958")
        assert pin.cert_sha256 == new
        assert [past.cert_sha256 for past in pin.history] == [old]


async def test_escape_keeps_everything_waiting(profile):
    old, _new = ask_about_host(profile)
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, OutboxScreen))
        assert all(row.state is DeliveryState.HELD for row in rows(profile))
        assert app.services.pin_book.get(PinKind.HOST, "hive.test:1958").cert_sha256 == old


async def test_refusing_stops_the_messages_and_keeps_the_pin(profile):
    old, _new = ask_about_host(profile)
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await pilot.click("#refuse")
        await until(pilot, lambda: all(row.state is DeliveryState.CANCELLED for row in rows(profile)))
        assert app.services.pin_book.get(PinKind.HOST, "hive.test:1958").cert_sha256 == old
        assert await app.services.trust.offers() == []


async def test_a_first_use_question_shows_the_fingerprint(profile):
    _, new = ask_about_host(profile, first=True)
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        text = shown(app)
        assert "hive.test:1958 is new" in text
        assert new[:4] in text
        assert "Trust it …" in text


async def test_a_certificate_that_changes_while_one_looks_is_not_trusted(profile):
    _, new = ask_about_host(profile)
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        third = identity("bob@hive.test")
        app.services.pin_book.offer(PinKind.HOST, "hive.test:1958", third.info, now=time.time())
        await pilot.click("#trust")
        await until(pilot, lambda: isinstance(app.screen, TrustStep))
        await pilot.press(*new[:4], "enter", "enter")
        await until(pilot, lambda: any("yet another certificate" in note for note in notices(app)))
        assert all(row.state is DeliveryState.HELD for row in rows(profile))


@pytest.mark.parametrize("permanent", [False, True])
async def test_a_redirect_is_followed_only_when_a_person_says_so(profile, permanent):
    question = Question.REDIRECT_ALWAYS if permanent else Question.REDIRECT_ONCE
    outcome = Outcome(DeliveryState.HELD, "moved", status=31, question=question, target="bob@new.test")
    put(profile, outcome)
    async with at_desk(profile, (100, 40)) as (app, pilot):
        await open_outbox(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, RedirectDialog))
        assert "bob@new.test" in shown(app)
        assert app.focused.id == "wait"
        assert bool(app.screen.query("#always")) is permanent
        await pilot.click("#always" if permanent else "#once")
        await until(pilot, lambda: rows(profile)[0].route == "new.test:1958")
        book = app.services.contact_book
        if permanent:
            await until(pilot, lambda: book.resolve("bob@hive.test") == "bob@new.test")
        else:
            assert book.get("bob@hive.test") is None


async def test_a_mailbox_that_is_gone_can_be_marked_so_that_it_is_offered_last(profile):
    put(profile, Outcome(DeliveryState.FAILED, "The mailbox is gone for good.", status=52, meta="moved away"))
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await open_outbox(app, pilot)
        app.screen.action_answer()
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        app.screen.choose("yes")
        await until(pilot, lambda: app.services.contact_book.get("bob@hive.test"))
        assert app.services.contact_book.get("bob@hive.test").dead == "The mailbox is gone for good."


async def test_search_and_movement(profile):
    for name in ("ann", "ben", "cid"):
        put(profile, None, to=f"{name}@hive.test")
    async with at_desk(profile) as (app, pilot):
        screen = await open_outbox(app, pilot)
        await pilot.press("j", "j", "k")
        await until(pilot, lambda: screen.rows.cursor == 1)
        await pilot.press("G")
        await until(pilot, lambda: screen.rows.cursor == 2)
        assert screen.rows.current.to == "ann@hive.test"
        await pilot.press("q")
        await until(pilot, lambda: not isinstance(app.screen, OutboxScreen))


def test_the_countdown_is_in_words(profile):
    row = rows(profile) or ([put(profile, None)] and rows(profile))
    assert state_words(row[0], row[0].created).startswith("sends in 1 h")
    assert state_words(row[0], row[0].hold_until + 1) == "waiting"


async def test_the_key_line_offers_to_decide_only_where_there_is_something_to_decide(profile):
    async with at_desk(profile) as (app, pilot):
        await pilot.press("O")
        await until(pilot, lambda: "Nothing is waiting" in shown(app))
        assert "Decide" not in offered_keys(app)
        assert "Retry" not in offered_keys(app)
        put(profile, None)
        app.post_message(OutboxChanged())
        await until(pilot, lambda: "Retry" in offered_keys(app))
        assert "Decide" not in offered_keys(app)
    put(profile, STATES["held: The certificate has changed."])
    async with at_desk(profile) as (app, pilot):
        await open_outbox(app, pilot)
        await until(pilot, lambda: "Decide" in offered_keys(app))
