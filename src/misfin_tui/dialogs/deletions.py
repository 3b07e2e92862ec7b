"""Asks whether deletions were intended, when many or all messages of a folder are gone on one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from misfin.post.sync.answering import SyncAnswer
from misfin.post.sync.base import Doubt
from misfin.post.sync.guards import THERE
from misfin_tui.dialogs.base import Choice, Dialog
from misfin_tui.widgets.facts import many, text

if TYPE_CHECKING:
    from misfin.post.sync.base import SyncedFolder

REASONS = {
    Doubt.MANY_HERE: "Many messages are gone here that were not deleted with this program.",
    Doubt.MISSING_HERE: "The folder is missing here.",
    Doubt.EMPTY_HERE: "The folder is empty here.",
    Doubt.OTHER_HERE: "The directory with this account's mail is a different one: another disk, or a copy.",
    Doubt.MANY_THERE: "Many messages are gone on the server at once.",
    Doubt.GONE_THERE: "The folder, or everything in it, is gone on the server.",
    Doubt.WENT_BACK: "The server's numbering went back, as after a restore from a backup.",
    Doubt.RENUMBERED: "The server has renumbered its messages, and these are not among them.",
}
"""Why nothing was deleted, in a sentence."""


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """What the answers are called on one side, and what they do."""

    where: str
    delete: str
    deletes: str
    keep: str
    keeps: str


_THERE = AnswerWords(
    "gone on the server and still here",
    "Remove here too",
    "they are kept in the attic for 30 days",
    "Upload again",
    "the server gets them back",
)
_HERE = AnswerWords(
    "gone here and still on the server",
    "Delete on the server",
    "they go to the trash there, where the server has one",
    "Fetch again",
    "they come back here",
)
_REMOVED = AnswerWords(
    "gone here and still on the server",
    "Leave it out",
    "the folder is no longer fetched; nothing is deleted on the server",
    "Fetch again",
    "the folder and its messages come back here",
)


def words_of(doubt: Doubt) -> AnswerWords:
    """What the answers to a doubt are called."""
    if doubt is Doubt.MISSING_HERE:
        return _REMOVED
    return _THERE if doubt in THERE else _HERE


def in_doubt(folder: SyncedFolder, total: int) -> str:
    """``312 of 1,204 messages``; how many messages a folder asks about."""
    if not folder.doubted:
        return "Messages"
    if folder.doubted >= total:
        return "The only message" if total == 1 else f"All {many(folder.doubted, 'message')}"
    return f"{folder.doubted:,} of {many(total, 'message')}"


class DeletionsDialog(Dialog[SyncAnswer]):
    """Delete, keep, or leave alone? Escape decides later; until then nothing is deleted."""

    def __init__(self, folder: SyncedFolder, address: str, total: int) -> None:
        super().__init__(f"Was this intended? {folder.local} of {address}")
        self._folder = folder
        self._total = total
        self._words = words_of(folder.doubt)

    def compose_body(self) -> ComposeResult:
        """The numbers, the reason, and what each answer does."""
        words, folder = self._words, self._folder
        one = folder.doubted == 1
        yield text(
            f"{in_doubt(folder, self._total)} {'is' if one else 'are'} {words.where}.", classes="strong"
        )
        yield text(
            f"{REASONS.get(folder.doubt, '')} Nothing was deleted, and nothing will be until you decide."
        )
        yield text(f"{words.delete}: {words.deletes}.", classes="gap")
        yield text(f"{words.keep}: {words.keeps}.")
        yield text("Pause the folder: nothing is changed here or on the server, and nothing is fetched.")

    def choices(self) -> Sequence[Choice]:
        """Deciding later is safe."""
        return (
            Choice("later", "Decide later  esc"),
            Choice(SyncAnswer.KEEP, self._words.keep),
            Choice(SyncAnswer.PAUSE, "Pause the folder"),
            Choice(SyncAnswer.DELETE, self._words.delete, "danger"),
        )

    def choose(self, choice: str) -> None:
        """The answer; None to decide later."""
        self.dismiss(None if choice == "later" else SyncAnswer(choice))
