"""E-mail accounts for the screens and the shell: finding servers, checking, adding, removing."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from misfin.email.account import EmailAccount, Login, MailProtocol, MailServer, SecretPlace, SecretRef
from misfin.errors import AccountError, InputError, StoreError
from misfin.model.account import Kind
from misfin.store.outgoing.deliveries import DeliveryState
from misfin_tui.config import Config, ConfigError, writing
from misfin_tui.config.accounts import AccountConfig, mail_directory
from misfin_tui.config.email import email_account, signature_of

if TYPE_CHECKING:
    from misfin.email.checking import Checked
    from misfin.email.discovery import Discovery
    from misfin_tui.services import Services
    from misfin_tui.services.leftover_mail import LeftoverMails

_UNSENT = (DeliveryState.WAITING, DeliveryState.DEFERRED, DeliveryState.HELD, DeliveryState.SENDING)
_NOT_IN_NAME = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class RemovedAccount:
    """The new settings, where the mail of a removed account still is, whether a secret went too, and how
    many deliveries were cancelled.
    """

    config: Config
    mail: str
    secret: bool
    cancelled: int


class EmailAccounts:
    """Work is done in threads; errors are :class:`~misfin.errors.MisfinError`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def leftover(self) -> LeftoverMails:
        """Mail of accounts that were removed."""
        from misfin_tui.services.leftover_mail import (
            LeftoverMails,
        )  # late: with the first look beside the list

        return LeftoverMails(self._services)

    def account(self, name: str) -> EmailAccount:
        """An account by its name. Blocking: it may read a signature. Raises :class:`AccountError`."""
        found = self._services.config.accounts.get(name)
        if found is None or found.kind != Kind.EMAIL:
            raise AccountError(
                f"There is no e-mail account {name}.", remedy="`misfin-tui account list` shows your accounts."
            )
        return email_account(name, found)

    async def find(self, address: str) -> Discovery:
        """The servers for an address; raises :class:`~misfin.errors.AddressError`."""
        from misfin.email.discovery import find_servers  # late: DNS and HTTPS

        return await find_servers(address)

    async def keyring_problem(self) -> str:
        """Why passwords cannot be kept in a keyring here; empty where they can."""
        from misfin.email.secrets import keyring_problem

        return await asyncio.to_thread(keyring_problem)

    async def check(
        self,
        name: str,
        settings: AccountConfig,
        report: Callable[[Checked], object] = lambda _checked: None,
        *,
        password: str | None = None,
        token: str | None = None,
    ) -> tuple[Checked, ...]:
        """Check an account that need not exist yet; with ``password``, or an access ``token``, instead of
        what it will have.
        """
        from misfin.email.checking import check_account  # late: the engines and TLS

        pins = await asyncio.to_thread(lambda: self._services.pin_book)
        account = await asyncio.to_thread(email_account, name, settings)

        async def given() -> str:
            return token or ""

        get_token = given if token else None
        return await check_account(account, pins, report, password=password, get_token=get_token)

    async def add(
        self,
        name: str,
        settings: AccountConfig,
        *,
        password: str | None = None,
        more: Mapping[SecretRef, str] = MappingProxyType({}),
    ) -> Config:
        """Write the account into the settings and create its folders; ``password`` and ``more`` secrets go
        into the keyring.

        What was stored is removed again when a later step fails.
        """
        return await asyncio.to_thread(self._add, name, settings, _kept(settings, password, more))

    async def change(
        self,
        name: str,
        settings: AccountConfig,
        *,
        password: str | None = None,
        more: Mapping[SecretRef, str] = MappingProxyType({}),
    ) -> Config:
        """Write other settings of an account; ``password`` and ``more`` secrets go into the keyring.

        What waits because of the old ones is tried again.
        """
        config = await asyncio.to_thread(self._change, name, settings, _kept(settings, password, more))
        await self.login_changed(name)
        return config

    async def remove(self, name: str) -> RemovedAccount:
        """Remove the account from the settings and its secrets from the keyring, and cancel what it has not
        sent yet. Its mail stays.
        """
        removed = await asyncio.to_thread(self._remove, name)
        from misfin_tui.messages import OutboxChanged  # late: a command that sends loads no screen

        self._services.post(OutboxChanged())
        return removed

    async def unsent(self, name: str) -> int:
        """How many deliveries of the account wait in the outbox."""
        return await asyncio.to_thread(self.count_unsent, name)

    async def set_password(self, name: str, password: str) -> Config:
        """Keep another password in the keyring, and say in the settings that it is there.

        What waits because the old one was refused is tried again.
        """
        config = await asyncio.to_thread(self._set_password, name, password)
        await self.login_changed(name)
        return config

    async def login_changed(self, name: str) -> int:
        """Somebody signed in again, or changed the password: try again what waits because of it.

        Returns how many deliveries that are.
        """
        from misfin.post.email import login_changed

        outbox = self._services.outbox_queue
        freed = await asyncio.to_thread(lambda: login_changed(outbox, name, now=time.time()))
        self._services.wake_courier()
        await asyncio.to_thread(self.fetch_now)
        return freed

    def fetch_now(self) -> None:
        """Have the process that fetches try again, if there is one. Blocking."""
        from misfin.post.fetching.lock import fetcher, look_now

        found = fetcher(self._services.profile.runtime)
        if found is not None:
            look_now(found)

    async def suggested_name(self, address: str) -> str:
        """A name for a new account with this address that no account has."""
        return await asyncio.to_thread(self.free_name, address)

    async def problem_with_name(self, name: str) -> str:
        """Why a new account cannot have this name; empty where it can."""
        return await asyncio.to_thread(self.name_problem, name)

    async def trusts(self, server: str) -> bool:
        """Whether somebody trusts the certificate of the mail server ``host:port`` by now."""
        from misfin.trust.tofu import PinKind

        return await asyncio.to_thread(lambda: self._services.pin_book.get(PinKind.MAIL, server) is not None)

    def count_unsent(self, name: str) -> int:
        """How many deliveries of the account wait in the outbox. Blocking."""
        return len(self._unsent(name))

    def _unsent(self, name: str) -> list[int]:
        directory = mail_directory(name, self._services.config.accounts[name])
        return [row.id for row in self._services.outbox_queue.rows(_UNSENT) if row.account == directory]

    def free_name(self, address: str) -> str:
        """A name for a new account with this address that no account has. Blocking."""
        domain = address.rpartition("@")[2].lower().split(".")
        words = [each for each in domain[:-1] if each not in ("mail", "www")] or domain
        wanted = _NOT_IN_NAME.sub("-", words[-1]).strip("-_") or "mail"
        taken = self._taken()
        taken |= {each for each in self._services.store.accounts() if "@" not in each}  # others' mail
        names = (wanted, *(f"{wanted}-{number}" for number in range(2, 1000)))
        return next(each for each in names if each not in taken)

    def name_problem(self, name: str) -> str:
        """Why a new account cannot have this name; empty where it can. Blocking."""
        from misfin.model.account import is_account_name

        if not is_account_name(name):
            return f"{name or 'An empty text'} cannot be the name of an account: use a-z, 0-9, _ and -."
        return f"There is already an account {name}." if name in self._taken() else ""

    def _taken(self) -> set[str]:
        book = self._services.account_book
        names = {each.name for each in book.all()} | {each.stem for each in self._identity_files()}
        return names | set(self._services.config.accounts)

    def _identity_files(self) -> list[Path]:
        try:
            return list(self._services.profile.identities.glob("*.pem"))
        except OSError:
            return []

    # ---- in a thread

    def _add(self, name: str, settings: AccountConfig, kept: Mapping[SecretRef, str]) -> Config:
        from misfin.email.secrets import remove_secret, store_secret
        from misfin.files import private_folder

        if problem := self.name_problem(name):
            raise AccountError(problem, remedy="Choose another name.")
        path = self._services.profile.config
        stored: list[SecretRef] = []
        try:
            for ref, secret in kept.items():
                store_secret(ref, secret)
                stored.append(ref)
            private_folder(path.parent)
            config = writing.write_account(path, name, settings)
            self._services.store.create(mail_directory(name, settings))
        except BaseException as error:
            for ref in stored:
                remove_secret(ref)
            if isinstance(error, OSError) and not isinstance(error, (StoreError, ConfigError)):
                raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
            raise
        return config

    def _change(self, name: str, settings: AccountConfig, kept: Mapping[SecretRef, str]) -> Config:
        from misfin.email.secrets import forget_access_token, store_secret

        account = self.account(name)
        path = self._services.profile.config
        try:
            config = writing.change_account(path, name, settings)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
        for ref, secret in kept.items():
            store_secret(ref, secret)
        forget_access_token(account)
        return config

    def _remove(self, name: str) -> RemovedAccount:
        settings, path = self._services.config.accounts[name], self._services.profile.config
        account = self.account(name) if settings.kind == Kind.EMAIL else None
        unsent = self._unsent(name)
        try:
            config = writing.remove_account(path, name)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
        removed = account is not None and _remove_secrets(account)
        outbox, now = self._services.outbox_queue, time.time()
        cancelled = sum(outbox.cancel(row, now=now) for row in unsent)
        mail = self._services.profile.mail / mail_directory(name, settings)
        return RemovedAccount(config, str(mail), removed, cancelled)

    def _set_password(self, name: str, password: str) -> Config:
        from misfin.email.secrets import own_entry, store_secret

        ref = self.account(name).password
        if ref is None or ref.place is not SecretPlace.KEYRING:
            ref = own_entry(name)
        store_secret(ref, password)
        if self._services.config.accounts[name].password == ref:
            return self._services.config
        path = self._services.profile.config
        try:
            return writing.write_setting(path, "accounts", "password", ref, name=name)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}.") from error


