"""The e-mail wizard with the real search for servers, and signing in with OAuth instead of a password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from desk import SETTINGS, at_desk, make_profile, notices, on_screen, settled, shown, type_text, until
from keyring.backends import fail
from mailservers import PASSWORD
from oauthpeer import CLIENT, LocalProvider, answer
from oauthworld import world
from ring import MemoryKeyring, use_keyring

from misfin.email.http import HttpsClient
from misfin.email.oauth import provider
from misfin_tui import config
from misfin_tui.dialogs.certificate import CertificateDialog, TrustStep
from misfin_tui.dialogs.sign_in import SignInDialog
from misfin_tui.host import AccountAction
from misfin_tui.screens.email_wizard import EmailWizardScreen
from misfin_tui.screens.inbox import InboxScreen

ADA = "ada@example.org"
REFRESH, SECRET = ("misfin-tui", "example:refresh-token"), ("misfin-tui", "example:client-secret")


@pytest.fixture(autouse=True)
def ring() -> Iterator[MemoryKeyring]:
    with use_keyring(MemoryKeyring()) as found:
        yield found


@asynccontextmanager
async def at_wizard(profile_root, size=(100, 36)):
    """The wizard, opened by a person who has a Misfin address."""
    profile = make_profile(profile_root, settings=SETTINGS)
    async with at_desk(profile, size) as (app, pilot):
        await settled(pilot)
        await pilot.press("N")
        await until(pilot, lambda: isinstance(app.screen, EmailWizardScreen) and app.focused is not None)
        yield profile, app, pilot, app.screen


async def trust(app, pilot, servers, screen) -> None:
    for _ in range(2):  # two servers, one certificate that no authority vouches for
        await until(pilot, lambda: isinstance(app.screen, CertificateDialog))
        await pilot.click("#trust")
        await until(pilot, lambda: isinstance(app.screen, TrustStep))
        app.screen.query_one("#proof").value = servers.fingerprint[:4]
        await pilot.pause()
        await until(pilot, lambda: not app.screen.query_one("#trust").disabled)
        await pilot.click("#trust")
    await until(pilot, lambda: app.screen is screen)


async def invited(app, pilot) -> SignInDialog:
    await until(pilot, lambda: isinstance(app.screen, SignInDialog) and app.screen._url)
    await pilot.pause()
    return app.screen


async def agree(app, pilot, local: LocalProvider) -> None:
    """What the browser does."""
    url = (await invited(app, pilot))._url
    await HttpsClient(plain_loopback=True).get(local.allow(url))


async def with_client(pilot, screen) -> None:
    await on_screen(pilot, "step 2 of 3")
    await on_screen(pilot, "this program gets a token")
    screen.query_one("#client-id").value = CLIENT.id
    screen.query_one("#client-secret").value = CLIENT.secret
    await pilot.press("ctrl+s")


async def test_the_servers_of_a_domain_are_really_looked_for_and_a_password_logs_in(
    profile_root, monkeypatch
):
    async with (
        world(monkeypatch, LocalProvider(), "password-cleartext") as servers,
        at_wizard(profile_root) as (profile, app, pilot, screen),
    ):
        await type_text(pilot, f"{ADA}\nAda\n{PASSWORD}\n")
        await on_screen(pilot, "Named by autoconfig.example.org")
        assert not screen.query_one("#logging-in").display
        await pilot.press("ctrl+s")
        await trust(app, pilot, servers, screen)
        await on_screen(pilot, "Everything works.")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        assert set(servers.logins) == {"imap", "smtp"}
        assert config.load(profile.config).accounts["example"].auth == "password"


@pytest.mark.parametrize("size", [(80, 24), (100, 36)])
async def test_a_browser_signs_in_and_nothing_is_kept_before_the_end(profile_root, monkeypatch, ring, size):
    local = LocalProvider()
    async with world(monkeypatch, local, "OAuth2") as servers:
        monkeypatch.setattr(provider, "OAUTH_PROVIDERS", (replace(provider.OAUTH_PROVIDERS[0], device=""),))
        async with at_wizard(profile_root, size) as (profile, app, pilot, screen):
            await type_text(pilot, f"{ADA}\nAda\n\n")
            await with_client(pilot, screen)
            dialog = await invited(app, pilot)
            assert "Waiting for you to sign in" in shown(app)
            assert dialog._url[:40] in shown(app)
            assert "Start again" in shown(app)
            await agree(app, pilot, local)
            await trust(app, pilot, servers, screen)
            await on_screen(pilot, "Everything works.")
            assert ring.kept == {}
            assert "accounts" not in profile.config.read_text()
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, InboxScreen))
            assert ring.kept == {REFRESH: "r1", SECRET: CLIENT.secret}
            written = profile.config.read_text()
            assert CLIENT.secret not in written
            assert set(servers.logins) == {"imap by token", "smtp by token"}
            account = config.load(profile.config).accounts["example"]
            assert (account.auth, account.client_id, account.password) == ("oauth", CLIENT.id, None)
            app.with_account(AccountAction.TEST, "example")
            await on_screen(pilot, "Everything works.")
            await pilot.press("enter")
            removed = await app.services.email_accounts.remove("example")
            assert removed.secret
            assert ring.kept == {}


async def test_a_code_is_shown_and_can_be_entered_in_any_browser(profile_root, monkeypatch, ring):
    local = LocalProvider(interval=0.01)
    async with (
        world(monkeypatch, local, "OAuth2"),
        at_wizard(profile_root, (80, 24)) as (_profile, _app, pilot, screen),
    ):
        await type_text(pilot, f"{ADA}\nAda\n\n")
        await with_client(pilot, screen)
        await on_screen(pilot, "WDJB-MJHT")
        await on_screen(pilot, "https://login.example/enter")
        assert ring.kept == {}
        local.entered = True
        await until(pilot, lambda: screen._oauth.token is not None)


async def test_signing_in_can_be_cancelled_done_another_way_and_begun_again(profile_root, monkeypatch):
    local = LocalProvider(interval=0.01)
    async with (
        world(monkeypatch, local, "OAuth2"),
        at_wizard(profile_root) as (_profile, app, pilot, screen),
    ):
        await type_text(pilot, f"{ADA}\nAda\n\n")
        await with_client(pilot, screen)
        await on_screen(pilot, "WDJB-MJHT")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert "step 2 of 3" in shown(app)
        asked = len(local.forms)
        await asyncio.sleep(0.2)
        assert len(local.forms) <= asked + 1, "nobody asks the provider any more"
        await pilot.press("ctrl+s")
        await on_screen(pilot, "WDJB-MJHT")
        local.scripted.append(answer(400, error="access_denied"))
        await until(pilot, lambda: "Waiting" not in shown(app))
        await pilot.click("#again")
        await agree(app, pilot, local)
        await until(pilot, lambda: screen._oauth.token is not None)


async def test_whoever_has_typed_an_app_password_logs_in_with_it(profile_root, monkeypatch, ring):
    async with (
        world(monkeypatch, LocalProvider(), "OAuth2") as servers,
        at_wizard(profile_root) as (profile, app, pilot, screen),
    ):
        await type_text(pilot, f"{ADA}\nAda\n{PASSWORD}\n")
        await on_screen(pilot, "step 2 of 3")
        assert screen.query_one("#by-password").value
        assert not screen.query_one("#oauth-part").display
        await pilot.press("ctrl+s")
        await trust(app, pilot, servers, screen)
        await on_screen(pilot, "Everything works.")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, InboxScreen))
        assert config.load(profile.config).accounts["example"].auth == "password"
        assert ring.kept == {("misfin-tui", "example"): PASSWORD}


async def test_a_provider_that_takes_no_passwords_is_not_asked_with_one(profile_root, monkeypatch):
    async with world(monkeypatch, LocalProvider(), "OAuth2"):
        only = replace(provider.OAUTH_PROVIDERS[0], passwords=False)
        monkeypatch.setattr(provider, "OAUTH_PROVIDERS", (only,))
        async with at_wizard(profile_root) as (_profile, _app, pilot, screen):
            await type_text(pilot, f"{ADA}\nAda\n{PASSWORD}\n")
            await on_screen(pilot, "This provider does not accept passwords.")
            assert not screen.query_one("#how").display
            assert screen._oauth.chosen
            assert screen.query_one("#client-id").has_focus


async def test_what_is_missing_is_said_where_it_is_missing(profile_root, monkeypatch):
    async with (
        world(monkeypatch, LocalProvider(), "OAuth2"),
        at_wizard(profile_root) as (_profile, _app, pilot, screen),
    ):
        await type_text(pilot, f"{ADA}\nAda\n\n")
        await on_screen(pilot, "step 2 of 3")
        await pilot.press("ctrl+s")
        await on_screen(pilot, "Enter the client ID")
        assert screen.query_one("#client-id").has_focus
        screen.query_one("#by-password").value = True
        await pilot.press("ctrl+s")
        await on_screen(pilot, "Go back and enter the password.")
        monkeypatch.setattr(provider, "OAUTH_PROVIDERS", ())
        screen.query_one("#by-oauth").value = True
        screen.query_one("#client-id").value = "x"
        await pilot.press("ctrl+s")
        await on_screen(pilot, "has no way to get an access token")


async def test_without_a_keyring_a_command_prints_the_token(profile_root, monkeypatch):
    with use_keyring(fail.Keyring()):
        async with (
            world(monkeypatch, LocalProvider(), "OAuth2"),
            at_wizard(profile_root) as (_profile, _app, pilot, screen),
        ):
            await on_screen(pilot, "There is no keyring on this machine.")
            await type_text(pilot, f"{ADA}\nAda\nprint-token ada\n")
            await on_screen(pilot, "must print an access token")
            settings: Any = screen._settings()
            assert (settings.auth, settings.token.name) == ("oauth", "print-token ada")


async def test_signing_in_again_and_editing_an_account_with_oauth(profile_root, monkeypatch, ring):
    local = LocalProvider(interval=0.01)
    async with world(monkeypatch, local, "OAuth2") as servers:
        text = (
            f'\n[accounts.example]\nkind = "email"\naddress = "{ADA}"\nauth = "oauth"\npaused = true\n'
            f'imap = "imaps://imap.example.org:{servers.imap.port}"\n'
            f'smtp = "smtps://smtp.example.org:{servers.smtp.port}"\nclient_id = "{CLIENT.id}"\n'
            'client_secret = { keyring = "misfin-tui/example:client-secret" }\n'
        )
        ring.kept[SECRET] = CLIENT.secret
        profile = make_profile(profile_root, settings=SETTINGS + text)
        async with at_desk(profile, (100, 36)) as (app, pilot):
            await settled(pilot)
            app.with_account(AccountAction.PASSWORD, "example")
            await on_screen(pilot, "WDJB-MJHT")
            local.entered = True
            await until(pilot, lambda: "You are signed in: example can be used now." in notices(app))
            assert ring.kept[REFRESH] == "r1"
            app.with_account(AccountAction.EDIT, "example")
            await until(pilot, lambda: isinstance(app.screen, EmailWizardScreen) and app.focused is not None)
            screen = app.screen
            screen.query_one("#title").value = "Ada"
            await pilot.press("ctrl+s")
            await on_screen(pilot, "step 2 of 3")
            assert screen.query_one("#client-id").value == CLIENT.id
            await pilot.press("ctrl+s")  # nobody has to sign in again for another name
            await trust(app, pilot, servers, screen)
            await on_screen(pilot, "Everything works.")
            await pilot.press("enter")
            await until(pilot, lambda: "The account example was changed." in notices(app))
            assert config.load(profile.config).accounts["example"].auth == "oauth"
