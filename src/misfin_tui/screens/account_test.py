"""Tests an account before it is saved: shows every step, and asks about untrusted certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screentext import plain
from misfin_tui.widgets.check_list import CheckList
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from misfin.email.checking import Checked
    from misfin_tui.config.accounts import AccountConfig


class AccountTest(ScreenController):
    """Fills the :class:`CheckList` of a screen, and its text ``#summary``."""

    def __init__(self, screen: AppScreen) -> None:
        super().__init__(screen)
        self._passed: tuple[AccountConfig, str | None] | None = None

    def passed(self, settings: AccountConfig, password: str | None) -> bool:
        """Whether exactly this was tested, and works."""
        return self._passed == (settings, password)

    @worker(group="checks", exclusive=True, description="test the account")
    async def begin(self, name: str, settings: AccountConfig, password: str | None) -> None:
        """Test it; not again what has passed."""
        if self.passed(settings, password):
            return
        checks = self.screen.query_one(CheckList)
        self._passed = None
        while True:
            self._say(f"Testing {settings.address} …")
            checks.begin()
            found = await self.screen.attempt(
                self.services.email_accounts.check(name, settings, checks.add, password=password)
            )
            if found is None or not self.screen.standing:
                return
            asking = next((each for each in found if each.asks), None)
            if asking is None:
                break
            self._say("A certificate needs your decision.")
            if not await self._decided(asking):
                self._say("Not tested: a certificate is not trusted. Go back, or save it as it is.")
                return
        if any(each.bad for each in found):
            self._say("Something does not work. Go back to change it, or save it as it is.")
            return
        self._passed = settings, password
        self._say("Everything works.")

    async def _decided(self, asking: Checked) -> bool:
        """Ask about a certificate; whether it is trusted now."""
        name = asking.server.name
        if await self.screen.attempt(self.misfin.ask_trust("mail", name)) is None:
            return False
        return await self.services.email_accounts.trusts(name)

    def _say(self, words: str) -> None:
        self.screen.query_one("#summary", Static).update(Content(plain(words, one_line=True)))
