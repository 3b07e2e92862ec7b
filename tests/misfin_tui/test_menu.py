"""The menu of the right mouse button: only what applies, on pages that fit, everything within reach."""

from __future__ import annotations

import pytest
from desk import SETTINGS, at_desk, make_profile, on_screen, shown, until
from invitations import EVENT, calendar, invitation_mail
from mailboxes import NOW, Mailbox, mail

from misfin_tui.dialogs.menu import BACK, MenuDialog
from misfin_tui.screens import applying
from misfin_tui.screens.thread import ThreadScreen
from misfin_tui.widgets.actions import HERE, ON_MESSAGE, PROGRAM, actions_of

WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\nsmtp = "smtps://smtp.example.org"\n'
LISTED = {
    "List_Id": "Crew talk <crew.lists.example>",
    "List_Post": "<mailto:crew@lists.example>",
    "List_Unsubscribe": "<mailto:leave@lists.example>",
}


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS + WORK, address="")


@pytest.fixture
def mailbox(profile):
    return Mailbox(profile.mail, "work")


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However busy the machine is, the message is read before its menu opens."""
    monkeypatch.setattr(applying, "PATIENCE", 60.0)


async def menu_at(pilot, subject: str) -> list[str]:
    """The labels of the first page of the menu at a row of the list."""
    app = pilot.app
    await on_screen(pilot, subject)
    lines = shown(app).splitlines()
    row = next(number for number, line in enumerate(lines) if subject in line)
    await pilot.click(offset=(30, row), button=3)
    await until(pilot, lambda: isinstance(app.screen, MenuDialog))
    await on_screen(pilot, "│ Reply ")
    return labels(app.screen)


def labels(menu: MenuDialog) -> list[str]:
    """What its page has, without the keys."""
    return [menu.list.get_option_at_index(at).prompt.plain.strip() for at in range(menu.list.option_count)]


def has(offered: list[str], label: str) -> bool:
    return any(line == label or line.startswith(f"{label}  ") for line in offered)


async def closed(pilot):
    await pilot.press("q")
    await until(pilot, lambda: not isinstance(pilot.app.screen, MenuDialog))


@pytest.mark.parametrize("size", [(120, 40), (80, 20)], ids=["beside a preview", "without a preview"])
async def test_a_row_of_the_list_offers_only_what_applies_to_its_message(profile, mailbox, size):
    mailbox.put(mail("plain words"))
    mailbox.put(mail("from a list", **LISTED))
    mailbox.put(invitation_mail(calendar()).replace(b"About a meeting", b"come to us"))
    mailbox.put(invitation_mail(calendar(EVENT, method="CANCEL"), number=2).replace(b"About a", b"no more"))
    expected = {"plain words": set(), "from a list": {"Unsubscribe", "Reply to list"}}
    expected |= {"come to us": {"Invitation"}, "no more meeting": set()}
    found = {}
    async with at_desk(profile, size) as (_app, pilot):
        await on_screen(pilot, "Inbox · 4 conversations")
        for subject in expected:
            offered = await menu_at(pilot, subject)
            assert has(offered, "Reply")
            rare = {"Unsubscribe", "Reply to list", "Invitation", "Accept list"}
            found[subject] = {label for label in rare if has(offered, label)}
            await closed(pilot)
    assert found == expected


async def test_a_message_that_takes_long_to_read_is_offered_everything(profile, mailbox, monkeypatch):
    monkeypatch.setattr(applying, "PATIENCE", 0.0)
    mailbox.put(mail("plain words"))
    async with at_desk(profile, (80, 20)) as (_app, pilot):
        offered = await menu_at(pilot, "plain words")
        assert has(offered, "Unsubscribe")
        assert has(offered, "Invitation")


async def test_joining_is_offered_once_there_is_something_to_join(profile, mailbox):
    mailbox.put(mail("one", date=NOW + 60))  # the newest is first
    mailbox.put(mail("two", date=NOW))
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await on_screen(pilot, "Inbox · 2 conversations")
        inbox, offered = app.screen, []
        for keys in ((), ("x", "j", "x")):
            await until(pilot, lambda: inbox.messages.has_focus and inbox.messages.current is not None)
            await pilot.press(*keys)
            await until(pilot, lambda keys=keys: len(inbox.messages.marks) == keys.count("x"))
            await menu_at(pilot, "one")
            await pilot.click(app.screen.list, offset=(3, labels(app.screen).index(ON_MESSAGE) + 2))
            await on_screen(pilot, BACK)
            offered.append((len(inbox.messages.marks), has(labels(app.screen), "Join")))
            await closed(pilot)
        assert offered == [(0, False), (2, True)]


async def test_a_conversation_of_one_message_has_nothing_to_split(profile, mailbox):
    mailbox.put(mail("alone"))
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await on_screen(pilot, "Inbox · 1 conversation")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await until(pilot, lambda: "split" in app.screen.idle_actions)
        idle = set(app.screen.idle_actions)
    assert {"split", "replies", "next_version", "unlock", "attachments", "reply_list"} <= idle
    assert not {"save_message", "open_in_browser", "headers", "parts", "bounce"} & idle


@pytest.mark.parametrize("keys", [(), ("enter",)], ids=["inbox", "thread"])
async def test_the_pages_have_every_action_that_applies_and_fit_a_small_window(profile, mailbox, keys):
    mailbox.put(mail("from a list", **LISTED))
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await on_screen(pilot, "Inbox · 1 conversation")
        await pilot.press(*keys)
        await on_screen(pilot, "from a list")
        await until(pilot, lambda: not keys or isinstance(app.screen, ThreadScreen))
        screen = app.screen
        await until(pilot, lambda: not keys or screen.thread.document.current.message is not None)
        idle = {*screen.idle_actions, *await applying.idle_now(screen.selection)}
        wanted = {each.label for each in actions_of(screen) if each.method not in idle}
        found = set()
        await pilot.click(offset=(30, 2), button=3)
        await until(pilot, lambda: isinstance(app.screen, MenuDialog))
        first = labels(app.screen)
        for title in (ON_MESSAGE, HERE, PROGRAM):
            assert app.screen.list.region.bottom <= 24
            await pilot.press("home", *["down"] * first.index(title), "enter")
            await until(pilot, lambda: labels(app.screen)[0] == BACK)
            assert app.screen.list.max_scroll_y == 0
            found |= {label.partition("  ")[0].strip() for label in labels(app.screen)[1:]}
            await pilot.press("escape")  # back to the first page, on the line that led away
            await until(pilot, lambda: labels(app.screen) == first)
            assert labels(app.screen)[app.screen.list.highlighted] == title
        found |= {label.partition("  ")[0].strip() for label in first[: first.index(ON_MESSAGE)]}
        assert found == wanted
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
