"""The first run of a new profile, and adding an account later: which kind of mail, then its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin_tui.app.controller import AppController
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from textual.app import App

    from misfin_tui.app.switcher import ScreenSwitcher

_CHOICES = (
    ("misfin", "Misfin", "create an address of your own, or import one"),
    ("email", "E-mail", "an account you have with a provider: IMAP or POP3, and SMTP"),
    ("both", "Both", "first your Misfin address, then your e-mail account"),
)


class FirstRun(AppController):
    """Asks, and opens the steps for what was chosen."""

    def __init__(self, app: App[int], switcher: ScreenSwitcher) -> None:
        super().__init__(app)
        self._switcher = switcher

    async def begin(self) -> None:
        """Ask what a new profile is for; escape leaves it empty. Call it in a worker."""
        from misfin_tui.dialogs.prompt import ChooseDialog

        chosen = await self.app.push_screen_wait(
            ChooseDialog(
                "Welcome to misfin-tui",
                _CHOICES,
                question="Misfin, e-mail, or both? You can add more accounts at any time.",
            )
        )
        if chosen in ("misfin", "both"):
            await self._switcher.run("wizard")
            if not await self.host.services.identities.all():
                return  # whoever quits the first steps does not want the others
        if chosen in ("email", "both"):
            await self._switcher.run("email-wizard")

    @worker(group="account", description="add an account")
    async def action_add_account(self) -> None:
        """Add an e-mail account."""
        await self._switcher.run("email-wizard")
