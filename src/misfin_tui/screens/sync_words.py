"""What the sync screen says: the state of an account or a folder, and all its details."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.post.source import SourceState
from misfin.post.sync.base import FolderState
from misfin_tui.widgets.facts import clock, day, many, moment
from misfin_tui.wording.deletions import REASONS
from misfin_tui.wording.syncing import folder_words, waiting_words

if TYPE_CHECKING:
    from misfin.post.sync.base import SyncedFolder
    from misfin_tui.keymap import Keymap
    from misfin_tui.services.syncing import SyncedAccount
    from misfin_tui.wording.facts import Fact

RECENT = 12 * 3600.0
"""Seconds for which a time of day says when something was."""
MARKS = {
    SourceState.RUNNING: ("●", "good"),
    SourceState.WAITING: ("◷", "warn"),
    SourceState.FAILED: ("✗", "bad"),
    SourceState.STOPPED: ("○", "muted"),
}
FOLDER_MARKS = {
    FolderState.OK: ("✓", "good"),
    FolderState.ASKING: ("!", "warn"),
    FolderState.PAUSED: ("‖", "muted"),
}
"""Signs, so that no state depends on colour alone; a folder with an answer still waits for the next pass."""


@dataclass(frozen=True, slots=True)
class SyncRow:
    """One line: an account, or one of its folders."""

    account: SyncedAccount
    folder: SyncedFolder | None = None

    @property
    def total(self) -> int:
        """How many messages there are here."""
        counts = self.account.messages or {}
        return counts.get(self.folder.local, 0) if self.folder else sum(counts.values())

    @property
    def waiting(self) -> int:
        """How many changes made here wait."""
        counts = self.account.waiting or {}
        return counts.get(self.folder.local, 0) if self.folder else sum(counts.values())

    @property
    def asks(self) -> bool:
        """Whether it needs a decision."""
        return self.folder is not None and self.folder.state is FolderState.ASKING

    @property
    def can_be_decided(self) -> bool:
        """Whether there is something to decide, be it that it was put off by pausing the folder."""
        paused = self.folder is not None and self.folder.state is FolderState.PAUSED
        return self.asks or (paused and self.folder is not None and self.folder.asked_about > 0)

    @property
    def words(self) -> str:
        """How it is doing."""
        return folder_words(self.folder, self.total) if self.folder else self.account.words


def at(then: float, now: float | None = None) -> str:
    """``14:02:31`` for what was today, else the day; empty for never."""
    if not then:
        return ""
    return clock(then) if 0 <= (time.time() if now is None else now) - then < RECENT else day(then)


def account_mark(account: SyncedAccount) -> tuple[str, str]:
    """A sign and its tone."""
    if account.problem:
        return "✗", "bad"
    if account.paused:
        return "‖", "muted"
    return MARKS[account.status.state] if account.status else ("○", "muted")


def account_step(account: SyncedAccount, keys: Keymap) -> str:
    """What to do where an account is not doing well; empty where there is nothing to do."""
    if account.paused:
        return f"Press {keys.shown('sync-pause')} to resume."
    if account.status is None or account.status.state is SourceState.RUNNING:
        return ""
    fetch = keys.shown("sync-fetch")
    if account.status.state is SourceState.WAITING:
        return f"It will be tried again automatically; press {fetch} to try now."
    return f"Fix the problem, then press {fetch} to try again; misfin-tui account test checks each step."


def account_facts(account: SyncedAccount, keys: Keymap) -> list[Fact]:
    """Everything known about an account."""
    facts: list[Fact] = [
        ("account", f"{account.name}, {account.address}"),
        ("state", " ".join(filter(None, (account.words, account_step(account, keys))))),
        ("in sync", moment(account.in_step) if account.in_step else "never"),
        ("messages", f"{sum((account.messages or {}).values()):,}"),
        ("waiting", waiting_words(sum((account.waiting or {}).values()))),
    ]
    for folder in account.folders:
        total = (account.messages or {}).get(folder.local, 0)
        facts.append((folder.local, f"{many(total, 'message')}, {folder_words(folder, total)}"))
    return facts


def folder_facts(account: SyncedAccount, folder: SyncedFolder) -> list[Fact]:
    """Everything known about a folder."""
    total = (account.messages or {}).get(folder.local, 0)
    facts: list[Fact] = [
        ("account", f"{account.name}, {account.address}"),
        ("on the server", folder.remote.name),
        ("state", folder_words(folder, total)),
        *([("reason", REASONS[folder.reason])] if folder.reason in REASONS else []),
        ("messages", f"{total:,} here"),
        ("waiting", waiting_words((account.waiting or {}).get(folder.local, 0))),
        ("last change", moment(folder.synced_at)),
    ]
    return facts
