"""The account in From: how it writes, which fields it has, and another one where it cannot be used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual.widget import Widget

from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screens.base import AppScreen, ScreenController

if TYPE_CHECKING:
    from misfin.compose.recipients import TypedRecipient
    from misfin_tui.services.accounts import Sender
    from misfin_tui.widgets.address_input import AddressInput


class FromAccount(ScreenController):
    """What the composer asks about the account in From; ``chosen`` gives its directory."""

    def __init__(self, screen: AppScreen, chosen: Callable[[], str]) -> None:
        super().__init__(screen)
        self._chosen = chosen
        self._senders: dict[str, Sender] = {}
        self.known = asyncio.Event()
        """Set once the fields can be read as the accounts read them."""

    @property
    def sender(self) -> Sender | None:
        """How the account writes; None while that is not known."""
        return self._senders.get(self._chosen())

    @property
    def splits(self) -> bool:
        """Whether a text that is too long can go as several messages."""
        return self.sender is None or self.sender.capabilities.split

    async def learn(self, directories: Iterable[str]) -> None:
        """Find out how these accounts write."""
        self._senders = await self.screen.attempt(self.services.accounts.senders(directories)) or {}

    def show_fields(
        self, to: AddressInput, cc: AddressInput, bcc: AddressInput, files: Widget | None
    ) -> None:
        """Show the fields the account has, and read them as it does; ``files`` is None without a file."""
        sender = self.sender
        if sender is None:
            return
        can = sender.capabilities
        for field in (to, cc, bcc):
            field.reader = sender
        for widget, able in ((cc, can.cc), (bcc, can.bcc), (files, can.attachments)):
            if widget is not None and isinstance(widget.parent, Widget):
                widget.parent.display = able  # with its label

    async def instead(self, entry: TypedRecipient) -> str | None:
        """For a recipient the account cannot write to: the directory of one that can, if it is wanted."""
        wanted = self.services.accounts.of_kind(entry.other) if entry.other else None
        account = await self.screen.attempt(wanted) if wanted else None
        if account is None:
            self.misfin.say(
                f"{entry.problem} You have no such account: write to another address.", severity="warning"
            )
            return None
        name = "" if account.name == account.address else f" ({account.name})"
        dialog = ConfirmDialog(
            "Write from another account?",
            f"{entry.problem} From can be {account.address}{name} instead; all recipients are then read as"
            " its addresses.",
            yes="Change From",
            no="Go back",
        )
        return account.directory if await self.screen.app.push_screen_wait(dialog) is True else None
