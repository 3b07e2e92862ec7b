"""Signing in with OAuth in plain lines: a client ID, an address to open, a token."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.email.account import Login, SecretRef
from misfin.errors import AccountError
from misfin_tui.config.email import email_account
from misfin_tui.linear.questions import choose, typed
from misfin_tui.wording.first_steps import OAUTH, ONLY_OAUTH

if TYPE_CHECKING:
    from misfin.email.discovery import Found
    from misfin.email.oauth import Token
    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.linear.desk import Desk


async def wants_oauth(desk: Desk, found: Found | None, *, typed_password: bool) -> bool:
    """Whether to sign in with OAuth: where the provider has it, and no password is meant."""
    if found is None or found.login is not Login.OAUTH:
        return False
    from misfin.email.oauth import provider_of  # late: it can do HTTPS

    known = provider_of(found.incoming.host)
    if known is not None and not known.passwords:
        await desk.say(ONLY_OAUTH)
        return True
    return not typed_password


class OAuthSteps:
    """One sign-in: what it gave, and what of that has to be kept."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._client_secret = ""

    @property
    def access(self) -> str | None:
        """The access token, for the test; None where nobody signed in."""
        return self._token.access if self._token is not None else None

    async def sign_in(self, desk: Desk, name: str, settings: AccountConfig) -> AccountConfig:
        """Have the person sign in; the settings with what that needs.

        Raises :class:`AccountError` where there is no keyring, and what signing in raises.
        """
        from misfin.email.secrets import client_entry
        from misfin_tui.services.signing_in import SignInWay, sign_in_to

        if problem := await desk.services.email_accounts.keyring_problem():
            raise AccountError(problem, remedy="docs/oauth.md says how to use a command that prints tokens.")
        await desk.say(OAUTH)
        client_id = await typed(
            desk.terminal, "Your client ID", problem=lambda text: "" if text else "Enter the client ID."
        )
        self._client_secret = await desk.terminal.ask_secret("Client secret (optional): ")
        settings = replace(settings, auth=Login.OAUTH.value, password=None, client_id=client_id)
        if self._client_secret:
            settings = replace(settings, client_secret=client_entry(name))
        sign_in = await sign_in_to(email_account(name, settings), secret=self._client_secret)
        ways: dict[SignInWay | None, str] = {
            way: "With a code, in any browser" if way is SignInWay.CODE else "In a browser on this machine"
            for way in sign_in.ways
        }
        way = sign_in.ways[0]
        if len(ways) > 1:
            way = await choose(desk.terminal, (f"Sign in to {sign_in.provider}.",), ways) or way
        shown: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        run = asyncio.create_task(sign_in.run(way, lambda url, code: shown.put_nowait((url, code))))
        show = asyncio.create_task(_invite(desk, shown, sign_in.address))
        try:
            self._token = await run
        finally:
            run.cancel()
            show.cancel()
        return settings

    def secrets(self, name: str) -> dict[SecretRef, str]:
        """What has to be kept, by where."""
        from misfin.email.secrets import client_entry, refresh_entry

        kept: dict[SecretRef, str] = {}
        if self._token is not None:
            kept[refresh_entry(name)] = self._token.refresh
        if self._client_secret:
            kept[client_entry(name)] = self._client_secret
        return kept


async def _invite(desk: Desk, shown: asyncio.Queue[tuple[str, str]], address: str) -> None:
    while True:
        url, code = await shown.get()
        where = f"in any browser and enter the code {code}" if code else "in a browser on this machine"
        await desk.say(
            f"Open this address {where}. Allow access for {address}.", url, "Waiting; ctrl+c stops."
        )
