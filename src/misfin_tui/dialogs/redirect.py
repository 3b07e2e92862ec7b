"""A server gives another address for this one message (30), or says that the address has moved (31)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.widgets.facts import text
from misfin_tui.wording.redirect import (
    CONSEQUENCE,
    Following,
    doubt_of,
    redirect_offers,
    said_of,
    title_of,
)

if TYPE_CHECKING:
    from misfin.store.outgoing.outbox import OutboxRow


class RedirectDialog(Dialog[Following]):
    """Send it there? After a 31 the contact can be changed as well. Escape leaves the message waiting."""

    def __init__(self, row: OutboxRow, *, permanent: bool) -> None:
        super().__init__(title_of(permanent=permanent))
        self._row = row
        self._permanent = permanent

    def compose_body(self) -> ComposeResult:
        """From where to where."""
        yield text(said_of(self._row, permanent=self._permanent))
        yield text(f"Written to    {self._row.to}", classes="gap")
        yield text(f"Redirects to  {self._row.target}", classes="strong")
        if doubt := doubt_of(self._row):
            yield text(f"⚠ {doubt}", classes="warn gap")
        yield text(CONSEQUENCE, classes="muted gap")

    def choices(self) -> Sequence[Choice]:
        """Waiting is safe."""
        offers = redirect_offers(permanent=self._permanent).items()
        return tuple(Choice(each or "wait", label if each else f"{label}  esc") for each, label in offers)

    def choose(self, choice: str) -> None:
        """The answer; None to keep waiting."""
        self.dismiss(None if choice == "wait" else Following(choice))
