"""The list as a whole: sorted, marked read, searched within a folder, selected by a search; copies."""

from __future__ import annotations

import pytest
from desk import ALICE, at_desk, make_profile, notices, on_screen, shown, until
from mailboxes import NOW, Mailbox, mail

from misfin_tui import config
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.menu import MenuDialog
from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.screens.thread import ThreadScreen

WORDS = ("jade", "Kelp", "lamp", "moss", "Nile")


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    """Five conversations, the newest first: Nile, moss, lamp, Kelp, jade; the older the larger."""
    made = Mailbox(profile.mail, ALICE)
    for number, word in enumerate(WORDS):
        sender = f"{word} Writer <{word.lower()}@hive.test>"
        text = f"A message about {word}." + "\nmore" * (100 - 10 * number)
        made.put(mail(f"Re: {word}", text, sender=sender, date=NOW + 60 * number))
    return made


async def listed(pilot, count: int = 5) -> None:
    await until(pilot, lambda: f"Inbox · {count} conversation" in shown(pilot.app))


def subjects(app) -> list[str]:
    messages = app.screen.messages
    return [messages.row_at(number).subject.removeprefix("Re: ") for number in range(messages.total)]


async def sort_by(app, pilot, *keys: str) -> None:
    await pilot.press("o")
    await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
    await pilot.press(*keys, "enter")
    await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))


async def answer(app, pilot, key: str, text: str) -> None:
    """Press a key that asks for a line of text, and answer it."""
    await pilot.press(key)
    await until(
        pilot, lambda: app.screen.prompts.prompt is not None and app.screen.prompts.prompt.is_attached
    )
    await pilot.press(*text, "enter")
    await until(pilot, lambda: app.screen.prompts.prompt is None)


async def test_a_folder_is_sorted_and_stays_so(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        for keys, title, expected in (
            (("j",), "oldest first", ["jade", "Kelp", "lamp", "moss", "Nile"]),
            (("j", "j", "j"), "by size", ["jade", "Kelp", "lamp", "moss", "Nile"]),
            (("k",), "by subject", ["jade", "Kelp", "lamp", "moss", "Nile"]),
        ):
            await sort_by(app, pilot, *keys)
            await on_screen(pilot, title)
            assert subjects(app) == expected
            assert app.screen.messages.current.subject == "Re: Nile"  # the cursor stays with its conversation
    assert config.load(profile.config).sort == {f"{ALICE}/Inbox": "subject"}
    async with at_desk(profile) as (app, pilot):
        await on_screen(pilot, "by subject")
        assert subjects(app)[0] == "jade"
        mailbox.put(mail("aaa", date=NOW + 999))
        await until(pilot, lambda: subjects(app)[0] == "aaa")
        await sort_by(app, pilot, "k", "k", "k")
        await until(pilot, lambda: subjects(app)[1] == "Nile")
    assert config.load(profile.config).sort == {}


async def test_a_sorted_folder_is_read_in_its_order(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await sort_by(app, pilot, "j")
        await pilot.press("g", "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await on_screen(pilot, "A message about jade.")
        await pilot.press("J")
        await on_screen(pilot, "A message about Kelp.")


async def test_a_folder_is_marked_read_after_a_question_and_that_is_undone(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await on_screen(pilot, "5 unread")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert "Mark 5 unread messages in Inbox as read?" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: "5 unread" in shown(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("right", "enter")
        await until(pilot, lambda: "5 unread" not in shown(app))
        await until(pilot, lambda: "5 messages marked as read.  z undo" in notices(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "Everything here is already read." in notices(app))
        await pilot.press("z")
        await on_screen(pilot, "5 unread")


async def test_a_search_within_a_folder_finds_nothing_elsewhere(profile, mailbox):
    mailbox.put(mail("Kelp again", "A message about kelp."), "Archive")
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await answer(app, pilot, "l", "kelp")
        await on_screen(pilot, "Inbox: kelp · 1 conversation")
        await pilot.press("q")
        await listed(pilot)
        await answer(app, pilot, "slash", "kelp")
        await on_screen(pilot, "Search: kelp · 2 conversations")


async def test_what_a_search_finds_is_selected_and_filed_together(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await answer(app, pilot, "asterisk", "lamp OR kelp")
        await on_screen(pilot, "2 selected")
        await pilot.press("e")
        await listed(pilot, 3)
        assert subjects(app) == ["Nile", "moss", "jade"]


async def test_a_wrong_search_is_asked_for_again(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await pilot.press("asterisk")
        await until(pilot, lambda: app.screen.prompts.prompt is not None)
        await pilot.press(*"is:purple", "enter")
        await until(pilot, lambda: any("purple" in notice for notice in notices(app)))
        await until(pilot, lambda: app.screen.prompts.prompt is not None)
        await pilot.press("escape")
        await until(pilot, lambda: not app.screen.messages.marks)


async def test_a_conversation_is_copied_and_undo_removes_the_copy(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await listed(pilot)
        await answer(app, pilot, "ctrl+y", "Archive")
        await until(pilot, lambda: "1 message copied to Archive.  z undo" in notices(app))
        await until(pilot, lambda: len(mailbox.files("Archive")) == 1)
        assert len(mailbox.files("Inbox")) == 5
        assert mailbox.files("Archive")[0].read_bytes() in {
            file.read_bytes() for file in mailbox.files("Inbox")
        }
        await pilot.press("z")
        await until(pilot, lambda: not mailbox.files("Archive"))
        assert len(mailbox.files("Inbox")) == 5


async def test_the_menu_of_the_mouse_offers_them(profile, mailbox):
    async with at_desk(profile, (120, 60)) as (app, pilot):
        await listed(pilot)
        await pilot.click("#messages", offset=(30, 2), button=3)
        await until(pilot, lambda: isinstance(app.screen, MenuDialog))
        await pilot.press("end", "up", "enter")
        await on_screen(pilot, "Limit")
        menu = shown(app)
        for label in ("Limit", "Select matching", "Sort", "Read all"):
            assert label in menu
        await pilot.press("escape", "up", "enter")
        await on_screen(pilot, "│ Copy ")
