"""From an empty profile to an e-mail account that can send: keys, mouse, a certificate, and no keyring."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from desk import at_desk, make_profile, notices, on_screen, settled, shown, type_text, until
from keyring.backends import fail
from mailservers import PASSWORD, USER, MailServers, mail_servers
from ring import MemoryKeyring, use_keyring
from textual.widgets import OptionList

from misfin.email.account import Login
from misfin.email.discovery import Discovery, Found, FoundBy
from misfin.store.outgoing.drafts import Draft
from misfin_tui import config
from misfin_tui.dialogs.certificate import CertificateDialog, TrustStep
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.paths import profile_at
from misfin_tui.screens.email_wizard import EmailWizardScreen
from misfin_tui.screens.identities import IdentitiesScreen
from misfin_tui.screens.inbox import InboxScreen
from misfin_tui.screens.wizard import WizardScreen
from misfin_tui.services.email import EmailAccounts

SETTINGS = "[receive]\nenabled = false\n[send]\nundo_send_seconds = 0\n"


@pytest.fixture(autouse=True)
def ring() -> Iterator[MemoryKeyring]:
    with use_keyring(MemoryKeyring()) as found:
        yield found


@pytest.fixture
async def servers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MailServers]:
    """Servers on loopback, which is where every address is said to have them."""
    async with mail_servers() as found:
        detail = "Named in the DNS of localhost."
        best = Found(found.imap, found.smtp, Login.PASSWORD, FoundBy.SRV, detail)
        asked: list[str] = []

        async def find(self: EmailAccounts, address: str) -> Discovery:
            asked.append(address)
            return Discovery((best,))

        monkeypatch.setattr(EmailAccounts, "find", find)
        yield found


async def begin(app, pilot, choice: str = "email") -> None:
    """Answer the first question."""
    await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
    await on_screen(pilot, "Misfin, e-mail, or both?")
    for _ in range(("misfin", "email", "both").index(choice)):
        await pilot.press("down")
    await pilot.press("enter")


async def wizard(app, pilot) -> EmailWizardScreen:
    await until(pilot, lambda: isinstance(app.screen, EmailWizardScreen) and app.focused is not None)
    return app.screen


async def trust(app, pilot, fingerprint: str) -> None:
    """Look at a certificate and trust it."""
    await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
    await pilot.click("#trust")
    await until(pilot, lambda: isinstance(app.screen, TrustStep))
    app.screen.query_one("#proof").value = fingerprint[:4]
    await pilot.pause()
    await until(pilot, lambda: not app.screen.query_one("#trust").disabled)
    await pilot.click("#trust")


@pytest.mark.parametrize("size", [(80, 24), (100, 36)])
async def test_an_address_and_a_password_lead_to_a_message_that_is_sent(profile_root, servers, ring, size):
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, size, courier=True) as (app, pilot):
        await begin(app, pilot)
        await wizard(app, pilot)
        await type_text(pilot, f"{USER}\nAda Lovelace\n{PASSWORD}\n")
        await on_screen(pilot, "step 2 of 3")
        assert "Named in the DNS of localhost." in shown(app)
        assert str(servers.imap) in shown(app)
        assert str(servers.smtp) in shown(app)
        assert PASSWORD not in shown(app)
        assert "accounts" not in profile.config.read_text()
        await pilot.press("enter")
        await trust(app, pilot, servers.fingerprint)  # once: both servers present it
        await on_screen(pilot, "Everything works.")
        await on_screen(pilot, "Logged in as ada@localhost by PLAIN.")
        assert ring.kept == {}
        assert "accounts" not in profile.config.read_text()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        (name,) = config.load(profile.config).accounts
        assert name == "localhost"
        assert ring.kept == {("misfin-tui", name): PASSWORD}
        assert PASSWORD not in profile.config.read_text()
        await until(pilot, lambda: any(f"{USER} is ready" in each for each in notices(app)))
        draft = await app.services.sending.new(["bob@example.org"])
        assert draft.account == name
        sent = Draft(account=name, to=("bob@example.org",), subject="Hi", body="Hello")
        assert (await app.services.sending.measure(sent)).limit == 33554432, "as the test has found"
        await app.services.sending.submit(sent)
        await until(pilot, lambda: servers.inbox.taken, "the message is sent")
        assert servers.inbox.taken[0].rcpt_tos == ["bob@example.org"]
        assert b"Ada Lovelace" in servers.inbox.contents[0]


async def test_an_account_without_an_identity_is_welcome(profile_root, servers, ring):
    settings = (
        f'{SETTINGS}[accounts.work]\nkind = "email"\naddress = "{USER}"\nsmtp = "{servers.smtp}"\n'
        'password = { keyring = "misfin-tui/work" }\n'
    ).replace("enabled = false", "enabled = true")
    profile = make_profile(profile_root, settings=settings, address="")
    async with at_desk(profile, (100, 30)) as (app, pilot):
        await settled(pilot)
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        await until(pilot, lambda: "work" in shown(app))
        await until(pilot, lambda: "No mail yet." in shown(app))
        assert not (await app.services.receiving.state()).running
        await pilot.press("I")
        await until(pilot, lambda: isinstance(app.screen, IdentitiesScreen))
        await on_screen(pilot, "e-mail needs none")


async def test_without_a_keyring_a_command_gives_the_password(profile_root, servers, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n")
    with use_keyring(fail.Keyring()):
        profile = make_profile(profile_root, settings=SETTINGS, address="")
        async with at_desk(profile, (80, 24)) as (app, pilot):
            await begin(app, pilot)
            screen = await wizard(app, pilot)
            await on_screen(pilot, "There is no keyring on this machine.")
            assert not screen.query_one("#typing").display
            await type_text(pilot, f"{USER}\nAda\n\n")
            await on_screen(pilot, "Enter a command.")
            await type_text(pilot, f"{sys.executable} -c 'print(open(\"{secret}\").read())'\n")
            await on_screen(pilot, "step 2 of 3")
            await pilot.click("#next")
            await trust(app, pilot, servers.fingerprint)  # once: both servers present it
            await on_screen(pilot, "Everything works.")
            await pilot.click("#next")
            await until(pilot, lambda: isinstance(app.screen, InboxScreen))
            assert "command" in profile.config.read_text()
            assert "hunter2" not in profile.config.read_text()


async def test_a_password_typed_before_it_is_known_that_there_is_no_keyring_is_not_taken(
    profile_root, servers, monkeypatch
):
    known = asyncio.Event()

    async def late(self: EmailAccounts) -> str:
        await known.wait()
        return "There is no keyring on this machine."

    monkeypatch.setattr(EmailAccounts, "keyring_problem", late)
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await begin(app, pilot)
        screen = await wizard(app, pilot)
        await type_text(pilot, f"{USER}\nAda\nsecret")
        await pilot.press("ctrl+s")
        known.set()
        await on_screen(pilot, "Enter a command.")
        assert "step 1 of 3" in shown(app)
        assert app.focused is screen.query_one("#command")
        assert not screen.query_one("#password").value


async def test_what_was_found_can_be_changed_and_is_checked(profile_root, servers):
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, (100, 36)) as (app, pilot):
        await begin(app, pilot)
        screen = await wizard(app, pilot)
        await type_text(pilot, f"{USER}\nAda\n{PASSWORD}\n")
        await on_screen(pilot, "step 2 of 3")
        for field, text, words in (
            ("incoming", "ftp://imap.example.org", "is not the address of a mail server"),
            ("incoming", "smtps://localhost", "SMTP is not for incoming mail"),
            ("outgoing", "", "Enter the outgoing server."),
            ("name", "No Name", "cannot be the name of an account"),
        ):
            before = screen.query_one(f"#{field}").value
            screen.query_one(f"#{field}").value = text
            await pilot.press("ctrl+s")
            await on_screen(pilot, words)
            assert screen.query_one(f"#{field}").has_focus
            screen.query_one(f"#{field}").value = before
        screen.query_one("#name").value = "home"
        await pilot.press("escape")
        await on_screen(pilot, "step 1 of 3")
        await pilot.press("ctrl+s")
        await on_screen(pilot, "step 2 of 3")
        assert screen.query_one("#name").value == "home", "what was changed stays"


async def test_a_wrong_password_is_seen_before_anything_is_saved(profile_root, servers, ring):
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await begin(app, pilot)
        screen = await wizard(app, pilot)
        await type_text(pilot, f"{USER}\nAda\nwrong\n")
        await on_screen(pilot, "step 2 of 3")
        await pilot.press("ctrl+s")
        await trust(app, pilot, servers.fingerprint)
        await on_screen(pilot, "Something does not work.")
        assert "Check your user name and password." in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("escape")
        assert ring.kept == {}
        assert not config.load(profile.config).accounts
        await pilot.press("escape")
        await on_screen(pilot, "step 2 of 3")
        await pilot.press("escape")
        await on_screen(pilot, "step 1 of 3")
        screen.query_one("#password").value = PASSWORD
        await pilot.press("ctrl+s")
        await on_screen(pilot, "step 2 of 3")
        await pilot.press("ctrl+s")
        await on_screen(pilot, "Everything works.")


async def test_an_untrusted_certificate_that_stays_untrusted_gets_no_password(profile_root, servers):
    profile = make_profile(profile_root, settings=SETTINGS, address="")
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await begin(app, pilot)
        await wizard(app, pilot)
        await type_text(pilot, f"{USER}\nAda\n{PASSWORD}\n")
        await on_screen(pilot, "step 2 of 3")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await on_screen(pilot, "Your password has not been sent.")
        assert "your message" not in shown(app).lower()
        await pilot.press("escape")
        await on_screen(pilot, "Not tested: a certificate is not trusted.")
        assert servers.logins == []


async def test_both_begin_with_misfin_and_go_on_with_e_mail(profile_root, servers):
    profile = profile_at(profile_root)
    async with at_desk(profile, (100, 36)) as (app, pilot):
        await begin(app, pilot, "both")
        await until(pilot, lambda: isinstance(app.screen, WizardScreen) and app.focused is not None)
        await type_text(pilot, "ada@mail.example\nAda Lovelace\n")
        await on_screen(pilot, "step 2 of 3")
        app.screen.query_one("#not-here").value = True
        await pilot.press("ctrl+s")
        await on_screen(pilot, "step 3 of 3")
        await pilot.press("enter")
        await wizard(app, pilot)
        assert profile.config.exists()


async def test_nothing_found_leaves_the_servers_to_be_typed(profile_root, monkeypatch):
    async def nothing(self: EmailAccounts, address: str) -> Discovery:
        return Discovery(())

    monkeypatch.setattr(EmailAccounts, "find", nothing)
    async with at_desk(profile_at(profile_root), (80, 24)) as (app, pilot):
        await begin(app, pilot)
        screen = await wizard(app, pilot)
        await type_text(pilot, "ada@nowhere.example\nAda\nx\n")
        await on_screen(pilot, "No servers were found for ada@nowhere.example.")
        assert screen.query_one("#incoming").value == ""


async def test_an_account_is_added_later_from_the_palette(profile_root, servers, ring):
    profile = make_profile(profile_root, settings=SETTINGS)
    async with at_desk(profile, (100, 36)) as (app, pilot):
        await settled(pilot)
        await pilot.press("ctrl+p")
        await type_text(pilot, "e-mail account")
        await on_screen(pilot, "Add an e-mail account")
        await until(pilot, lambda: "Add an e-mail account" in shown(app))
        await pilot.press("down", "enter")
        await wizard(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))


@pytest.mark.parametrize(
    ("key", "screen"), [("m", WizardScreen), ("e", EmailWizardScreen), ("b", WizardScreen)]
)
async def test_a_letter_answers_the_first_question(profile_root, key, screen):
    async with at_desk(profile_at(profile_root), (80, 24)) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
        await on_screen(pilot, " e  E-mail  an account you have")
        await pilot.press("x", "E")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, screen))


async def test_a_click_answers_the_first_question(profile_root):
    async with at_desk(profile_at(profile_root), (80, 24)) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog) and app.focused is not None)
        await pilot.click(OptionList, offset=(8, 1))
        await wizard(app, pilot)


async def test_escape_at_the_first_question_leaves_an_empty_profile(profile_root):
    profile = profile_at(profile_root)
    async with at_desk(profile, (80, 24)) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        assert not Path(profile.config).exists()
