"""In a wide window the list stays beside the conversation that was opened from it."""

from __future__ import annotations

import pytest
from desk import ALICE, at_desk, make_profile, on_screen, settled, shown, until
from mailboxes import Mailbox, mail

from misfin.store.rows import View
from misfin_tui.screens.thread import ThreadScreen

WIDE, NOT_SO_WIDE = (200, 50), (140, 50)


@pytest.fixture
def profile(profile_root):
    made = make_profile(profile_root)
    box = Mailbox(made.mail, ALICE)
    for number in range(1, 6):
        box.put(mail(f"Tides {number}", f"High water at {number}.", sender="bob@example.org"))
    return made


async def opened(pilot, app) -> ThreadScreen:
    await on_screen(pilot, "5 conversations")
    await settled(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
    return app.screen


async def test_the_list_is_beside_it_and_follows_to_the_neighbours(profile):
    async with at_desk(profile, WIDE) as (app, pilot):
        screen = await opened(pilot, app)
        await on_screen(pilot, "Tides 1")
        first = screen._conversation.thread
        await until(pilot, lambda: screen.beside.current is not None)
        assert screen.beside.current.thread == first
        assert screen.focused is screen.thread
        assert "5 conversations" in shown(app)
        await pilot.press("J")
        await until(pilot, lambda: screen._conversation.thread != first)
        await until(pilot, lambda: screen.beside.current.thread == screen._conversation.thread)
        assert screen.beside.cursor == app.screen_stack[0].messages.cursor == 1


async def test_a_click_opens_and_the_keys_go_on_from_there(profile):
    async with at_desk(profile, WIDE) as (app, pilot):
        screen = await opened(pilot, app)
        await until(pilot, lambda: screen.beside.total == 5)
        chosen = screen.beside.row_at(3)
        await pilot.click(screen.beside, offset=(12, 4))  # a line below the border
        await until(pilot, lambda: screen._conversation.thread == chosen.thread)
        await until(pilot, lambda: app.screen_stack[0].messages.cursor == 3)
        assert not screen.beside.marks
        await pilot.press("K")
        await until(pilot, lambda: app.screen_stack[0].messages.cursor == 2)
        await until(pilot, lambda: screen.beside.cursor == 2)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)
        assert app.screen.messages.cursor == 2


async def test_where_there_is_no_room_nothing_is_read_for_it(profile):
    async with at_desk(profile, NOT_SO_WIDE) as (app, pilot):
        screen = await opened(pilot, app)
        await settled(pilot)
        assert not screen.beside.display
        assert screen.beside.total == 0
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: screen.beside.total == 5)
        await until(pilot, lambda: shown(app).count("Tides 5") >= 1)


async def test_new_mail_comes_into_it(profile):
    async with at_desk(profile, WIDE) as (app, pilot):
        screen = await opened(pilot, app)
        await until(pilot, lambda: screen.beside.total == 5)
        thread = screen.beside.current.thread
        Mailbox(profile.mail, ALICE).put(mail("Just in", "Now.", sender="cal@example.org"))
        app.services.mail.rescan()
        await until(pilot, lambda: screen.beside.total == 6)
        assert screen.beside.current.thread == thread


async def test_a_conversation_from_elsewhere_has_no_list(profile):
    async with at_desk(profile, WIDE) as (app, pilot):
        await on_screen(pilot, "5 conversations")
        app.open_thread(app.screen.messages.row_at(2), view=View(ALICE, "Inbox"))
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        assert app.screen.beside is None
