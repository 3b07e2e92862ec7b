"""Access tokens for log-ins: kept in memory, renewed in time, by one request however many wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from misfin.email.oauth.endpoint import TokenEndpoint
from misfin.email.oauth.token import OAuthUnavailableError, SignInAgainError, Token

GRACE = 120.0
"""Seconds before its end at which a token is renewed: a log-in must not outlive it."""
_RENEWALS: set[asyncio.Task[str]] = set()
"""Those under way: a loop does not keep a task alive, and each may bring a refresh token to be kept."""


class TokenSource:
    """Gives the access token of one account: a ``get_token`` for :class:`~misfin.email.sasl.Credentials`.

    ``load`` reads the refresh token from where it is kept, each time it is needed: another process may have
    put a newer one there. ``store`` keeps a new one, before the token that came with it is used: the old one
    may be of no use any more. ``account`` is the name for advice.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint,
        account: str,
        *,
        load: Callable[[], Awaitable[str]],
        store: Callable[[str], Awaitable[None]],
    ) -> None:
        self._endpoint = endpoint
        self._account = account
        self._load = load
        self._store = store
        self._token: Token | None = None
        self._unsaved = ""
        self._renewal: asyncio.Task[str] | None = None

    async def __call__(self) -> str:
        """The access token.

        Raises :class:`~misfin.email.oauth.SignInAgainError`, whose remedy is the command to use,
        :class:`~misfin.email.oauth.OAuthError`, and what ``load`` and ``store`` raise.
        """
        token = self._token
        if token is not None and not self._unsaved and self._endpoint.clock() < token.expires_at - GRACE:
            return token.access
        renewal = self._renewal
        if renewal is None or renewal.done() or renewal.get_loop() is not asyncio.get_running_loop():
            renewal = self._renewal = asyncio.create_task(self._renew())
            _RENEWALS.add(renewal)
            renewal.add_done_callback(_ended)
        # Whoever gives up waiting must not stop it: the new refresh token has to be kept.
        return await asyncio.shield(renewal)

    def forget(self) -> None:
        """A server has refused the access token: get another one next time."""
        self._token = None

    async def _renew(self) -> str:
        token = self._token
        now = self._endpoint.clock()
        if token is None or now >= token.expires_at - GRACE:
            refresh = self._unsaved or await self._load()
            try:
                token = await self._endpoint.refresh(refresh)
            except SignInAgainError as error:
                raise SignInAgainError(
                    str(error), remedy=f"Sign in again: misfin-tui account login {self._account}"
                ) from error
            except OAuthUnavailableError:
                if token is None or now >= token.expires_at:
                    raise
                return token.access  # good for a little longer
            if token.refresh != refresh:
                self._unsaved = token.refresh
            self._token = token
        if self._unsaved:
            await self._store(self._unsaved)
            self._unsaved = ""
        return token.access


def _ended(renewal: asyncio.Task[str]) -> None:
    """Everybody who waited may have given up: then its failure is nobody's."""
    _RENEWALS.discard(renewal)
    if not renewal.cancelled():
        renewal.exception()
