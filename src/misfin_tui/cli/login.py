"""``misfin-tui account login``: sign in to an account's provider with OAuth, and keep what that gives."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import TYPE_CHECKING

from misfin.errors import AccountError
from misfin_tui.cli import Exit
from misfin_tui.cli.output import emit, open_services, say

if TYPE_CHECKING:
    from misfin.email.account import EmailAccount
    from misfin_tui.services import Services


def login(args: Namespace) -> int:
    """Sign in: by a browser on this machine, or with ``--code`` by a code to enter in any browser.

    Prints where to go as soon as that is known, waits, and reports when the account can be used.
    """
    with open_services(args) as services:
        account = _account(services, args.name)
        about = asyncio.run(_sign_in(args, account))
        freed = asyncio.run(services.email_accounts.login_changed(account.name))
    waiting = " `misfin-tui outbox run` sends what waited for this." if freed else ""
    done = {"event": "signed_in", **about, "released": freed}
    emit(args, done, f"Signed in: {account.name} can be used now.{waiting}")
    return Exit.DONE


async def _sign_in(args: Namespace, account: EmailAccount) -> dict[str, object]:
    """Sign in and keep it; what every line of output says."""
    from misfin.email.oauth import DeviceCode, sign_in_with_browser, sign_in_with_code
    from misfin.email.secrets import (
        NoKeyringError,
        forget_access_token,
        keyring_problem,
        refresh_entry,
        store_secret,
        token_endpoint,
    )

    problem = await asyncio.to_thread(keyring_problem)
    if problem:  # before a person goes to the trouble
        raise NoKeyringError(
            problem, remedy='Use token = { command = "…" }: a program that signs in and prints access tokens.'
        )
    endpoint = await token_endpoint(account)
    about: dict[str, object] = {"account_name": account.name, "provider": endpoint.provider.name}

    def show_url(url: str) -> None:
        say(f"Open this address in a browser on this machine, and allow access for {account.address}:")
        emit(args, {"event": "open", **about, "url": url}, url)

    def show_code(code: DeviceCode) -> None:
        say(f"Open {code.url} in any browser, enter this code, and allow access for {account.address}:")
        emit(args, {"event": "enter", **about, "url": code.url, "code": code.user_code}, code.user_code)

    if args.code:
        token = await sign_in_with_code(endpoint, show_code)
    else:
        token = await sign_in_with_browser(endpoint, show_url, address=account.address)
    await asyncio.to_thread(store_secret, refresh_entry(account.name), token.refresh)
    forget_access_token(account)
    return about


def _account(services: Services, name: str) -> EmailAccount:
    """The e-mail account. Raises :class:`~misfin.errors.AccountError` for one that has no OAuth."""
    from misfin.email.account import Login
    from misfin_tui.config.email import email_account

    found = services.account_book.find(name)
    configured = services.config.accounts.get(found.name)
    account = email_account(found.name, configured) if configured else None
    if account is None or account.login is not Login.OAUTH or account.token is not None:
        raise AccountError(
            f"{found.name} is not an account to sign in to with OAuth.",
            remedy=f'Set auth = "oauth" and client_id in [accounts.{found.name}]: docs/oauth.md says how.',
        )
    return account
