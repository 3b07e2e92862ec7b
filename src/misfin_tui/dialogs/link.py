"""Before a link is opened: where it really leads."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from textual.app import ComposeResult

from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.widgets.facts import text
from misfin_tui.wording.links import consequence, remarks

MAX_SHOWN = 2000  # characters of a target; the rest of a longer one could hide nothing that matters


class Opening(StrEnum):
    """What to do with a link."""

    OPEN = "open"
    COPY = "copy"


class LinkDialog(Dialog[Opening]):
    """The true target of a link, and whether to open it with another program."""

    def __init__(self, target: str, opener: str) -> None:
        super().__init__("Open this link?")
        self._target = target
        self._opener = opener

    def compose_body(self) -> ComposeResult:
        """The whole target, and anything odd about it."""
        yield text(self._target[:MAX_SHOWN], classes="strong")
        for remark in remarks(self._target):
            yield text(f"⚠ {remark}", classes="warn gap")
        yield text(consequence(self._target, self._opener), classes="muted gap")

    def choices(self) -> Sequence[Choice]:
        """Staying is safe."""
        return Choice("stay", "Cancel  esc"), Choice("copy", "Copy"), Choice("open", "Open", "primary")

    def choose(self, choice: str) -> None:
        """Open, copy, or None."""
        self.dismiss(None if choice == "stay" else Opening(choice))
