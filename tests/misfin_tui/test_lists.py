"""Mailing lists: found by their name, and left by one request, by a message, or in a browser."""

from __future__ import annotations

import pytest
from desk import SETTINGS, at_desk, make_profile, notices, on_screen, shown, until
from mailboxes import Mailbox, mail
from namedpeers import Hosts, https_server, ok, redirect, tls_for

from misfin.email.http import HttpsClient
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.link import LinkDialog
from misfin_tui.screens.compose import ComposeScreen
from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.services.lists import Lists

WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nsmtp = "smtps://smtp.example.org"\n'
HOST = "lists.example"
LINK = f"<https://{HOST}/leave?me=1>"
POST = {"List_Unsubscribe_Post": "List-Unsubscribe=One-Click"}


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS + WORK, address="")


@pytest.fixture
def mailbox(profile):
    return Mailbox(profile.mail, "work")


def from_list(**fields: str) -> bytes:
    return mail("News", "All about nothing.", List_Id="Crew talk <crew.lists.example>", **fields)


async def opened(pilot):
    await until(pilot, lambda: "Inbox · 1 conversation" in shown(pilot.app))


async def leave(app, pilot):
    await opened(pilot)
    await pilot.press("U")
    await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ok(b"bye"), f"{HOST} accepted: you are unsubscribed from Crew talk <crew.lists.example>."),
        (redirect("https://elsewhere.example/"), "was not followed: you may still be subscribed."),
        (b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n", "(HTTP status 500): you are still subscribed."),
    ],
)
async def test_one_request_after_a_question_that_names_the_host(profile, mailbox, answer, said):
    mailbox.put(from_list(List_Unsubscribe=LINK, **POST))
    asked = []

    def server(host, path, body):
        asked.append((host, path, body))
        return answer

    async with https_server(server, tls_for(HOST)[0]) as port, at_desk(profile) as (app, pilot):
        hosts = Hosts({(HOST, 443): port})
        app.services._made["lists"] = Lists(app.services, HttpsClient(context=tls_for(HOST)[1], reach=hosts))
        await leave(app, pilot)
        assert f"One request will be sent to {HOST}." in shown(app)
        await pilot.press("escape")
        assert asked == []
        await leave(app, pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: any(said in notice for notice in notices(app)), said)
        assert asked == [(HOST, "/leave?me=1", b"List-Unsubscribe=One-Click")]
        assert hosts.asked == [(HOST, 443)]


async def test_a_stranger_cannot_have_a_private_host_asked(profile, mailbox):
    mailbox.put(from_list(List_Unsubscribe="<https://127.0.0.1:9/x>", **POST))
    async with at_desk(profile) as (app, pilot):
        await leave(app, pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: any("private address" in notice for notice in notices(app)))


async def test_by_a_message_from_the_account_that_is_subscribed(profile, mailbox):
    mailbox.put(from_list(List_Unsubscribe="<mailto:leave@lists.example?subject=bye>, " + LINK))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        await pilot.press("U")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await on_screen(pilot, "leave@lists.example")
        await on_screen(pilot, "bye")
        assert "Send this message to leave the list." in notices(app)


async def test_in_a_browser_after_the_question_of_every_link(profile, mailbox):
    mailbox.put(from_list(List_Unsubscribe=LINK))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        await pilot.press("enter")
        await on_screen(pilot, "All about nothing.")
        await pilot.press("U")
        await until(pilot, lambda: isinstance(app.screen, LinkDialog))
        assert f"https://{HOST}/leave?me=1" in shown(app)


async def test_a_message_that_does_not_say_how(profile, mailbox):
    mailbox.put(mail("hello"))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        await pilot.press("U")
        await until(pilot, lambda: "This message does not say how to unsubscribe." in notices(app))


async def test_a_menu_offers_to_leave_only_what_says_how(profile, mailbox):
    mailbox.put(mail("hello"))
    mailbox.put(from_list(List_Unsubscribe=LINK))
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
        offered = {}
        for _ in range(2):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
            await until(pilot, lambda: "answer_invitation" in app.screen.idle_actions)
            part = app.screen.thread.document.current
            offered[part.message.subject] = "unsubscribe" not in app.screen.idle_actions
            await pilot.press("q", "down")
            await until(pilot, lambda: not isinstance(app.screen, ThreadScreen))
    assert offered == {"hello": False, "News": True}


async def test_a_list_is_found_by_its_name(profile, mailbox):
    mailbox.put(from_list())
    mailbox.put(mail("crew"))
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
        for query in ("list:crew", "list:crew.lists.example", "list:(talk OR other)"):
            rows = await app.services.mail.conversations(
                app.screen.messages.view.__class__(query=query), 0, 9
            )
            assert [row.subject for row in rows] == ["News"]
