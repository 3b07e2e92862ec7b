"""The accounts for the screens: which there are, which one to write from, whose mail is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.compose.quoting import sign_off
from misfin.errors import AccountError, InputError
from misfin.model.account import AddressKind, Kind

if TYPE_CHECKING:
    from misfin.model.account import Account
    from misfin.model.recipient import Recipient
    from misfin.post.transport import Capabilities, Transport
    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.services import Services
    from misfin_tui.services.reaching import Reaching


@dataclass(frozen=True, slots=True)
class Sender:
    """How the account with a directory writes: what the composer asks, so that it never asks what it is.

    ``transport`` is None where nothing can be sent from the account yet. ``aliases`` are further addresses
    to write from, and patterns for such (``misfin.compose.aliases``). ``signature`` is the text to put below
    a message, as it is to stand there.
    """

    directory: str
    kind: AddressKind
    transport: Transport | None
    address: str = ""
    title: str = ""
    aliases: tuple[str, ...] = ()
    signature: str = ""
    signs: bool = False
    """Whether its messages are signed unless a person decides otherwise."""

    @property
    def capabilities(self) -> Capabilities:
        """What a message from it can have."""
        from misfin.post.transport import Capabilities

        return self.transport.capabilities if self.transport else Capabilities()

    def parse(self, text: str) -> Recipient:
        """One entry of its To line; raises :class:`~misfin.errors.AddressError`."""
        if self.transport is not None:
            return self.transport.parse(text)
        from misfin.model.recipient import Recipient, mail_address

        address, name = mail_address(text)  # to Misfin addresses something can always be sent
        return Recipient(address, "", name)


class Accounts:
    """Work is done in threads; any method may raise :class:`~misfin.errors.StoreError`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def all(self) -> list[Account]:
        """Every account, the one to write from first."""
        return await asyncio.to_thread(self.read_all)

    async def default(self) -> Account | None:
        """The account to write from; None when there is none at all."""
        return next(iter(await self.all()), None)

    async def at(self, directory: str) -> Account | None:
        """The account whose mail is in this directory, as a draft, a row or a view names it."""
        return await asyncio.to_thread(lambda: self._services.account_book.at(directory))

    async def senders(self, directories: Iterable[str]) -> dict[str, Sender]:
        """How each of these accounts writes, in their order."""
        wanted = list(directories)
        return await asyncio.to_thread(lambda: {each: self.sender(each) for each in wanted})

    async def of_kind(self, kind: AddressKind) -> Account | None:
        """The account to write from to people of a kind; None where there is none."""
        account = await asyncio.to_thread(lambda: self.writing_to(kind))
        return account if account and account.kind.address_kind is kind else None

    async def reaching(self, recipients: Sequence[str], kind: AddressKind) -> Reaching | None:
        """The account to write from to these entries of To lines, where one of ``kind`` cannot reach them."""
        from misfin_tui.services.reaching import reaching  # late: not for the first frame

        return await asyncio.to_thread(reaching, self._services, recipients, kind)

    async def received_here(self) -> list[str]:
        """The directories of those accounts whose mail comes to the receiver of this program."""
        accounts = await self.all()
        return [each.directory for each in accounts if each.kind is Kind.MISFIN]

    async def away(self) -> tuple[str, ...]:
        """The directories of mail, created with each account, that are not where they should be now."""
        return await asyncio.to_thread(self._away)

    async def create_new_mail(self) -> None:
        """Create the folders of accounts that were written into the settings by hand.

        Not of one that has been in sync with its server: then its mail is away, and must not look empty.
        """
        await asyncio.to_thread(self._create_new_mail)

    # ---- in a thread

    def read_all(self) -> list[Account]:
        """Every account, the one to write from first."""
        book = self._services.account_book
        try:
            first = book.default(self._services.config.identity.default)
        except AccountError:
            return []
        return [first, *(each for each in book.all() if each != first)]

    def sender(self, directory: str) -> Sender:
        """How the account with this directory writes."""
        account = self._services.account_book.at(directory)
        kind = AddressKind.MISFIN if account is None else account.kind.address_kind
        address, title = (account.address, account.title) if account else (directory, "")
        settings = self._settings(account)
        aliases = settings.aliases if settings else ()
        signature = self._signature(kind, settings)
        transport = self._services.transports.get(kind)
        signs = settings is not None and settings.sign
        return Sender(directory, kind, transport, address, title, aliases, signature, signs)

    def _settings(self, account: Account | None) -> AccountConfig | None:
        if account is None or account.kind is Kind.MISFIN:
            return None
        return self._services.config.accounts.get(account.name)

    def _signature(self, kind: AddressKind, settings: AccountConfig | None) -> str:
        """The account's own, else the one for all accounts; in ordinary mail below the line ``-- ``."""
        text = ""
        if settings is not None:
            from misfin_tui.config.email import signature_of  # late: few profiles have such an account

            with suppress(InputError):  # `misfin-tui doctor` reports a file that cannot be read
                text = signature_of(settings)
        text = text or self._services.config.send.signature
        return sign_off(text) if kind is AddressKind.MAIL else text

    def writing_to(self, kind: AddressKind | None, seen_in: str | None = None) -> Account | None:
        """The account to write from to people of a kind; the default one where none is of that kind.

        Of several it is the one whose mail is shown (its directory), unless it only receives.
        """
        accounts = self.read_all()
        same = [each for each in accounts if kind in (None, each.kind.address_kind)]
        shown = [each for each in same if each.directory == seen_in and not self._only_receives(each)]
        return next(iter(shown or same or accounts), None)

    def _only_receives(self, account: Account) -> bool:
        settings = self._settings(account)
        return settings is not None and bool(settings.imap or settings.pop3) and not settings.smtp

    def own_addresses(self, kind: AddressKind | None = None) -> list[str]:
        """Every address of the user, of a kind if it is given; of identities without an account too."""
        accounts = [each.address for each in self.read_all() if kind in (None, each.kind.address_kind)]
        if kind in (None, AddressKind.MISFIN):
            accounts += [each.address for each in self._services.identities.addresses()]
        return list(dict.fromkeys(accounts))

    def create_mail(self, name: str) -> None:
        """Create the folders of an account that was just added; an identity that only signs has none."""
        book = self._services.account_book
        account = next((each for each in book.all() if each.name == name), None)
        if account is not None:
            self._services.store.create(account.directory)

    def _create_new_mail(self) -> None:
        profile, configured = self._services.profile, self._services.config.accounts
        with suppress(OSError):  # whoever looks for the mail, or for the identities, reports why
            for account in self._services.account_book.all():
                known = (profile.mail / account.directory, profile.root / "sync" / f"{account.name}.db")
                if account.name in configured and not any(path.exists() for path in known):
                    self._services.store.create(account.directory)

    def _away(self) -> tuple[str, ...]:
        own = [each.directory for each in self.read_all()]
        try:
            there = set(self._services.store.accounts())
        except OSError:
            return ()  # unknown; whoever looks for mail reports why
        return tuple(directory for directory in own if directory not in there)
