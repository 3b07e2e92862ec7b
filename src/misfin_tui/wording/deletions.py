"""What is said when many or all messages of a folder are gone on one side, and the answers there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.post.sync.answering import SyncAnswer
from misfin.post.sync.base import AskReason
from misfin.post.sync.guards import THERE
from misfin_tui.wording.facts import many

if TYPE_CHECKING:
    from misfin.post.sync.base import SyncedFolder

REASONS = {
    AskReason.MANY_HERE: "Many messages are gone here that were not deleted with this program.",
    AskReason.MISSING_HERE: "The folder is missing here.",
    AskReason.EMPTY_HERE: "The folder is empty here.",
    AskReason.OTHER_HERE: (
        "The directory with this account's mail is a different one: another disk, or a copy."
    ),
    AskReason.MANY_THERE: "Many messages have gone from the server at once.",
    AskReason.GONE_THERE: "The folder, or everything in it, has gone from the server.",
    AskReason.WENT_BACK: "The server's numbering has gone back, as it does after a restore from a backup.",
    AskReason.RENUMBERED: "The server has renumbered its messages, and these are not among them.",
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


def words_of(reason: AskReason) -> AnswerWords:
    """What the answers are called."""
    if reason is AskReason.MISSING_HERE:
        return _REMOVED
    return _THERE if reason in THERE else _HERE


def count_asked_about(folder: SyncedFolder, total: int) -> str:
    """``312 of 1,204 messages``; how many messages a folder asks about."""
    if not folder.asked_about:
        return "Messages"
    if folder.asked_about >= total:
        return "The only message" if total == 1 else f"All {many(folder.asked_about, 'message')}"
    return f"{folder.asked_about:,} of {many(total, 'message')}"


def sentences(folder: SyncedFolder, total: int) -> tuple[str, ...]:
    """The numbers, the reason, and what each answer does."""
    words, one = words_of(folder.reason), folder.asked_about == 1
    return (
        f"{count_asked_about(folder, total)} {'is' if one else 'are'} {words.where}.",
        f"{REASONS.get(folder.reason, '')} Nothing was deleted, and nothing will be until you decide.",
        f"{words.delete}: {words.deletes}.",
        f"{words.keep}: {words.keeps}.",
        "Pause the folder: nothing is changed here or on the server, and nothing is fetched.",
    )


def deletion_offers(folder: SyncedFolder) -> dict[SyncAnswer | None, str]:
    """The answers in their order and what they are called; None decides later, which is safe."""
    words = words_of(folder.reason)
    return {
        None: "Decide later",
        SyncAnswer.KEEP: words.keep,
        SyncAnswer.PAUSE: "Pause the folder",
        SyncAnswer.DELETE: words.delete,
    }
