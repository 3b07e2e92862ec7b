"""What is typed ahead of a question or a screen goes into it; nothing of it becomes a command."""

from __future__ import annotations

import asyncio

import pytest
from desk import ALICE, at_desk, make_profile, on_screen, shown, until
from mailboxes import Mailbox, mail
from post import NOW
from quiet import until_quiet
from textual import events
from textual.widgets import Input

from misfin_tui.widgets import typeahead


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    made = Mailbox(profile.mail, ALICE)
    for number, word in enumerate(("jade", "kelp", "lamp")):
        made.put(mail(word, f"About {word}.", sender=f"{word}@hive.test", date=NOW.timestamp() + number))
    return made


def burst(app, text: str) -> None:
    """All keys at once, as a paste without brackets or a fast typist gives them."""
    for character in text:
        key = {"/": "slash", "@": "at", ".": "full_stop", "\t": "tab"}.get(character, character)
        app.post_message(events.Key(key, character))


async def test_a_search_typed_at_once_files_nothing(profile, mailbox):
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        burst(app, "/decks")
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "decks")
        await pilot.press("escape")
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        assert "archived" not in shown(app)


async def test_an_address_typed_at_once_stands_in_the_composer(profile, mailbox):
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        burst(app, "cbed@hive.test")
        await on_screen(pilot, "bed@hive.test")
        assert "New message" in shown(app)


async def test_what_is_typed_after_tab_stands_in_the_next_field(profile, mailbox):
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        await pilot.press("c")
        await on_screen(pilot, "New message")
        burst(app, "bed@hive.test\tNotes\tWords.")
        subject = app.screen.query_one("#subject", Input)
        await until(pilot, lambda: "Words." in app.screen.body.text)
        assert app.screen.query_one("#to", Input).value == "bed@hive.test"
        assert subject.value == "Notes"


async def test_an_action_that_opens_nothing_gives_the_keys_back(profile):
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await on_screen(pilot, "Inbox")
        burst(app, "rc")  # nothing to reply to
        await on_screen(pilot, "New message")


async def test_keys_wait_for_a_question_however_slowly_it_opens(profile, mailbox, monkeypatch):
    monkeypatch.setattr(typeahead, "PATIENCE", 0.0)
    monkeypatch.setattr(typeahead, "GIVE_UP", 60.0)
    go = asyncio.Event()
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        tags = app.services.mail.tags

        async def slow():
            await go.wait()
            return await tags()

        monkeypatch.setattr(app.services.mail, "tags", slow)
        burst(app, "tdecks")
        await until_quiet(soon=2 * typeahead.LOOK_AGAIN)  # many looks
        assert "Inbox · 3 conversations" in shown(app)
        go.set()
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "decks")


async def test_an_action_that_opens_nothing_gives_the_keys_back_at_once(profile, monkeypatch):
    monkeypatch.setattr(typeahead, "PATIENCE", 600.0)
    monkeypatch.setattr(typeahead, "GIVE_UP", 600.0)
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await on_screen(pilot, "Inbox")
        burst(app, "rtc")  # nothing to reply to, nothing to tag
        await on_screen(pilot, "New message")


async def test_what_is_pasted_ahead_of_a_search_stands_in_it_in_order(profile, mailbox):
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        burst(app, "/su")
        app.post_message(events.Paste("bject:ke"))
        burst(app, "lp")
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "subject:kelp")
