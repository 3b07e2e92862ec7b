"""Asks whether deletions were intended, when many or all messages of a folder are gone on one side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from misfin.post.sync.answering import SyncAnswer
from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.widgets.facts import text
from misfin_tui.wording.deletions import deletion_offers, sentences

if TYPE_CHECKING:
    from misfin.post.sync.base import SyncedFolder


class DeletionsDialog(Dialog[SyncAnswer]):
    """Delete, keep, or leave alone? Escape decides later; until then nothing is deleted."""

    def __init__(self, folder: SyncedFolder, address: str, total: int) -> None:
        super().__init__(f"Was this intended? {folder.local} of {address}")
        self._folder = folder
        self._total = total

    def compose_body(self) -> ComposeResult:
        """The numbers, the reason, and what each answer does."""
        for number, sentence in enumerate(sentences(self._folder, self._total)):
            yield text(sentence, classes={0: "strong", 2: "gap"}.get(number, ""))

    def choices(self) -> Sequence[Choice]:
        """Deciding later is safe."""
        return tuple(
            Choice(answer, label, "danger" if answer is SyncAnswer.DELETE else "")
            if answer
            else Choice("later", f"{label}  esc")
            for answer, label in deletion_offers(self._folder).items()
        )

    def choose(self, choice: str) -> None:
        """The answer; None to decide later."""
        self.dismiss(None if choice == "later" else SyncAnswer(choice))
