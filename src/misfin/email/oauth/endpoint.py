"""Talks to a provider's endpoints: code for token, refresh, device code."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from misfin.email.http import HttpError, HttpResponse, HttpsClient
from misfin.email.oauth.provider import OAuthClient, OAuthProvider
from misfin.email.oauth.token import (
    OAuthUnavailableError,
    SignInAgainError,
    Token,
    read_token,
    read_values,
    seconds,
    shown,
)
from misfin.errors import DeliveryError

MAX_ANSWER = 64 * 1024
"""Bytes of an answer at most."""
_TIMEOUT = 30.0
_FORM = "application/x-www-form-urlencoded"
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_CODE_LIFE = 900.0
_INTERVAL = 5.0  # RFC 8628 §3.5


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a person enters where. ``expires_at`` is in Unix seconds, ``interval`` in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    url: str
    expires_at: float
    interval: float


def provider_client(provider: OAuthProvider, context: ssl.SSLContext) -> HttpsClient:
    """An HTTPS client to talk to a provider with. One on this machine itself may do without TLS."""
    local = provider.token.startswith("http://")
    return HttpsClient(context, plain_loopback=local, timeout=_TIMEOUT, max_body=MAX_ANSWER)


@dataclass(frozen=True)
class TokenEndpoint:
    """A provider as one client sees it.

    ``clock`` gives Unix seconds: a clock that stands still while the machine sleeps would keep old tokens.

    Every method raises :class:`~misfin.email.oauth.OAuthError`; of its kinds,
    :class:`~misfin.email.oauth.OAuthUnavailableError` can be tried again.
    """

    provider: OAuthProvider
    client: OAuthClient
    http: HttpsClient = field(default_factory=lambda: HttpsClient(timeout=_TIMEOUT, max_body=MAX_ANSWER))
    clock: Callable[[], float] = time.time

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> Token:
        """The token for an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        return await self._token(form)

    async def refresh(self, refresh_token: str) -> Token:
        """A new access token (RFC 6749 §6).

        Its :attr:`Token.refresh` is the token to use from now on: the provider's new one, or the same again.
        """
        if not refresh_token:
            raise SignInAgainError("Nobody has signed in to this account.")
        token = await self._token({"grant_type": "refresh_token", "refresh_token": refresh_token})
        return token if token.refresh else Token(token.access, token.expires_at, refresh_token)

    async def begin_device(self) -> DeviceCode:
        """A code for a person to enter in any browser (RFC 8628 §3.1)."""
        if not self.provider.device:
            raise OAuthUnavailableError(
                f"{self.provider.name} offers no device codes for mail.",
                remedy="Use a browser here.",
            )
        asked = self.clock()
        response = await self._post(self.provider.device, {"scope": " ".join(self.provider.scopes)})
        values = read_values(response.status, response.body)
        device, user = values.get("device_code"), values.get("user_code")
        url = values.get("verification_uri") or values.get("verification_url")
        if not (isinstance(device, str) and isinstance(user, str) and isinstance(url, str)):
            raise OAuthUnavailableError("The provider's answer holds no code.")
        if not (device and user and url.isascii() and url.isprintable() and self._may_be_opened(url)):
            raise OAuthUnavailableError("The provider's answer does not say where to enter the code.")
        return DeviceCode(
            device,
            shown(user),
            url,
            asked + seconds(values.get("expires_in"), _CODE_LIFE),
            seconds(values.get("interval"), _INTERVAL),
        )

    async def poll_device(self, code: DeviceCode) -> Token:
        """The token, once the code was entered; ``authorization_pending`` until then (RFC 8628 §3.4)."""
        return await self._token({"grant_type": _DEVICE_GRANT, "device_code": code.device_code})

    def _may_be_opened(self, url: str) -> bool:
        scheme = urlsplit(url).scheme
        return scheme == "https" or (self.http.plain_loopback and scheme == "http")

    async def _token(self, form: Mapping[str, str]) -> Token:
        asked = self.clock()
        response = await self._post(self.provider.token, form)
        return read_token(response.status, response.body, asked)

    async def _post(self, url: str, form: Mapping[str, str]) -> HttpResponse:
        identity = {"client_id": self.client.id}
        if self.client.secret:
            identity["client_secret"] = self.client.secret
        try:
            return await self.http.post(url, urlencode({**form, **identity}).encode("ascii"), _FORM)
        except (HttpError, DeliveryError) as error:
            raise OAuthUnavailableError(f"{self.provider.name} cannot be asked: {error}") from error
