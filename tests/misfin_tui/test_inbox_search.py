"""A search while it is typed: what one writes is seen at once, also when the search takes long."""

from __future__ import annotations

import asyncio

import pytest
from desk import ALICE, at_desk, make_profile, on_screen, settled, until
from mailboxes import Mailbox, mail
from post import NOW

from misfin_tui.messages import IndexProgress


@pytest.fixture
def profile(profile_root):
    profile = make_profile(profile_root)
    box = Mailbox(profile.mail, ALICE)
    for number, word in enumerate(("jade", "kelp", "lamp")):
        box.put(mail(word, f"A message about {word}.", date=NOW.timestamp() + 60 * number))
    return profile


async def test_what_is_typed_is_seen_while_its_search_takes_long(profile, monkeypatch):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "Inbox · 3 conversations")
        gate = asyncio.Event()
        count = app.services.mail.count

        async def slow(view, at_most=None):
            await gate.wait()
            return await count(view, at_most)

        monkeypatch.setattr(app.services.mail, "count", slow)
        await pilot.press("slash", *"kelp")
        await on_screen(pilot, "Search kelp")
        await on_screen(pilot, "Inbox · 3 conversations")
        gate.set()
        await on_screen(pilot, "Search: kelp · 1 conversation")


async def test_a_search_that_takes_long_ends_with_its_line(profile, monkeypatch):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "Inbox · 3 conversations")
        asked, ended = asyncio.Event(), asyncio.Event()
        count = app.services.mail.count

        async def slow(view, at_most=None):
            if not view.query:
                return await count(view, at_most)
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        monkeypatch.setattr(app.services.mail, "count", slow)
        await pilot.press("slash", *"kelp")
        await asked.wait()
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        await until(pilot, ended.is_set)
        await on_screen(pilot, "Inbox · 3 conversations")


async def test_notices_stand_above_the_line_one_types_into(profile):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "Inbox · 3 conversations")
        app.say("A notice.", timeout=600)
        await on_screen(pilot, "A notice.")
        before = app.screen.query_one("Toast").region.bottom
        await pilot.press("slash")
        await until(
            pilot, lambda: app.screen.prompts.prompt is not None and app.screen.prompts.prompt.line.has_focus
        )
        await until(
            pilot, lambda: app.screen.query_one("Toast").region.bottom <= app.screen.prompts.prompt.region.y
        )
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query_one("Toast").region.bottom == before)


async def test_what_was_not_found_yet_may_still_be_read(profile):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await on_screen(pilot, "Inbox · 3 conversations")
        await settled(pilot)
        app.post_message(IndexProgress(3, 9))
        await pilot.press("slash", *"nowhere")
        await on_screen(pilot, "Nothing found so far.")
        await on_screen(pilot, "Reading your mail: 3 of 9")
        app.post_message(IndexProgress(9, 9))
        await on_screen(pilot, "Nothing found.")
