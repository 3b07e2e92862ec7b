"""The settings of e-mail accounts on the settings screen: shown, checked, changed; a new password kept."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from desk import SETTINGS, at_desk, make_profile, on_screen, shown, until
from ring import MemoryKeyring, use_keyring

from misfin.email.account import SaveSent, SecretPlace, SecretRef
from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient
from misfin.store.outgoing.deliveries import DeliveryState
from misfin.store.outgoing.drafts import Draft, to_bytes
from misfin.store.outgoing.outbox import Outbox
from misfin_tui import config
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import ChooseDialog, PromptDialog
from misfin_tui.screens.email_wizard import EmailWizardScreen
from misfin_tui.screens.settings import SettingsScreen

WORK = """
# my work
[accounts.work]
kind = "email"
address = "ada@example.org"
smtp = "smtps://smtp.example.org"
password = { env = "WORK" } # for now
"""


@pytest.fixture(autouse=True)
def ring() -> Iterator[MemoryKeyring]:
    with use_keyring(MemoryKeyring()) as found:
        yield found


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root, settings=SETTINGS + WORK)


def queue_message(profile) -> int:
    """A message of the account that waits for tomorrow."""
    outbox, now = Outbox(profile.outbox_db), time.time()
    (row,) = outbox.enqueue(
        account="work",
        kind=AddressKind.MAIL,
        recipients=[Recipient("bea@example.org", "smtp:work")],
        message=b"",
        subject="Meeting",
        now=now,
        hold_until=now + 86_400,
        draft=to_bytes(Draft(account="work", to=("bea@example.org",), subject="Meeting", body="text\n")),
    )
    outbox.close()
    return row


async def setting(app, pilot, key: str) -> SettingsScreen:
    if not isinstance(app.screen, SettingsScreen):
        await pilot.press("comma")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
    name = f"accounts.work.{key}"
    await until(pilot, lambda: any(each.name == name for each in app.screen.rows.items), name)
    app.screen.rows.go_to(name)
    return app.screen


async def answer(app, pilot, text: str) -> None:
    await until(pilot, lambda: isinstance(app.screen, PromptDialog) and app.focused is not None)
    app.screen.query_one("#answer").value = text
    await pilot.press("enter")


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("name", "Ada", "Ada"),
        ("keep", "1y", "1y"),
        ("fetch_up_to", "5MiB", 5 * 1024 * 1024),
        ("save_sent", "false", SaveSent.NO),
        ("folders", '{ Sent = "Sent Items" }', (("Sent", "Sent Items"),)),
        ("aliases", "ada@example.net, *@ada.example", ("ada@example.net", "*@ada.example")),
        ("signature", "Ada\\nAnalyst", "Ada\nAnalyst"),
    ],
)
async def test_a_setting_is_typed_and_counts_at_once(profile, key, typed, value):
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, key)
        await pilot.press("enter")
        await answer(app, pilot, typed)
        await until(pilot, lambda: getattr(app.config.accounts["work"], key) == value)
        assert getattr(config.load(profile.config).accounts["work"], key) == value
        assert "# for now" in profile.config.read_text()


async def test_a_setting_of_an_account_goes_back_to_its_default(profile_root):
    profile = make_profile(profile_root, settings=f'{SETTINGS}{WORK}keep = "1y"\n')
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "keep")
        await pilot.press("d")
        await until(pilot, lambda: app.config.accounts["work"].keep == "all")
        assert "keep" not in profile.config.read_text()


async def test_a_password_in_clear_text_is_refused(profile):
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "password")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
        await pilot.press("down", "enter")
        await answer(app, pilot, "hunter2")
        await on_screen(pilot, "clear text")
        await answer(app, pilot, '{ command = "pass show mail" }')
        ref = SecretRef(SecretPlace.COMMAND, "pass show mail")
        await until(pilot, lambda: app.config.accounts["work"].password == ref)
        assert "hunter2" not in profile.config.read_text()


async def test_a_new_password_goes_into_the_keyring(profile, ring):
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "password")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
        await pilot.press("enter")
        await answer(app, pilot, "hunter2")
        ref = SecretRef(SecretPlace.KEYRING, "misfin-tui/work")
        await until(pilot, lambda: app.config.accounts["work"].password == ref)
        assert ring.kept == {("misfin-tui", "work"): "hunter2"}
        assert "hunter2" not in shown(app) + profile.config.read_text()


async def test_an_account_is_added_from_the_settings(profile):
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "address")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, EmailWizardScreen))


async def test_an_account_written_into_the_file_appears_while_the_program_runs(profile):
    async with at_desk(profile, (120, 30)) as (_app, pilot):
        await on_screen(pilot, "work")
        home = '\n[accounts.home]\nkind = "email"\naddress = "ada@home.example"\n'
        profile.config.write_text(profile.config.read_text() + home)
        await on_screen(pilot, "home")
        assert (profile.mail / "home").is_dir()


async def test_an_account_is_removed_and_its_mail_stays(profile):
    async with at_desk(profile) as (app, pilot):
        await setting(app, pilot, "smtp")
        app.services.store.create("work")
        row = queue_message(profile)
        await pilot.press("D")
        await on_screen(pilot, "Remove the account work (ada@example.org)?")
        assert "1 delivery not sent yet will be cancelled" in " ".join(shown(app).replace("│", " ").split())
        await pilot.press("escape")
        assert "work" in config.load(profile.config).accounts
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.click("#yes")
        await until(pilot, lambda: "work" not in app.config.accounts)
        assert "work" not in config.load(profile.config).accounts
        assert (profile.mail / "work").is_dir()
        await until(pilot, lambda: app.services.outbox_queue.row(row).state is DeliveryState.CANCELLED)
        await pilot.press("D")
        await on_screen(pilot, "There is no e-mail account to remove.")
