"""The recipients of a message being written: To, and Cc and Bcc where the account has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal

from misfin.compose.recipients import reread
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.widgets.address_input import AddressInput, AddressOffers
from misfin_tui.widgets.facts import text

if TYPE_CHECKING:
    from misfin.compose.recipients import TypedRecipient
    from misfin.post.transport import Capabilities
    from misfin.store.outgoing.drafts import Draft
    from misfin_tui.services.accounts import Sender


class RecipientFields(ScreenController):
    """The three fields. ``able`` gives what the account in From can do; None while that is not known."""

    def __init__(
        self, screen: AppScreen, draft: Draft, offers: AddressOffers, able: Callable[[], Capabilities | None]
    ) -> None:
        super().__init__(screen)
        self._able = able
        self.to = AddressInput(offers, value=", ".join(draft.to), id="to")
        self.cc = AddressInput(offers, value=", ".join(draft.cc), id="cc")
        self.bcc = AddressInput(offers, value=", ".join(draft.bcc), id="bcc")
        self._lines = {
            field: Horizontal(text(label, classes="label"), field, classes="line", id=f"{field.id}-line")
            for label, field in (("To", self.to), ("Cc", self.cc), ("Bcc", self.bcc))
        }
        self._opened: set[AddressInput] = set()

    def lines(self) -> ComposeResult:
        """The lines; To alone until it is known what the account has."""
        for field, line in self._lines.items():
            line.display = field is self.to
            yield line

    @property
    def every(self) -> tuple[AddressInput, AddressInput, AddressInput]:
        """The fields, shown or not."""
        return self.to, self.cc, self.bcc

    @property
    def recipients(self) -> list[TypedRecipient]:
        """Everybody in the fields that are shown, in their order."""
        return [entry for field in self.every if field.shown for entry in field.recipients]

    def arrange(self) -> None:
        """Show the fields the account has; those for copies once they are wanted or filled."""
        if (can := self._able()) is None:
            return
        for field, able in ((self.cc, can.cc), (self.bcc, can.bcc)):
            self._lines[field].display = able and (field in self._opened or bool(field.value.strip()))

    def read_as(self, sender: Sender, before: Sender | None) -> None:
        """From now on the account in From is another one, which reads and writes them in its own way."""
        can = sender.capabilities
        for field, able in zip(self.every, (True, can.cc, can.bcc), strict=True):
            if before is not None and able:  # what it does not have stays for an account that has it
                field.value = reread(field.value, before, sender)
            field.reader = sender
        self.arrange()

    def focus_wrong(self, wrong: TypedRecipient | None) -> None:
        """Go to the field with this entry, or to the first."""
        shown = [field for field in self.every if field.shown and wrong in field.recipients]
        (shown[0] if shown else self.to).focus()

    def action_copies(self) -> None:
        """Show the fields for copies, and go from one to the next; empty ones go away after the last."""
        can = self._able()
        fields = [] if can is None else [f for f, able in ((self.cc, can.cc), (self.bcc, can.bcc)) if able]
        if not fields:
            self.misfin.say("A message from this account cannot have Cc or Bcc.", severity="warning")
            return
        focused = self.screen.focused
        at = next((number for number, field in enumerate(fields) if field is focused), -1)
        last = at == len(fields) - 1
        self._opened = set() if last else set(fields)
        self.arrange()
        (self.to if last else fields[at + 1]).focus()