def _kept(
    settings: AccountConfig, password: str | None, more: Mapping[SecretRef, str]
) -> dict[SecretRef, str]:
    """Everything that has to go into the keyring, by its entry."""
    own = {} if password is None or settings.password is None else {settings.password: password}
    return {**own, **more}


def _remove_secrets(account: EmailAccount) -> bool:
    """Whether the keyring had any."""
    from misfin.email.secrets import client_entry, own_entry, refresh_entry, remove_secret

    name = account.name
    removed = account.password == own_entry(name) and remove_secret(account.password)
    if account.login is Login.OAUTH and account.client_id:
        removed = remove_secret(refresh_entry(name)) or removed
    if account.client_secret == client_entry(name):
        removed = remove_secret(account.client_secret) or removed
    return removed


def removal_question(name: str, address: str, mail: str, unsent: int) -> str:
    """What to ask before an account is removed."""
    many = "delivery" if unsent == 1 else "deliveries"
    waits = f" {unsent:,} {many} not sent yet will be cancelled." if unsent else ""
    return f"Remove the account {name} ({address})? Its mail stays in {mail}.{waits}"


@dataclass(frozen=True, slots=True)
class AccountDoubt:
    """Something about an account that does not work (``bad``), or that somebody should know."""

    text: str
    remedy: str = ""
    bad: bool = True


