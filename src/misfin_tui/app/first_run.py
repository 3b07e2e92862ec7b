"""The first run of a new profile: which kind of mail, then the steps for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.wording.first_steps import CHOICES, QUESTION, WELCOME

if TYPE_CHECKING:
    from misfin_tui.app.switcher import ScreenSwitcher


async def first_run(switcher: ScreenSwitcher) -> None:
    """Ask what a new profile is for; escape leaves it empty. Call it in a worker.

    Raises :class:`~misfin.errors.StoreError`.
    """
    chosen = await switcher.app.push_screen_wait(
        ChooseDialog(
            WELCOME,
            CHOICES,
            question=QUESTION,
            keys=[value[0] for value, _label, _note in CHOICES],
        )
    )
    if chosen == "server":
        await switcher.run("mailbox-wizard")
    if chosen in ("misfin", "both"):
        await switcher.run("wizard")
        if not await switcher.host.services.identities.all():
            return  # whoever quits the first steps does not want the others
    if chosen in ("email", "both"):
        await switcher.run("email-wizard")
