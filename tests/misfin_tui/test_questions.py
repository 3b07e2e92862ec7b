"""Questions about certificates: one at a time, and what was meant for something else answers none."""

from __future__ import annotations

import time

import pytest
from desk import ALICE, at_desk, identity, make_profile, notices, on_screen, settled, shown, until
from outgoing import claimed, finish, recipients
from textual import events

from misfin.compose.writing import gemmail_of
from misfin.store.outgoing.drafts import Draft
from misfin.store.outgoing.outbox import DeliveryState, Outbox, Outcome, Question, Transcript
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.dialogs.certificate import CertificateDialog
from misfin_tui.messages import OutboxChanged, TrustAsked
from misfin_tui.screens.inbox import InboxScreen


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


def offered(profile, name: str = "hive.test:1958") -> None:
    """A host whose certificate has changed."""
    book = PinBook(profile.trust_db)
    now = time.time()
    book.record(PinKind.HOST, name, identity("hive.test@hive.test").info, how="first use", now=now)
    book.offer(PinKind.HOST, name, identity("hive.test@hive.test").info, now=now)
    book.close()


def held(profile, name: str = "hive.test:1958") -> None:
    """A message that waits for the answer."""
    outbox = Outbox(profile.outbox_db)
    now = time.time()
    draft = Draft(account=ALICE, to=("bob@hive.test",), subject="Meeting", body="text\n")
    outbox.enqueue(
        account=ALICE,
        recipients=recipients(*draft.to),
        message=gemmail_of(draft),
        subject=draft.subject,
        now=now,
        hold_until=0.0,
    )
    outcome = Outcome(
        DeliveryState.HELD, "It has changed.", question=Question.CHANGED_CERTIFICATE, pin_name=name
    )
    finish(
        outbox, claimed(outbox, now), outcome, Transcript(host="hive.test", port=1958, version="C"), now + 0.4
    )
    outbox.close()


async def unasked_question(app, pilot):
    app.post_message(TrustAsked("host", "hive.test:1958"))
    await until(pilot, lambda: isinstance(app.screen, CertificateDialog) and app.screen._seen is not None)
    await pilot.pause()


def real_click(app, button: str) -> None:
    """As the terminal reports it; the pilot's own goes to the screen, past the app."""
    x, y = app.screen.query_one(button).region.center
    for kind in (events.MouseDown, events.MouseUp):
        app.post_message(
            kind(
                None, x=int(x), y=int(y), delta_x=0, delta_y=0, button=1, shift=False, meta=False, ctrl=False
            )
        )


async def test_what_was_typed_before_a_question_was_seen_is_no_answer(profile, monkeypatch):
    monkeypatch.setattr("misfin_tui.dialogs.base.SEEN", 3600.0)
    offered(profile)
    async with at_desk(profile) as (app, pilot):
        await unasked_question(app, pilot)
        await pilot.press("right", "enter", "tab", "space", "enter", "j", "d")
        real_click(app, "#refuse")
        await pilot.pause()
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await until(pilot, lambda: app.focused.id == "wait")
        monkeypatch.setattr("misfin_tui.dialogs.base.SEEN", 0.0)
        real_click(app, "#refuse")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        await until(pilot, lambda: "The pin of hive.test:1958 is unchanged." in notices(app))


async def test_a_question_that_was_called_for_is_answered_at_once(profile, monkeypatch):
    monkeypatch.setattr("misfin_tui.dialogs.base.SEEN", 3600.0)
    offered(profile)
    async with at_desk(profile) as (app, pilot):
        await pilot.press("T")
        await on_screen(pilot, "needs your decision")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await pilot.press("enter")
        await until(pilot, lambda: not app.screen.is_modal)


async def test_no_question_comes_between_keys_typed_ahead(profile):
    offered(profile)
    async with at_desk(profile) as (app, pilot):
        app.type_ahead._timer = app.set_timer(3600, lambda: None)  # something is opening
        app.post_message(TrustAsked("host", "hive.test:1958"))
        await settled(pilot)
        assert not app.screen.is_modal


async def test_questions_that_come_up_meanwhile_are_asked_one_after_the_other(profile):
    offered(profile)
    offered(profile, "far.test:1958")
    async with at_desk(profile) as (app, pilot):
        await unasked_question(app, pilot)
        for name in ("hive.test:1958", "far.test:1958", "far.test:1958"):
            app.post_message(TrustAsked("host", name))
        await pilot.pause()
        await until(pilot, lambda: app.screen.question.name == "hive.test:1958")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.is_modal and app.screen.question.name == "far.test:1958")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        await settled(pilot)
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))


async def test_a_standing_question_counts_what_waits_by_now(profile):
    offered(profile)
    async with at_desk(profile) as (app, pilot):
        await unasked_question(app, pilot)
        for words in ("1 message needs your decision", "2 messages need your decision"):
            assert words not in shown(app)
            held(profile)
            app.post_message(OutboxChanged())
            await on_screen(pilot, words)


async def test_no_notice_covers_a_question_in_a_small_window(profile):
    offered(profile)
    async with at_desk(profile, (80, 24)) as (app, pilot):
        for _ in range(5):
            app.say("words to read later", timeout=3600)
        await on_screen(pilot, "words to read later")
        await unasked_question(app, pilot)
        assert "through another channel before you trust it." in shown(app)
        assert "Trust the new one …" in shown(app)
        await pilot.press("escape")
        await on_screen(pilot, "words to read later")
