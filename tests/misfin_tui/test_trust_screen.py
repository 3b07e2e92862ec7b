"""The Trust screen says what waits, why it is empty, and what was decided, in words of its own."""

from __future__ import annotations

import time

import pytest
from desk import at_desk, identity, make_profile, on_screen, shown, until

from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind
from misfin_tui.messages import MailChanged


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


def pin(profile, name: str, *, offer: bool = False) -> None:
    with PinBook(profile.trust_db) as book:
        now = time.time()
        book.record(PinKind.HOST, name, identity("a@hive.test").info, how="first use", now=now)
        if offer:
            book.offer(PinKind.HOST, name, identity("b@hive.test").info, now=now)


async def test_each_kind_says_why_there_is_none_of_it(profile):
    pin(profile, "hive.test:1958")
    async with at_desk(profile, (120, 24)) as (app, pilot):
        await pilot.press("T")
        await on_screen(pilot, "hive.test:1958")
        await pilot.press("h", "h")
        await on_screen(pilot, "No sender is pinned yet.")
        await pilot.press("h")
        await on_screen(pilot, "No mail server is pinned.")
        await pilot.press("h")
        await on_screen(pilot, "No server has reported the key of a recipient yet.")
        await pilot.press("h")
        await on_screen(pilot, "No mailing list is accepted.")
        await pilot.press("h", "slash", *"nobody")
        await on_screen(pilot, "Nothing here matches the search. Press esc to see all.")
        assert "is pinned yet" not in shown(app)


async def test_in_a_small_window_too_it_says_what_waits(profile):
    pin(profile, "calm.test:1958")
    pin(profile, "hive.test:1958", offer=True)
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await pilot.press("T")
        await on_screen(pilot, "A new certificate is waiting for your decision. Press a.")
        await pilot.press("j")
        await until(pilot, lambda: "Press a." not in shown(app))


async def test_who_was_pinned_by_a_message_that_came_stands_there_at_once(profile):
    pin(profile, "hive.test:1958")
    async with at_desk(profile, (120, 24)) as (app, pilot):
        await pilot.press("T")
        await on_screen(pilot, "hive.test:1958")
        pin(profile, "late.test:1958")
        app.post_message(MailChanged(arrived=1, sender="Bob", subject="Hello"))
        await on_screen(pilot, "late.test:1958")


async def test_the_log_does_not_say_that_the_person_refused(profile):
    pin(profile, "hive.test:1958", offer=True)
    async with at_desk(profile, (120, 24)) as (app, pilot):
        await pilot.press("T", "l")
        await on_screen(pilot, "presented, not accepted: hive.test:1958")
        assert "refused" not in shown(app)


async def test_a_mail_server_stands_among_the_pins_and_is_decided_about_there(profile):
    with PinBook(profile.trust_db) as pins:
        now = time.time()
        pins.replace(PinKind.MAIL, "smtp.example.org:465", identity("x@x.test").info, how="approved", now=now)
        pins.offer(PinKind.MAIL, "imap.example.org:993", identity("y@y.test").info, now=now)
    async with at_desk(profile, (120, 40)) as (_app, pilot):
        await pilot.press("T")
        await on_screen(pilot, "smtp.example.org:465")
        await on_screen(pilot, "needs your decision")
        await pilot.press("a")
        await on_screen(pilot, "The certificate of imap.example.org:993 is not trusted")
