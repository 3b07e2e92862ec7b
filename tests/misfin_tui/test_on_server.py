"""What is on the server only, as a person sees it: found, marked, opened on demand. A real child fetches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk import SETTINGS, at_desk, make_profile, notices, on_screen, shown, until
from hostedmail import PASSWORD, USER, Hosted
from poppass import Drop
from syncdesk import text
from textual import events

from misfin_tui.demo.imap.mailboxes import Mailboxes, NewHosted
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.on_server import OnServerScreen
from misfin_tui.screens.thread import ThreadScreen

WORK = """
[accounts.work]
kind = "email"
address = "ada@example.org"
imap = "imap://{user}@127.0.0.1:{port}"
plaintext = true
fetch_up_to = "2KB"
password = {{ env = "ADA_PASSWORD" }}
"""


@pytest.fixture
async def hosted(monkeypatch):
    monkeypatch.setenv("ADA_PASSWORD", PASSWORD)
    hosted = Hosted(Mailboxes(None))
    hosted.mailboxes.add(
        [
            NewHosted("INBOX", text(1, b"a small boat"), (), 1.79e9),
            NewHosted("INBOX", text(2, b"the large boat " + b"x " * 3000), (), 1.79e9),
            NewHosted("Archive", text(3, b"an old ship " + b"x " * 3000), (), 1.78e9),
        ]
    )
    async with hosted.listening():
        yield hosted


def profile_for(root, hosted, more=""):
    settings = SETTINGS + WORK.format(user=USER, port=hosted.port) + more
    return make_profile(root, settings=settings, address="")


async def in_sync(app, pilot):
    await until(pilot, lambda: (one := app.services.sources.of("work")) and one.sentence == "in sync")


async def test_a_search_goes_on_on_the_server_and_what_is_opened_is_here(profile_root, hosted):
    profile = profile_for(profile_root, hosted)
    async with at_desk(profile) as (app, pilot):
        await in_sync(app, pilot)
        await pilot.press("slash", *"boat", "enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen) and app.screen.messages.view.query)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, OnServerScreen) and app.screen.everything)
        await on_screen(pilot, "On the server")
        assert [row.found.subject for row in app.screen.everything] == ["2"]
        assert "1 message" in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await on_screen(pilot, "the large boat")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, OnServerScreen) and not app.screen.everything)
        await on_screen(pilot, "The server has nothing more for this search.")
    assert hosted.mailboxes.folder("INBOX").next == 3, "nothing was uploaded"


async def test_a_server_that_is_away_says_so_and_the_list_stays(profile_root, hosted):
    hosted.port = 1
    profile = profile_for(profile_root, hosted)
    async with at_desk(profile) as (app, pilot):
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, OnServerScreen) and app.screen._problems)
        await on_screen(pilot, "1 could not be searched")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))


async def test_what_a_server_cannot_search_for_is_said(profile_root, hosted):
    profile = profile_for(profile_root, hosted)
    async with at_desk(profile) as (app, pilot):
        await in_sync(app, pilot)
        await pilot.press("slash", *"is:held", "enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen) and app.screen.messages.view.query)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("cannot search" in each for each in notices(app)))


async def test_without_a_server_there_is_nothing_to_search(profile_root):
    async with at_desk(make_profile(profile_root)) as (app, pilot):
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any("No account here has a server" in each for each in notices(app)))


# ---- without being asked


def searches(hosted) -> list[str]:
    return [line for line in hosted.lines if "SEARCH" in line]


async def test_a_search_goes_on_there_by_itself_and_what_is_opened_is_here(profile_root, hosted):
    profile = profile_for(profile_root, hosted)
    async with at_desk(profile, (140, 40)) as (app, pilot):
        await in_sync(app, pilot)
        await pilot.press("slash")
        for key in "boat":  # at once: after a pause, half of it would be searched for
            app.post_message(events.Key(key, key))
        await on_screen(pilot, "(on the server) 2")
        texts = [line.partition("TEXT ")[2] for line in searches(hosted)]
        assert set(texts) == {'"boat"'}, "not for each key"
        assert len(texts) == len(hosted.mailboxes.folders())
        assert "1 on the server" in app.screen.messages.border_title
        await until(pilot, lambda: app.screen.messages.total == 1)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.prompts.prompt is None)
        await pilot.press("d", "j")  # the cursor is on a line of the server: nothing can be filed there
        await pilot.press("j", "x", "s")
        await until(pilot, lambda: not app.screen.messages.marks)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await on_screen(pilot, "the large boat")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        await until(pilot, lambda: not app.screen.messages.tail.lines)
    assert hosted.mailboxes.folder("INBOX").next == 3, "nothing was uploaded"


async def test_a_line_at_the_end_of_a_folder_says_what_its_server_has_beyond(profile_root, hosted):
    profile = profile_for(profile_root, hosted)
    async with at_desk(profile, (140, 40)) as (app, pilot):
        await in_sync(app, pilot)
        await on_screen(pilot, "1 more message on the server")
        await pilot.press("G")
        await until(pilot, lambda: app.screen.messages.current is None)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OnServerScreen) and app.screen.everything)
        assert [row.found.subject for row in app.screen.everything] == ["2"]


async def test_servers_are_not_searched_where_that_is_switched_off(profile_root, hosted, monkeypatch):
    monkeypatch.setattr("misfin_tui.screens.server_rows.RESTS", 0.0)
    profile = profile_for(profile_root, hosted, "[ui]\nsearch_servers = false\n")
    async with at_desk(profile) as (app, pilot):
        await in_sync(app, pilot)
        before = searches(hosted)
        await pilot.press("slash", *"boat", "enter")
        await until(pilot, lambda: app.screen.messages.view.query and not app.screen.prompts.prompt)
        await pilot.pause(0.3)
        assert searches(hosted) == before
        assert not app.screen.messages.tail.lines


async def test_a_server_that_is_away_is_not_tried_by_a_search(profile_root, hosted, monkeypatch):
    monkeypatch.setattr("misfin_tui.screens.server_rows.RESTS", 0.0)
    port, hosted.port = hosted.port, 1
    profile = profile_for(profile_root, hosted)
    async with at_desk(profile, (140, 40)) as (app, pilot):
        await until(pilot, lambda: app.services.sources.of("work") is not None)
        hosted.port = port
        await pilot.press("slash", *"boat", "enter")
        await on_screen(pilot, "not searched on the server")
        assert not hosted.lines
        await pilot.press("escape")
        await until(pilot, lambda: "not searched on the server" not in shown(app))


# ---- a maildrop

DROP = """
[accounts.work]
kind = "email"
address = "ada@example.org"
pop3 = "pop3://ada@127.0.0.1:{port}"
plaintext = true
fetch_up_to = "2KB"
password = {{ env = "ADA_PASSWORD" }}
"""


async def test_what_is_too_large_in_a_maildrop_is_listed_and_opened(profile_root, monkeypatch):
    monkeypatch.setenv("ADA_PASSWORD", "secret")
    large = text(2, b"the large boat " + b"x " * 3000)
    drop = Drop({"id-1": text(1, b"a small boat"), "id-2": large})
    async with drop.listening():
        settings = SETTINGS + DROP.format(port=drop.port)
        profile = make_profile(profile_root, settings=settings, address="")
        async with at_desk(profile, (140, 40)) as (app, pilot):
            await in_sync(app, pilot)
            await on_screen(pilot, "1 more message on the server")
            assert not [line for line in drop.lines if line == "RETR 2"]
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, OnServerScreen) and app.screen.everything)
            assert [row.found.subject for row in app.screen.everything] == ["2"]
            assert "On the server" in shown(app)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
            await on_screen(pilot, "the large boat")
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, OnServerScreen) and not app.screen.everything)
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, InboxScreen) and app.screen.messages.total == 2)
            await until(pilot, lambda: not app.screen.messages.tail.lines)
    assert list(drop.messages) == ["id-1", "id-2"]
    assert drop.lines.count("RETR 2") == 1


async def test_that_the_server_has_more_than_is_shown_is_said(profile_root, hosted, monkeypatch):
    profile = profile_for(profile_root, hosted)
    async with at_desk(profile) as (app, pilot):
        await in_sync(app, pilot)
        elsewhere = app.services.syncing.server_search
        search = elsewhere.search

        async def more(view):
            return replace(await search(view), total=200)

        monkeypatch.setattr(elsewhere, "search", more)
        await pilot.press("slash", *"boat", "enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen) and app.screen.messages.view.query)
        await pilot.press("ctrl+s")
        await on_screen(pilot, "199 older on the server")
