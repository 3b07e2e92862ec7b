"""The accounts for the screens: which there are, which one to write from, whose mail is missing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from misfin.errors import AccountError

if TYPE_CHECKING:
    from misfin.model.account import Account
    from misfin_tui.services import Services


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

    async def away(self) -> tuple[str, ...]:
        """The directories of mail, created with each account, that are not where they should be now."""
        return await asyncio.to_thread(self._away)

    # ---- in a thread

    def read_all(self) -> list[Account]:
        """Every account, the one to write from first."""
        book = self._services.account_book
        try:
            first = book.default(self._services.config.identity.default)
        except AccountError:
            return []
        return [first, *(each for each in book.all() if each != first)]

    def own_addresses(self) -> list[str]:
        """Every address of the user, including identities without an account of their own."""
        accounts = [each.address for each in self.read_all()]
        identities = [each.address for each in self._services.identities.addresses()]
        return list(dict.fromkeys([*accounts, *identities]))

    def create_mail(self, name: str) -> None:
        """Create the folders of an account that was just added; an identity that only signs has none."""
        book = self._services.account_book
        account = next((each for each in book.all() if each.name == name), None)
        if account is not None:
            self._services.store.create(account.directory)

    def _away(self) -> tuple[str, ...]:
        own = [each.directory for each in self.read_all()]
        try:
            there = set(self._services.store.accounts())
        except OSError:
            return ()  # unknown; whoever looks for mail reports why
        return tuple(directory for directory in own if directory not in there)
