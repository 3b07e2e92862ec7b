"""Logging in with OAuth 2: by a browser (RFC 8252) or a device code (RFC 8628), and tokens after that.

A person registers a client of their own with the provider (:class:`OAuthClient`), logs in once
(:func:`sign_in_with_browser`, :func:`sign_in_with_code`), and the refresh token is kept somewhere safe; a
:class:`TokenSource` then gives access tokens for :class:`~misfin.email.sasl.Credentials`.
"""

from misfin.email.oauth.endpoint import DeviceCode, TokenEndpoint, provider_client
from misfin.email.oauth.loopback import LoopbackRedirect
from misfin.email.oauth.provider import (
    GOOGLE,
    MICROSOFT,
    OAUTH_PROVIDERS,
    OAuthClient,
    OAuthProvider,
    own_provider,
    provider_of,
)
from misfin.email.oauth.signing_in import (
    authorization_url,
    challenge,
    sign_in_with_browser,
    sign_in_with_code,
)
from misfin.email.oauth.source import TokenSource
from misfin.email.oauth.token import (
    OAuthError,
    OAuthRefusedError,
    OAuthUnavailableError,
    SignInAgainError,
    Token,
    read_token,
)

__all__ = [
    "GOOGLE",
    "MICROSOFT",
    "OAUTH_PROVIDERS",
    "DeviceCode",
    "LoopbackRedirect",
    "OAuthClient",
    "OAuthError",
    "OAuthProvider",
    "OAuthRefusedError",
    "OAuthUnavailableError",
    "SignInAgainError",
    "Token",
    "TokenEndpoint",
    "TokenSource",
    "authorization_url",
    "challenge",
    "own_provider",
    "provider_client",
    "provider_of",
    "read_token",
    "sign_in_with_browser",
    "sign_in_with_code",
]
