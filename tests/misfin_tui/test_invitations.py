"""Invitations in the program: shown, found, and answered by a message that can be undone."""

from __future__ import annotations

import re

import pytest
from desk import SETTINGS, at_desk, make_profile, notices, on_screen, shown, until
from icalendar import Calendar
from invitations import EVENT, calendar, invitation_mail
from mailboxes import Mailbox, mail
from textual.command import CommandList

from misfin.store.message.mime import read_message
from misfin.store.outgoing.outbox import Outbox
from misfin_tui.cli import main
from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.screens.compose import ComposeScreen

WORK = (
    '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nname = "Ada Example"\n'
    'smtp = "smtps://smtp.example.org"\naliases = ["ada@old.example"]\n'
)


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS + WORK, address="")


@pytest.fixture
def mailbox(profile):
    return Mailbox(profile.mail, "work")


async def opened(pilot):
    await until(pilot, lambda: "About a meeting" in shown(pilot.app))


async def ask(app, pilot):
    await opened(pilot)
    await pilot.press("ctrl+n")
    await until(pilot, lambda: isinstance(app.screen, ChooseDialog))


def queued(profile):
    outbox = Outbox(profile.outbox_db)
    try:
        return outbox.rows(), [outbox.outgoing(row.group) for row in outbox.rows()]
    finally:
        outbox.close()


@pytest.mark.parametrize("text", ["You are invited.", ""])
async def test_list_preview_and_conversation_say_what_it_is_about(profile, mailbox, text):
    mailbox.put(invitation_mail(calendar(), text))
    async with at_desk(profile, size=(120, 36)) as (app, pilot):
        await opened(pilot)
        await on_screen(pilot, "Invitation: Budget round")
        await pilot.press("enter")
        await on_screen(pilot, "Organiser: Ida Probe <ida@sender.example>")
        await on_screen(pilot, "Where: Room 7")
        assert "(no text)" not in shown(app)
        assert "invitation.ics" in shown(app)


async def test_a_search_finds_its_title(profile, mailbox):
    mailbox.put(invitation_mail(calendar()))
    mailbox.put(mail("else"))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        view = app.screen.messages.view.__class__(query="budget room")
        assert [row.subject for row in await app.services.mail.conversations(view, 0, 9)] == [
            "About a meeting"
        ]


@pytest.mark.parametrize(
    ("key", "state", "subject"),
    [
        ("a", "ACCEPTED", "Accepted"),
        ("t", "TENTATIVE", "Tentatively accepted"),
        ("d", "DECLINED", "Declined"),
    ],
)
async def test_the_answer_is_a_message_from_the_address_that_was_invited(
    profile, mailbox, key, state, subject
):
    mailbox.put(invitation_mail(calendar(EVENT.replace("ada@example.org", "ada@old.example"))))
    async with at_desk(profile) as (app, pilot):
        await ask(app, pilot)
        await on_screen(pilot, "The answer goes to ida@sender.example, from ada@old.example.")
        assert queued(profile)[0] == []  # nothing is sent unless it is asked for
        await pilot.press(key)
        await until(pilot, lambda: any("The answer will be sent" in each for each in notices(app)))
        (row,), (outgoing,) = queued(profile)
        assert (row.to, row.subject, row.account) == (
            "ida@sender.example",
            f"{subject}: Budget round",
            "work",
        )
        raw = app.services.transport_of("work").prepare(outgoing).source
    assert re.search(rb'text/calendar;\s*charset="?utf-8"?;\s*method="?REPLY', raw)
    assert b"From: Ada Example <ada@old.example>" in raw
    (file,) = read_message(raw.replace(b"\r\n", b"\n")).calendars
    event = Calendar.from_ical(file).walk("VEVENT")[0]
    assert event["attendee"] == "mailto:ada@old.example"
    assert event["attendee"].params["partstat"] == state


async def test_undo_makes_it_a_draft_again(profile, mailbox):
    mailbox.put(invitation_mail(calendar()))
    async with at_desk(profile) as (app, pilot):
        await ask(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: len(queued(profile)[0]) == 1)
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        await pilot.press("z")
        await until(pilot, lambda: isinstance(app.screen, ComposeScreen))
        await on_screen(pilot, "answer.ics")
        assert queued(profile)[0] == []


async def test_escape_sends_nothing(profile, mailbox):
    mailbox.put(invitation_mail(calendar()))
    async with at_desk(profile) as (app, pilot):
        await ask(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        assert queued(profile)[0] == []


async def test_the_right_mouse_button_and_the_palette_offer_it(profile, mailbox):
    mailbox.put(invitation_mail(calendar()))
    async with at_desk(profile, size=(120, 60)) as (app, pilot):
        await opened(pilot)
        await pilot.click("#messages", offset=(30, 0), button=3)
        await on_screen(pilot, "Invitation  ")
        await pilot.press("escape", "ctrl+p", *"answer an inv")
        await until(pilot, lambda: [each.option_count for each in app.screen.query(CommandList)] == [1])
        await on_screen(pilot, "Answer an invitation")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))


async def test_an_organiser_who_is_not_the_author_is_pointed_out(profile, mailbox):
    mailbox.put(invitation_mail(calendar(EVENT.replace("ida@sender.example", "eve@elsewhere.example"))))
    async with at_desk(profile) as (app, pilot):
        await ask(app, pilot)
        await on_screen(pilot, "The invitation was sent by ida@sender.example.")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (
            calendar(EVENT.replace("ada@example.org", "x@example.org")),
            "ada@example.org is not among those invited.",
        ),
        (calendar(method="CANCEL"), "This message does not ask for an answer"),
        (b"nothing", "This message does not contain an invitation."),
    ],
)
async def test_what_cannot_be_answered_says_why(profile, mailbox, file, why):
    mailbox.put(invitation_mail(file))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: any(why in each for each in notices(app)), why)


async def test_an_older_version_says_that_there_is_a_newer_one(profile, mailbox):
    mailbox.put(invitation_mail(calendar()))
    mailbox.put(invitation_mail(calendar(EVENT + "SEQUENCE:1\n", method="CANCEL"), number=2))
    forged = EVENT.replace("ida@sender.example", "eve@elsewhere.example") + "SEQUENCE:9\n"
    mailbox.put(invitation_mail(calendar(forged), number=3))
    async with at_desk(profile) as (app, pilot):
        await opened(pilot)
        view = app.screen.messages.view.__class__(query="budget")
        rows = list(app.services.index.messages(view, 9))
        texts = {row.id: (await app.services.mail.read(row)).text for row in rows}
        newer = "⚠ A newer message in your mailbox cancels this."
        assert sorted(text.startswith(newer) for text in texts.values()) == [False, False, True]


def test_show_prints_the_same_words(profile, mailbox, capsys):
    name = mailbox.put(invitation_mail(calendar(), ""))
    assert main(["--profile", str(profile.root), "show", name]) == 0
    assert "\n\nInvitation: Budget round\nWhen: Tuesday, 10 March 2026, " in capsys.readouterr().out