def doubts(name: str, settings: AccountConfig) -> list[AccountDoubt]:
    """What is wrong with an e-mail account, as far as that can be seen without connecting. Blocking."""
    found = []
    account = email_account(name, settings)
    if account.outgoing is None:
        found.append(AccountDoubt("It has no server for sending.", "Set `smtp`.", bad=False))
    if account.login is Login.PASSWORD and account.password is None:
        found.append(AccountDoubt("It has no password.", f"Store it: misfin-tui account password {name}"))
    found += _kept_nowhere(account)
    if account.min_tls == "1.0":
        found.append(
            AccountDoubt("It accepts TLS 1.0 and 1.1, which are broken.", "Remove `min_tls`.", bad=False)
        )
    try:
        signature_of(settings)
    except InputError as error:
        found.append(AccountDoubt(str(error), error.remedy))
    if account.ca_file:
        from misfin.email.tls import authority_context

        try:
            authority_context(ca_file=account.ca_file, min_tls=account.min_tls)
        except AccountError as error:
            found.append(AccountDoubt(str(error), error.remedy))
    return found


def _kept_nowhere(account: EmailAccount) -> list[AccountDoubt]:
    """Secrets that cannot be where the settings say; commands are not run."""
    from misfin.email.secrets import keyring_problem

    refs = [ref for ref in (account.password, account.token, account.client_secret) if ref is not None]
    found = [
        AccountDoubt(f"The environment variable {ref.name} is not set here.", bad=False)
        for ref in refs
        if ref.place is SecretPlace.ENV and not os.environ.get(ref.name)
    ]
    if any(ref.place is SecretPlace.KEYRING for ref in refs) and (problem := keyring_problem()):
        found.append(
            AccountDoubt(problem, 'Use { command = "…" } for its password (docs/email-accounts.md).')
        )
    return found


def account_config(
    address: str,
    *,
    title: str = "",
    incoming: MailServer | None = None,
    outgoing: MailServer | None = None,
    login: Login = Login.PASSWORD,
    password: SecretRef | None = None,
) -> AccountConfig:
    """The settings of an account with these servers."""
    settings = AccountConfig(
        kind=Kind.EMAIL.value,
        address=address,
        name=title,
        smtp=str(outgoing) if outgoing else "",
        auth=login.value,
        password=password,
    )
    if incoming is not None and incoming.protocol is MailProtocol.POP3:
        return replace(settings, pop3=str(incoming))
    return replace(settings, imap=str(incoming)) if incoming is not None else settings
