"""Whether a message being written is to be signed, or signed and encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult, SuspendNotSupported
from textual.containers import Horizontal
from textual.content import Content

from misfin.errors import LockedKeyError, MisfinError
from misfin.store.outgoing.drafts import SendProtection
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.compose_files import ComposerFact
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.facts import text

if TYPE_CHECKING:
    from misfin.store.outgoing.drafts import Draft
    from misfin_tui.services.accounts import Sender
    from misfin_tui.services.sending import Submission

_WORDS = {
    SendProtection.NONE: "",
    SendProtection.SIGN: "signed",
    SendProtection.ENCRYPT: "signed and encrypted, subject too; the draft stays here",
    SendProtection.SMIME: "signed",
}


class OutgoingProtection(ScreenController):
    """``level`` is what was chosen, or what the account does by itself."""

    def __init__(self, screen: AppScreen, level: SendProtection, *, new: bool) -> None:
        """``new``: nobody has chosen anything for this message yet."""
        super().__init__(screen)
        self.level = level
        self._new = new and not level
        self._able = False
        self.words = ComposerFact(id="protection", markup=False)
        self._label = text("OpenPGP", classes="label")
        self._address = ""
        self._line = Horizontal(self._label, self.words, classes="line", id="pgp-line")

    def lines(self) -> ComposeResult:
        """The line, there only while the message is to be protected."""
        self._show()
        yield self._line

    def read_as(self, sender: Sender) -> None:
        """It is written from this account now."""
        self._able, self._address = sender.capabilities.protect, sender.address
        if self._new:
            self.level = SendProtection.SIGN if sender.signs and self._able else SendProtection.NONE
        self._show()

    def _show(self) -> None:
        self._line.display = bool(self.level)
        self._label.update(Content("S/MIME" if self.level is SendProtection.SMIME else "OpenPGP"))
        self.words.update(Content(_WORDS[self.level]))

    @worker(group="protection", exclusive=True, description="sign or encrypt a message")
    async def action_protect(self) -> None:
        """Sign it, sign and encrypt it, or neither."""
        from misfin_tui.services.protected import protected_of

        if not self._able:
            self.misfin.say(
                "This account can neither sign nor encrypt. Choose an e-mail account in From.",
                severity="warning",
            )
            return
        ways = await protected_of(self.services).ways(self._address)
        if len(ways) == 1:
            self.misfin.say("GnuPG is not installed. Install gnupg to sign and encrypt.", severity="warning")
            return
        self._new = False
        self.level = ways[(ways.index(self.level) + 1) % len(ways)] if self.level in ways else ways[0]
        self._show()
        self.words.post_message(ComposerFact.FactChanged())

    async def submit(self, drafts: Sequence[Draft], address: str) -> Submission | None:
        """Queue what is written as ``address``; None if the key to sign with stays locked.

        Raises what :meth:`~misfin_tui.services.sending.SendingService.submit` does.
        """
        try:
            return await self.services.sending.submit(*drafts)
        except LockedKeyError:
            if not await self._unlock(address):
                return None
        return await self.services.sending.submit(*drafts)

    async def _unlock(self, address: str) -> bool:
        """Have GnuPG ask for the passphrase of the key that signs for an address; whether it is open now."""
        from misfin_tui.services.protected import protected_of, terminal_name

        problem: MisfinError | None = None
        try:
            # As for an encrypted message: nothing may escape inside.
            with self.screen.app.suspend(), self.screen.app.batch_update():
                try:
                    await protected_of(self.services).unlock(address, terminal_name())
                except MisfinError as error:
                    problem = error
        except SuspendNotSupported:
            self.misfin.say("A passphrase cannot be asked for in this terminal.", severity="warning")
            return False
        self.screen.app.refresh(layout=True)
        if problem is not None:
            self.misfin.report(problem, "The message was not sent.")
        return problem is None
