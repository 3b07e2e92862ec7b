"""The OAuth side of an account: its provider, its refresh token in the keyring, its access tokens."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from misfin.email.account import EmailAccount, SecretPlace, SecretRef
from misfin.email.http import HttpsClient
from misfin.email.oauth.endpoint import MAX_ANSWER, TIMEOUT, TokenEndpoint
from misfin.email.oauth.provider import OAuthClient, OAuthProvider, provider_of
from misfin.email.oauth.source import TokenSource
from misfin.email.oauth.token import Token
from misfin.email.secrets import SERVICE, SecretError, kept_secret, read_secret, remove_secret, store_secret
from misfin.email.tls import authority_context

_SOURCES: dict[tuple[object, ...], TokenSource] = {}
"""One per account and client: all connections of a process share an access token."""


def refresh_entry(account: str) -> SecretRef:
    """The entry of the keyring for an account's refresh token; no account can have its name."""
    return SecretRef(SecretPlace.KEYRING, f"{SERVICE}/{account}:oauth")


def account_provider(account: EmailAccount) -> OAuthProvider:
    """Where a person signs in to the account: by its settings, or as its servers say.

    Raises :class:`~misfin.email.secrets.SecretError` where neither does.
    """
    own = account.oauth
    if own is not None:
        name = urlsplit(own.token).hostname or "The provider"
        return OAuthProvider(name, own.authorize, own.token, tuple(own.scopes.split()), own.device)
    for server in account.servers:
        found = provider_of(server.host)
        if found is not None:
            return found
    raise SecretError(
        f"The account {account.name} does not say where to sign in.",
        remedy=f"Set `oauth` of [accounts.{account.name}]: docs/oauth.md says how.",
    )


async def account_endpoint(account: EmailAccount) -> TokenEndpoint:
    """The account's provider as the person's own client sees it.

    Raises :class:`~misfin.email.secrets.SecretError`; for ``ca_file`` :class:`~misfin.errors.AccountError`.
    """
    if not account.client_id:
        raise SecretError(
            f"The account {account.name} has no client id.",
            remedy=f"Set `client_id` of [accounts.{account.name}]: docs/oauth.md says how to get one.",
        )
    return await asyncio.to_thread(_endpoint, account)


def _endpoint(account: EmailAccount) -> TokenEndpoint:
    provider = account_provider(account)
    secret = read_secret(account.client_secret) if account.client_secret else ""
    context = authority_context(ca_file=account.ca_file, min_tls=account.min_tls)
    local = provider.token.startswith("http://")  # the settings allow that for this machine only
    http = HttpsClient(context, plain_loopback=local, timeout=TIMEOUT, max_body=MAX_ANSWER)
    return TokenEndpoint(provider, OAuthClient(account.client_id, secret), http)


async def access_token(account: EmailAccount) -> str:
    """The account's access token, renewed where needed.

    Raises :class:`~misfin.email.oauth.OAuthError` and as :func:`account_endpoint`.
    """
    key = _key(account)
    source = _SOURCES.get(key)
    if source is None:
        endpoint = await account_endpoint(account)
        source = _SOURCES.setdefault(key, _source(endpoint, account.name))
    return await source()


def forget_access_token(account: EmailAccount) -> None:
    """A mail server has refused the access token: get another one next time."""
    _SOURCES.pop(_key(account), None)


async def keep_sign_in(account: EmailAccount, token: Token) -> None:
    """Keep what signing in gave. Raises :class:`~misfin.email.secrets.SecretError`."""
    await asyncio.to_thread(store_secret, refresh_entry(account.name), token.refresh)
    forget_access_token(account)


def remove_sign_in(account: str) -> bool:
    """Remove an account's refresh token; False where there is none. Blocking.

    Raises :class:`~misfin.email.secrets.SecretError`.
    """
    return remove_secret(refresh_entry(account))


def _source(endpoint: TokenEndpoint, account: str) -> TokenSource:
    entry = refresh_entry(account)

    async def load() -> str:
        return await asyncio.to_thread(kept_secret, entry)

    async def store(token: str) -> None:
        await asyncio.to_thread(store_secret, entry, token)

    return TokenSource(endpoint, account, load=load, store=store)


def _key(account: EmailAccount) -> tuple[object, ...]:
    return account.name, account.client_id, account.client_secret, account.oauth, account.servers
