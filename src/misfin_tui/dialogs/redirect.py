"""A server gives another address for this one message (30), or says that the address has moved (31)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.screentext import suspicious
from misfin_tui.widgets.facts import text

if TYPE_CHECKING:
    from misfin.store.outgoing.outbox import OutboxRow


class Following(StrEnum):
    """What to do about a redirect."""

    STOP = "stop"
    ONCE = "once"
    ALWAYS = "always"


class RedirectDialog(Dialog[Following]):
    """Send it there? After a 31 the contact can be changed as well. Escape leaves the message waiting."""

    def __init__(self, row: OutboxRow, *, permanent: bool) -> None:
        super().__init__("The address has moved" if permanent else "The server gives another address")
        self._row = row
        self._permanent = permanent

    def compose_body(self) -> ComposeResult:
        """From where to where."""
        host = self._row.to.rpartition("@")[2]
        said = "has moved for good" if self._permanent else "should receive this one message somewhere else"
        yield text(
            f"{host} says that {self._row.to} {said}. It has seen your message, but did not accept it."
        )
        yield text(f"written to    {self._row.to}", classes="gap")
        yield text(f"redirects to  {self._row.target}", classes="strong")
        reason = suspicious(self._row.target)
        if reason:
            yield text(f"⚠ Look closely: {reason}.", classes="warn gap")
        yield text(
            "Sending it there gives it to whoever owns that address. The certificate of that host is checked"
            " like any other before anything is sent.",
            classes="muted gap",
        )

    def choices(self) -> Sequence[Choice]:
        """Waiting is safe."""
        once = Choice("once", "Send there this once")
        always = (Choice("always", "Send, and change the contact"),) if self._permanent else ()
        return Choice("wait", "Keep waiting  esc"), Choice("stop", "Do not send"), once, *always

    def choose(self, choice: str) -> None:
        """The answer; None to keep waiting."""
        self.dismiss(None if choice == "wait" else Following(choice))
