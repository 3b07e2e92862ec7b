"""E-mail accounts are edited, tested, given another password and removed from wherever one is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from desk import ALICE, SETTINGS, at_desk, make_profile, notices, on_screen, settled, shown, type_text, until
from mailboxes import Mailbox, mail
from mailservers import PASSWORD, USER, MailServers, mail_servers
from ring import MemoryKeyring, use_keyring

from misfin_tui import config
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import ChooseDialog, PromptDialog
from misfin_tui.host import AccountAction
from misfin_tui.screens.account_test import AccountTestScreen
from misfin_tui.screens.email_wizard import EmailWizardScreen
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.sync import SyncScreen

KEPT = ("misfin-tui", "work")


@pytest.fixture(autouse=True)
def ring() -> Iterator[MemoryKeyring]:
    with use_keyring(MemoryKeyring()) as found:
        found.kept[KEPT] = PASSWORD
        yield found


@pytest.fixture
async def servers() -> AsyncIterator[MailServers]:
    async with mail_servers() as found:
        yield found


def settings(servers: MailServers, *names: str) -> str:
    text = SETTINGS
    for name in names or ("work",):
        text += (
            f'\n# about {name}\n[accounts.{name}]\nkind = "email"\naddress = "{USER}"\npaused = true\n'
            f'imap = "{servers.imap}"\nsmtp = "{servers.smtp}" # the new one\nca_file = "{servers.ca_file}"\n'
            f'password = {{ keyring = "misfin-tui/{name}" }}\n'
        )
    return text


@pytest.fixture
def profile(profile_root, servers):
    return make_profile(profile_root, settings=settings(servers))


async def by_palette(app, pilot, words: str) -> None:
    await pilot.press("ctrl+p")
    await type_text(pilot, words)
    await on_screen(pilot, words)
    await until(pilot, lambda: shown(app).count(words) > 1, words)
    await pilot.press("down", "enter")


async def shows(app, pilot, screen):
    await until(pilot, lambda: isinstance(app.screen, screen) and app.focused is not None, str(screen))
    await pilot.pause()
    return app.screen


async def test_an_account_is_tested_from_the_palette(profile):
    async with at_desk(profile, (100, 36)) as (app, pilot):
        await settled(pilot)
        await by_palette(app, pilot, "Test the account work")
        await shows(app, pilot, AccountTestScreen)
        await on_screen(pilot, "Everything works.")
        assert "step 1" not in shown(app)
        await pilot.press("enter")
        await shows(app, pilot, InboxScreen)


async def test_an_account_is_edited_and_keeps_what_the_wizard_does_not_ask(profile, ring):
    async with at_desk(profile, (100, 36)) as (app, pilot):
        await settled(pilot)
        await by_palette(app, pilot, "Edit the account work")
        screen = await shows(app, pilot, EmailWizardScreen)
        assert screen.query_one("#address").value == USER
        screen.query_one("#title").value = "Ada Lovelace"
        await pilot.press("ctrl+s")
        await on_screen(pilot, "step 2 of 3")
        assert "Name of the account" not in shown(app)
        assert screen.query_one("#incoming").value == app.config.accounts["work"].imap
        await pilot.press("ctrl+s")
        await on_screen(pilot, "Everything works.")
        await pilot.press("enter")
        await until(pilot, lambda: "The account work was changed." in notices(app))
    text = profile.config.read_text()
    assert config.load(profile.config).accounts["work"].name == "Ada Lovelace"
    assert "# about work" in text
    assert "# the new one" in text
    assert "ca_file" in text
    assert ring.kept == {KEPT: PASSWORD}


async def test_a_new_password_is_tested_and_kept_when_an_account_is_edited(profile, ring):
    ring.kept[KEPT] = "old"
    async with at_desk(profile, (100, 36)) as (app, pilot):
        await settled(pilot)
        app.with_account(AccountAction.EDIT, "work")
        screen = await shows(app, pilot, EmailWizardScreen)
        screen.query_one("#password").value = PASSWORD
        await pilot.press("ctrl+s")
        await on_screen(pilot, "step 2 of 3")
        await pilot.press("ctrl+s")
        await on_screen(pilot, "Everything works.")
        assert ring.kept == {KEPT: "old"}
        await pilot.press("enter")
        await shows(app, pilot, InboxScreen)
        assert ring.kept == {KEPT: PASSWORD}


async def test_leaving_an_unchanged_account_asks_nothing(profile):
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await settled(pilot)
        app.with_account(AccountAction.EDIT, "work")
        screen = await shows(app, pilot, EmailWizardScreen)
        await pilot.press("escape")
        await shows(app, pilot, InboxScreen)
        app.with_account(AccountAction.EDIT, "work")
        screen = await shows(app, pilot, EmailWizardScreen)
        screen.query_one("#title").value = "Somebody"
        await pilot.press("escape")
        await on_screen(pilot, "The account stays as it was.")


async def test_a_password_is_changed_from_the_palette(profile, ring):
    async with at_desk(profile, (100, 36)) as (app, pilot):
        await settled(pilot)
        await by_palette(app, pilot, "Change the password of the account work")
        await shows(app, pilot, PromptDialog)
        await type_text(pilot, "a new one")
        await pilot.press("enter")
        await until(pilot, lambda: "The password of work is in the keyring." in notices(app))
        assert ring.kept == {KEPT: "a new one"}


async def test_of_several_accounts_it_is_the_one_at_hand_or_it_is_asked(profile_root, servers):
    profile = make_profile(profile_root, settings=settings(servers, "home", "work"))
    async with at_desk(profile, (100, 36)) as (app, pilot):
        await settled(pilot)
        app.with_account(AccountAction.REMOVE, "")
        await shows(app, pilot, ChooseDialog)
        await on_screen(pilot, "Remove which account?")
        await pilot.press("escape")
        await pilot.press("Y")
        screen = await shows(app, pilot, SyncScreen)
        await until(pilot, lambda: len(screen.rows.items) >= 2)
        await on_screen(pilot, "2 accounts")
        screen.rows.go_to(("work", ""))
        await pilot.press("D")
        await on_screen(pilot, "Remove the account work (")


async def test_what_is_left_of_a_removed_account_says_so_and_can_be_deleted(profile, ring):
    box = Mailbox(profile.mail, "work")
    for number in range(3):
        box.put(mail(f"Plan {number}", "x" * 100, sender="bob@example.org"))
    Mailbox(profile.mail, ALICE).put(mail("Hello", "text"))
    profile.sync.mkdir(parents=True, exist_ok=True)
    (profile.sync / "work.db").touch()
    async with at_desk(profile, (100, 30)) as (app, pilot):
        await settled(pilot)
        sidebar = app.screen.sidebar
        sidebar.focus()
        await until(pilot, lambda: any(each.label == "work" for each in sidebar._lines))
        heading = next(i for i, each in enumerate(sidebar._lines) if each.label == "work")
        sidebar.move_to(heading)
        await pilot.press("D")
        await shows(app, pilot, ConfirmDialog)
        await on_screen(pilot, "Its mail stays in")
        await pilot.click("#yes")
        await until(pilot, lambda: re.search("▾ work +removed", shown(app)))
        lines = [(each.group, each.label) for each in sidebar._lines if each.group == "work"]
        assert lines == [("work", "work"), ("work", "Inbox")], "no Outbox, nothing empty"
        assert ring.kept == {}
        sidebar.move_to(next(i for i, each in enumerate(sidebar._lines) if each.label == "work"))
        sidebar.focus()
        await pilot.press("D")
        await shows(app, pilot, ConfirmDialog)
        await on_screen(pilot, "3 messages in")
        await on_screen(pilot, "This cannot be undone.")
        await pilot.press("escape")
        assert (profile.mail / "work").exists()
        await pilot.press("D")
        await shows(app, pilot, ConfirmDialog)
        await pilot.click("#yes")
        await until(pilot, lambda: not (profile.mail / "work").exists())
        await until(pilot, lambda: all(each.group != "work" for each in sidebar._lines))
        assert not (profile.sync / "work.db").exists()
        assert (profile.mail / ALICE).exists()


async def test_the_mail_of_an_account_is_never_taken_for_left_over(profile):
    Mailbox(profile.mail, "work").put(mail("Plan", "x"))
    async with at_desk(profile, (100, 30)) as (app, pilot):
        await settled(pilot)
        assert await app.services.email_accounts.leftover.directories() == ()
        app.run_worker(app.services.email_accounts.leftover.delete("work"), exit_on_error=False)
        await pilot.pause(0.2)
        assert (profile.mail / "work").exists()


async def test_a_new_account_does_not_take_over_the_mail_of_a_removed_one(profile):
    Mailbox(profile.mail, "example").put(mail("Plan", "x"))
    async with at_desk(profile, (100, 30)) as (app, pilot):
        await settled(pilot)
        assert await app.services.email_accounts.suggested_name("bob@example.org") == "example-2"
