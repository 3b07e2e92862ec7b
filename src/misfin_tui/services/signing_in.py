"""Signing in to a provider with OAuth, for the screens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from misfin.email.account import EmailAccount
    from misfin.email.oauth import Token, TokenEndpoint


class SignInWay(StrEnum):
    """How a person signs in."""

    BROWSER = "browser"
    """With a browser on this machine."""
    CODE = "code"
    """With a code that is entered in any browser."""


class SignIn:
    """One account's provider. Errors are :class:`~misfin.errors.MisfinError`."""

    def __init__(self, endpoint: TokenEndpoint, address: str) -> None:
        self._endpoint = endpoint
        self.address = address

    @property
    def provider(self) -> str:
        """Its name."""
        return self._endpoint.provider.name

    @property
    def ways(self) -> tuple[SignInWay, ...]:
        """What it offers; a code works wherever the browser is, so it comes first."""
        return (SignInWay.CODE, SignInWay.BROWSER) if self._endpoint.provider.device else (SignInWay.BROWSER,)

    async def run(self, way: str, show: Callable[[str, str], None]) -> Token:
        """Sign in; ``show`` gets the address to open and the code to enter there, if there is one.

        Cancelling it gives up.
        """
        from misfin.email.oauth import sign_in_with_browser, sign_in_with_code

        if way == SignInWay.CODE:
            return await sign_in_with_code(self._endpoint, lambda code: show(code.url, code.user_code))
        return await sign_in_with_browser(self._endpoint, lambda url: show(url, ""), address=self.address)


async def sign_in_to(account: EmailAccount, *, secret: str | None = None) -> SignIn:
    """How an account with a ``client_id`` signs in; ``secret`` is used instead of its client's own.

    Raises :class:`~misfin.errors.LocalError` where there is no such way.
    """
    from misfin.email.secrets import token_endpoint  # late: it can do HTTPS

    return SignIn(await token_endpoint(account, secret=secret), account.address)


async def keep_sign_in(account: EmailAccount, token: Token) -> None:
    """Keep what signing in gave in the keyring. Raises :class:`~misfin.errors.LocalError`."""
    from misfin.email.secrets import forget_access_token, refresh_entry, store_secret

    await asyncio.to_thread(store_secret, refresh_entry(account.name), token.refresh)
    forget_access_token(account)
