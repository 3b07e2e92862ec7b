"""The first run of a new profile, and adding an account later: which kind of mail, then its steps."""

from __future__ import annotations

from misfin_tui.app.controller import AppController
from misfin_tui.widgets.controller import worker

_CHOICES = (
    ("misfin", "Misfin", "create an address of your own, or import one"),
    ("email", "E-mail", "an account you have with a provider: IMAP or POP3, and SMTP"),
    ("both", "Both", "first your Misfin address, then your e-mail account"),
)


class FirstRun(AppController):
    """Asks, and opens the steps for what was chosen."""

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
            from misfin_tui.screens.wizard import WizardScreen

            await self.app.push_screen_wait(WizardScreen())
            if not await self.host.services.identities.all():
                return  # whoever quits the first steps does not want the others
        if chosen in ("email", "both"):
            await self._email()

    @worker(group="account", description="add an account")
    async def action_add_account(self) -> None:
        """Add an e-mail account."""
        await self._email()

    async def _email(self) -> None:
        from misfin_tui.screens.email_wizard import EmailWizardScreen

        if not any(isinstance(screen, EmailWizardScreen) for screen in self.app.screen_stack):
            await self.app.push_screen_wait(EmailWizardScreen())
