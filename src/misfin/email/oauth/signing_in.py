"""A person signs in: by a browser on this machine (RFC 8252, RFC 7636), or with a device code (RFC 8628)."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from misfin.email.oauth.endpoint import DeviceCode, TokenEndpoint
from misfin.email.oauth.loopback import LoopbackRedirect
from misfin.email.oauth.provider import OAuthClient, OAuthProvider
from misfin.email.oauth.token import (
    OAuthRefusedError,
    OAuthUnavailableError,
    SignInAgainError,
    Token,
    refusal,
)

PATIENCE = 600.0
"""Seconds a person has to sign in."""
_SLOWER = 5.0  # seconds, RFC 8628 §3.5
_LONGEST_PAUSE = 60.0


def authorization_url(
    provider: OAuthProvider,
    client: OAuthClient,
    *,
    redirect_uri: str,
    state: str,
    verifier: str,
    address: str = "",
) -> str:
    """Where the person has to go (RFC 6749 §4.1.1, RFC 7636 §4.3); ``address`` fills in who signs in."""
    parameters = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        **dict(provider.extra),
    }
    if address:
        parameters["login_hint"] = address
    return f"{provider.authorize}{'&' if '?' in provider.authorize else '?'}{urlencode(parameters)}"


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 §4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode("ascii").rstrip("=")


async def sign_in_with_browser(
    endpoint: TokenEndpoint, show: Callable[[str], None], *, address: str = "", timeout: float = PATIENCE
) -> Token:
    """Sign in by a browser on this machine; ``show`` gets the URL to open there.

    Raises :class:`~misfin.email.oauth.OAuthError`.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    async with LoopbackRedirect(state, endpoint.provider.redirect_host) as redirect:
        show(
            authorization_url(
                endpoint.provider,
                endpoint.client,
                redirect_uri=redirect.uri,
                state=state,
                verifier=verifier,
                address=address,
            )
        )
        code = await redirect.code(timeout)
        return _lasting(await endpoint.exchange(code, verifier, redirect.uri))


async def sign_in_with_code(
    endpoint: TokenEndpoint,
    show: Callable[[DeviceCode], None],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Token:
    """Sign in by a browser anywhere; ``show`` gets the code and where to enter it.

    Raises :class:`~misfin.email.oauth.OAuthError`.
    """
    code = await endpoint.begin_device()
    show(code)
    pause = code.interval
    while endpoint.clock() < code.expires_at:
        await sleep(pause)
        try:
            return _lasting(await endpoint.poll_device(code))
        except OAuthUnavailableError:
            pause = min(pause * 2, _LONGEST_PAUSE)
        except OAuthRefusedError as refused:
            if refused.code == "slow_down":
                pause += _SLOWER
            elif refused.code != "authorization_pending":
                raise
    raise refusal("expired_token")


def _lasting(token: Token) -> Token:
    if not token.refresh:
        raise SignInAgainError(
            "The provider allowed access for an hour only.",
            remedy="Remove the access of this client at the provider, then sign in again.",
        )
    return token
