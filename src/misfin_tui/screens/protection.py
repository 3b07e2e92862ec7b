"""Signatures and encryption in a conversation: checked when a message is opened, unlocked by a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from misfin.errors import MisfinError
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from misfin.store.protected import OpenedMail
    from misfin_tui.widgets.thread_document import Part
    from misfin_tui.widgets.thread_view import ThreadView


class ThreadProtection(ScreenController):
    """Opens the messages of a conversation that are signed or encrypted."""

    def __init__(self, screen: AppScreen, thread: ThreadView) -> None:
        super().__init__(screen)
        self.thread = thread
        self._shown: set[str] = set()

    @worker(group="protected", description="check a signed or encrypted message")
    async def check(self, part: Part) -> None:
        """Check and decrypt a message without asking for anything."""
        from misfin_tui.services.protected import protected_of

        try:
            opened = await protected_of(self.services).open(part.row, prefer=part.prefer)
        except MisfinError as error:
            self.misfin.report(error)
        else:
            self._show(part, opened)

    @worker(group="unlock", exclusive=True, description="decrypt a message")
    async def action_unlock(self) -> None:
        """Decrypt the message in focus; GnuPG asks for the passphrase in this terminal or in a window."""
        from misfin_tui.services.protected import protected_of, terminal_name

        part = self.thread.document.current
        if part is None or part.opened is None or not part.opened.locked:
            self.misfin.say("This message is not locked.", severity="warning", timeout=3)
            return
        opened = problem = None
        try:
            # The pinentry draws over everything. Nothing may escape inside: it would not resume.
            with self.screen.app.suspend(), self.screen.app.batch_update():
                try:
                    opening = protected_of(self.services).open(
                        part.row, prefer=part.prefer, terminal=terminal_name()
                    )
                    opened = await opening
                except MisfinError as error:
                    problem = error
        except SuspendNotSupported:
            self.misfin.say("A passphrase cannot be asked for in this terminal.", severity="warning")
            return
        self.screen.app.refresh(layout=True)
        if problem is not None:
            self.misfin.report(problem)
        elif opened is not None:
            self._show(part, opened)

    def _show(self, part: Part, opened: OpenedMail) -> None:
        self._shown.add(part.row.id)
        part.opened_as(opened, self.misfin.keys.shown("unlock"))
        self.thread.part_changed(part)

    def forget(self) -> None:
        """The screen is left: nothing decrypted stays in memory."""
        if self._shown:
            from misfin_tui.services.protected import protected_of

            protected_of(self.services).forget(self._shown)
