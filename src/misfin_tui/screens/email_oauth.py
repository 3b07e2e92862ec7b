"""The part of the e-mail wizard that is about signing in with OAuth instead of typing a password."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, RadioButton, RadioSet, Static

from misfin.email.account import Login, SecretPlace, SecretRef, parse_server
from misfin_tui.config.email import email_account
from misfin_tui.dialogs.sign_in import SignInDialog
from misfin_tui.screens.base import ScreenController
from misfin_tui.screens.steps import Sign
from misfin_tui.widgets.address_input import OneLine
from misfin_tui.widgets.facts import text
from misfin_tui.wording.first_steps import OAUTH, ONLY_OAUTH

if TYPE_CHECKING:
    from misfin.email.discovery import Found
    from misfin.email.oauth import Token
    from misfin_tui.config.accounts import AccountConfig

_NO_KEYRING = "Without a keyring, the command you entered must print an access token (docs/oauth.md)."


class OAuthPart(ScreenController):
    """How to log in, where a provider has OAuth: its fields, the sign-in, and what has to be kept."""

    offered = False
    """Whether the provider lets people sign in with OAuth."""
    passwords = True
    """Whether it takes passwords too."""
    keyring = True
    """Whether there is a keyring."""

    token: Token | None = None
    _signed: tuple[object, ...] = ()
    _before: AccountConfig | None = None

    def fields(self) -> ComposeResult:
        """The widgets, below the servers."""
        with Vertical(id="logging-in"):
            with RadioSet(id="how"):
                yield Sign("Sign in with a browser (OAuth)", value=True, id="by-oauth")
                yield Sign("With a password, or an app password", id="by-password")
            with Vertical(id="oauth-part"):
                yield text("", id="oauth-words", classes="muted")
                with Vertical(id="client-part"):
                    yield text("Your client ID", classes="label")
                    yield OneLine(id="client-id", max_length=512)
                    yield text("Its secret, if it has one (kept in the keyring)", classes="label")
                    yield OneLine(id="client-secret", password=True, max_length=512)

    def edit(self, before: AccountConfig) -> None:
        """The account that is edited."""
        from misfin.email.oauth import provider_of  # late: it can do HTTPS

        self._before = before
        urls = filter(None, (before.imap, before.pop3, before.smtp))
        self.offered = before.auth == Login.OAUTH or any(provider_of(parse_server(url).host) for url in urls)
        wanted = "by-oauth" if before.auth == Login.OAUTH else "by-password"
        self.screen.query_one(f"#{wanted}", RadioButton).value = True
        self._input("client-id").value = before.client_id

    def offer(self, found: Found | None, password: str) -> None:
        """Servers were found; whoever has typed a password means to use it, where passwords are taken."""
        from misfin.email.oauth import provider_of  # late: it can do HTTPS

        self.offered = found is not None and found.login is Login.OAUTH
        known = provider_of(found.incoming.host) if found is not None else None
        self.passwords = known is None or known.passwords
        wanted = "by-password" if self.offered and self.passwords and password else "by-oauth"
        self.screen.query_one(f"#{wanted}", RadioButton).value = True

    @property
    def chosen(self) -> bool:
        """Whether the account signs in with OAuth."""
        return self.offered and self.screen.query_one("#by-oauth", RadioButton).value

    def arrange(self) -> None:
        """Show what belongs to the choice."""
        self.screen.query_one("#logging-in").display = self.offered
        self.screen.query_one("#how").display = self.passwords
        self.screen.query_one("#oauth-part").display = self.chosen
        self.screen.query_one("#client-part").display = self.keyring
        words = OAUTH if self.keyring else _NO_KEYRING
        only = "" if self.passwords else f"{ONLY_OAUTH} "
        self.screen.query_one("#oauth-words", Static).update(f"{only}{words}")

    def settings(self, settings: AccountConfig, name: str, command: str) -> AccountConfig:
        """The settings with what signing in needs, where that is chosen."""
        if not self.chosen:
            if self._before is not None and self._before.auth != Login.OAUTH:
                return settings
            return replace(settings, auth=Login.PASSWORD.value, client_id="", client_secret=None, token=None)
        settings = replace(settings, auth=Login.OAUTH.value, password=None)
        if not self.keyring:
            return replace(settings, token=SecretRef(SecretPlace.COMMAND, command)) if command else settings
        settings = replace(settings, client_id=self._input("client-id").value.strip())
        if self._secret:
            settings = replace(settings, client_secret=_secret_entry(name))
        return settings

    @property
    def _secret(self) -> str:
        return self._input("client-secret").value.strip()

    def problem(self) -> tuple[str, str] | None:
        """What is wrong and the field it is in; None when all is well."""
        if self.chosen and self.keyring and not self._input("client-id").value.strip():
            return "Enter the client ID you registered with the provider.", "client-id"
        return None

    async def signed_in(self, name: str, settings: AccountConfig) -> bool:
        """Have the person sign in, unless exactly this was done; False where they gave up.

        Raises :class:`~misfin.errors.MisfinError`.
        """
        wanted = (settings.address, settings.client_id, self._secret, settings.imap, settings.smtp)
        if not self.chosen or settings.token is not None or self._signed == wanted:
            return True
        if self._before is not None and not self._secret and _alike(self._before, settings):
            return True
        from misfin_tui.services.signing_in import sign_in_to

        account = email_account(name, settings)
        sign_in = await sign_in_to(account, secret=self._secret or (None if self._before else ""))
        dialog = SignInDialog(sign_in, self.services.outside.open_link)
        self.token = await self.screen.app.push_screen_wait(dialog)
        self._signed = wanted if self.token is not None else ()
        return self.token is not None

    def secrets(self, name: str) -> dict[SecretRef, str]:
        """What has to be kept, by where."""
        from misfin.email.secrets import refresh_entry

        kept: dict[SecretRef, str] = {}
        if self.chosen and self.token is not None:
            kept[refresh_entry(name)] = self.token.refresh
        if self.chosen and self._secret:
            kept[_secret_entry(name)] = self._secret
        return kept

    def _input(self, field: str) -> Input:
        return self.screen.query_one(f"#{field}", Input)


def _alike(one: AccountConfig, other: AccountConfig) -> bool:
    """Whether a sign-in for one is good for the other."""
    return (one.auth, one.address, one.client_id) == (other.auth, other.address, other.client_id)


def _secret_entry(name: str) -> SecretRef:
    from misfin.email.secrets import client_entry

    return client_entry(name)
