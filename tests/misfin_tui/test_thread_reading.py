"""Other ways to read a conversation: as a tree of replies, in another character set."""

from __future__ import annotations

import pytest
from desk import ALICE, at_desk, make_profile, notices, on_screen, shown, until
from mailboxes import NOW, Mailbox, mail
from textual.widgets import OptionList

from misfin_tui.dialogs.prompt import ChooseDialog

PEOPLE = (("Ann", ()), ("Ben", ("Ann",)), ("Cat", ("Ann", "Ben")), ("Dan", ("Ann",)))


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


async def opened(app, pilot, text: str):
    await until(pilot, lambda: "Inbox · 1 conversation" in shown(app))
    await pilot.press("enter")
    await on_screen(pilot, text)


async def test_the_tree_of_replies_leads_to_a_message(profile):
    box = Mailbox(profile.mail, ALICE)
    for at, (name, above) in enumerate(PEOPLE):
        own, references = f"<{name}@x>", [f"<{each}@x>" for each in above]
        facts = {"sender": f"{name} <{name}@hive.test>", "date": NOW + 60 * at}
        box.put(mail("Tree", f"By {name}.", message_id=own, references=references, **facts))
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, "By Dan.")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        options = [str(option.prompt) for option in app.screen.query_one(OptionList).options]
        assert [option[1:8].rstrip() for option in options] == ["Ann", "  Ben", "    Cat", "  Dan"]
        assert [option.split()[-1] for option in options] == ["14:13", "14:14", "14:15", "14:16"]
        await pilot.press("k", "k", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        await until(pilot, lambda: app.screen.thread.document.current.row.sender == "Ben")


async def test_a_wrongly_labelled_text_is_read_in_another_character_set(profile):
    text = "Привет".encode("koi8-r")
    Mailbox(profile.mail, ALICE).put(
        b"From: a@b.c\nSubject: x\nContent-Type: text/plain; charset=iso-8859-1\n\n" + text
    )
    wrong = text.decode("latin-1")
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, wrong)
        for name, seen in (("koi8-r", "Привет"), ("nonsense", "Привет"), ("", wrong)):
            await pilot.press("ctrl+u")
            await until(pilot, lambda: app.screen.prompts.prompt is not None)
            await pilot.press(*name, "enter")
            await until(pilot, lambda: app.screen.prompts.prompt is None)
            await on_screen(pilot, seen)
        assert "There is no character set nonsense." in notices(app)


async def test_a_conversation_is_split_and_joined_again(profile):
    box = Mailbox(profile.mail, ALICE)
    for at, (name, above) in enumerate(PEOPLE):
        references = [f"<{each}@x>" for each in above]
        box.put(mail(name, f"By {name}.", message_id=f"<{name}@x>", references=references, date=NOW + at))
    async with at_desk(profile) as (app, pilot):
        await opened(app, pilot, "By Dan.")
        await pilot.press("p", "p", "number_sign")
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
        await pilot.press("X", "ampersand")
        await until(pilot, lambda: "Inbox · 1 conversation" in shown(app))
        await until(pilot, lambda: any("2 conversations joined" in notice for notice in notices(app)))
        await pilot.press("ampersand")
        await until(pilot, lambda: any("at least two" in notice for notice in notices(app)))
        await pilot.press("z")
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
        await until(pilot, lambda: "Undone: conversations were joined." in notices(app))
    async with at_desk(profile) as (app, pilot):  # also after a restart
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
        await pilot.press("z")
        await until(pilot, lambda: "Inbox · 1 conversation" in shown(app))
        await until(pilot, lambda: "Undone: the conversation was split." in notices(app))
