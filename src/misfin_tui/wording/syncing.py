"""How folders kept in sync are doing, and what was changed on their servers, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from misfin.post.sync.base import FolderState
from misfin_tui.wording.deletions import count_asked_about, words_of
from misfin_tui.wording.facts import Fact, clock, day, many

if TYPE_CHECKING:
    from misfin.post.sync.base import SyncedFolder
    from misfin.post.sync.journal import ServerChange


def folder_words(folder: SyncedFolder, total: int) -> str:
    """How a folder is doing."""
    match folder.state:
        case FolderState.ASKING:
            return f"needs your decision: {count_asked_about(folder, total)} {words_of(folder.reason).where}"
        case FolderState.PAUSED:
            return "paused: nothing is synced"
        case FolderState.AGREED | FolderState.KEEPING:
            return "decided; done at the next sync"
        case _:
            return "in sync"


def log_facts(changes: Iterable[tuple[ServerChange, str]]) -> list[Fact]:
    """The log of an account, day by day."""
    facts: list[Fact] = []
    before = ""
    for each, subject in changes:
        if (heading := day(each.at)) != before:
            facts.append((heading, ""))
            before = heading
        what = f"{each.what} ({each.detail})" if each.detail else each.what
        number = f", message {each.remote_id}" if each.remote_id else ""
        which = f", “{subject}”" if subject else number
        facts.append((clock(each.at), f"{each.folder}{which}: {what}"))
    return facts or [("", "Nothing was changed on the server within the last 30 days.")]


def waiting_words(number: int) -> str:
    """How many changes wait for the server."""
    return f"{many(number, 'change')} made here, not on the server yet" if number else "nothing"
