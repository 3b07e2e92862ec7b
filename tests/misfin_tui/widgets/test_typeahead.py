"""What is typed ahead of a question or a screen goes into it; nothing of it becomes a command."""

from __future__ import annotations

import asyncio

import pytest
import toymail
from desk import ALICE, SETTINGS, at_desk, make_profile, on_screen, shown, until
from mailboxes import Mailbox, mail
from post import NOW
from quiet import until_quiet
from textual import events
from textual.widgets import Input

from misfin.store.outgoing.drafts import Draft
from misfin.store.people.contacts import Contact, ContactBook
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.widgets import typeahead

BOTH = f"{SETTINGS}\n[accounts.work]\n{toymail.WORK}"

NAMES = {"/": "slash", "@": "at", ".": "full_stop", "\t": "tab", "\n": "enter", " ": "space", ",": "comma"}
"""What Textual calls keys that are not named after their character."""


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However busy the machine is, what was pressed has its effect before the keys are given back."""
    for name in ("PATIENCE", "GIVE_UP", "MOVED"):
        monkeypatch.setattr(typeahead, name, 600.0)


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    made = Mailbox(profile.mail, ALICE)
    for number, word in enumerate(("jade", "kelp", "lamp")):
        made.put(mail(word, f"About {word}.", sender=f"{word}@hive.test", date=NOW.timestamp() + number))
    return made


@pytest.fixture
def spool(monkeypatch, tmp_path):
    return toymail.register(monkeypatch, tmp_path / "spool")


def burst(app, text: str) -> None:
    """All keys at once, as a paste without brackets or a fast typist gives them."""
    for character in text:
        key = NAMES.get(character, character)
        app.post_message(events.Key(key, "\r" if key == "enter" else character))


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


@pytest.mark.parametrize("key", ["\n", "\t"], ids=["enter", "tab"])
async def test_what_is_typed_after_a_line_of_the_header_stands_in_the_next_one(profile, mailbox, key):
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        await pilot.press("c")
        await on_screen(pilot, "New message")
        burst(app, f"bed@hive.test{key}Secret plan{key}Words of the plan.")
        await until(pilot, lambda: "plan." in app.screen.body.text + app.screen.subject.value)
        assert app.screen.fields.to.value == "bed@hive.test"
        assert app.screen.subject.value == "Secret plan"
        assert app.screen.body.text == "Words of the plan."


@pytest.mark.parametrize("field", ["cc", "bcc"])
async def test_what_is_typed_after_the_line_for_a_copy_stands_in_the_subject(profile_root, spool, field):
    profile = make_profile(profile_root, settings=BOTH)
    async with at_desk(profile, (110, 30)) as (app, pilot):
        app.open_composer(Draft(account="work"))
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen) and app.screen._opened is not None)
        await pilot.press("f2")
        line = getattr(app.screen.fields, field)
        await until(pilot, lambda: line.shown)
        line.focus()
        await until(pilot, lambda: line.has_focus)
        burst(app, "cal@example.org\nNotes\nWords.")
        await until(pilot, lambda: "Words." in app.screen.body.text + line.value)
        assert (line.value, app.screen.subject.value) == ("cal@example.org", "Notes")


@pytest.mark.parametrize("key", ["\n", "\t"], ids=["enter", "tab"])
async def test_it_does_also_where_the_key_might_have_taken_an_offer_a_moment_before(profile, mailbox, key):
    book = ContactBook(profile.contacts_db)
    book.save(Contact("carol@hive.test"))
    book.close()
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        await pilot.press("c")
        await on_screen(pilot, "New message")
        await pilot.press("c", "a")
        await until(pilot, lambda: app.screen.fields.to.offering)
        burst(app, f"spar@new.test{key}Notes{key}Words.")  # the offer is for another beginning by then
        await until(pilot, lambda: "Words." in app.screen.body.text + app.screen.fields.to.value)
        assert app.screen.fields.to.value == "caspar@new.test"
        assert app.screen.subject.value == "Notes"


@pytest.mark.parametrize("key", ["\n", "\t"], ids=["enter", "tab"])
async def test_what_is_typed_after_an_offer_was_taken_stands_behind_it(profile, mailbox, key, monkeypatch):
    monkeypatch.setattr(typeahead, "GIVE_UP", 600.0)
    book = ContactBook(profile.contacts_db)
    book.save(Contact("carol@hive.test"))
    book.close()
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        await pilot.press("c")
        await on_screen(pilot, "New message")
        await pilot.press("c", "a")
        await until(pilot, lambda: app.screen.fields.to.offering)
        burst(app, f"{key}bed@new.test")
        await until(pilot, lambda: app.screen.fields.to.value == "carol@hive.test, bed@new.test")


async def test_what_is_pasted_after_the_subject_stands_in_the_text_and_presses_no_key(profile, mailbox):
    async with at_desk(profile, (110, 30)) as (app, pilot):
        await until(pilot, lambda: "Inbox · 3 conversations" in shown(app))
        await pilot.press("c")
        await on_screen(pilot, "New message")
        burst(app, "bed@hive.test\n")
        app.post_message(events.Paste("Secret\nplan"))
        burst(app, "\n")
        app.post_message(events.Paste("Words\nof the\tplan"))
        burst(app, ".")
        await until(pilot, lambda: "plan." in app.screen.body.text + app.screen.subject.value)
        assert app.screen.subject.value == "Secret plan"
        assert app.screen.body.text == "Words\nof the\tplan."


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
