"""Tests an account, saved or not: shows every step, and asks about untrusted certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.steps import StepsScreen
from misfin_tui.screentext import plain
from misfin_tui.widgets.check_list import CheckList
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.facts import text

if TYPE_CHECKING:
    from misfin.email.checking import Checked
    from misfin_tui.config.accounts import AccountConfig


class AccountTestScreen(StepsScreen):
    """The test of an account that exists, as one step."""

    BINDING_GROUP_TITLE = "Test an account"
    TITLES = ("Does it work?",)
    FINISH = "Close"

    def __init__(self, name: str) -> None:
        super().__init__()
        self._account = name
        self._test_run = AccountTest(self)

    def compose_step(self, step: int) -> ComposeResult:
        """What is found."""
        yield text("", id="summary", classes="strong")
        yield CheckList()

    def first_field(self, step: int) -> Widget:
        """Enter closes."""
        return self.query_one("#next")

    def began(self, step: int) -> None:
        """Test at once."""
        self.query_one("#dots").display = self.query_one("#back").display = False
        self._test()

    @work(group="test", exclusive=True, description="test an account")
    async def _test(self) -> None:
        settings = self.misfin.config.accounts[self._account]
        await self._test_run.begin(self._account, settings, None).wait()
        if self._test_run.passed(settings, None):  # then nothing has to wait for a password any more
            await self.attempt(self.services.email_accounts.login_changed(self._account))

    async def step_done(self, step: int) -> bool:
        """Close."""
        self.dismiss()
        return True


class AccountTest(ScreenController):
    """Fills the :class:`CheckList` of a screen, and its text ``#summary``."""

    def __init__(self, screen: AppScreen) -> None:
        super().__init__(screen)
        self._passed: tuple[AccountConfig, str | None, str | None] | None = None

    def passed(self, settings: AccountConfig, password: str | None, token: str | None = None) -> bool:
        """Whether exactly this was tested, and works."""
        return self._passed == (settings, password, token)

    @worker(group="checks", exclusive=True, description="test the account")
    async def begin(
        self, name: str, settings: AccountConfig, password: str | None, token: str | None = None
    ) -> None:
        """Test it; not again what has passed. ``password`` or an access ``token`` is what was just given."""
        if self.passed(settings, password, token):
            return
        checks = self.screen.query_one(CheckList)
        self._passed = None
        while True:
            self._say(f"Testing {settings.address} …")
            checks.begin()
            found = await self.screen.attempt(
                self.services.email_accounts.check(name, settings, checks.add, password=password, token=token)
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
        self._passed = settings, password, token
        self._say("Everything works.")

    async def _decided(self, asking: Checked) -> bool:
        """Ask about a certificate; whether it is trusted now."""
        name = asking.server.name
        if await self.screen.attempt(self.misfin.ask_trust("mail", name)) is None:
            return False
        return await self.services.email_accounts.trusts(name)

    def _say(self, words: str) -> None:
        self.screen.query_one("#summary", Static).update(Content(plain(words, one_line=True)))
