"""The sync screen: accounts on servers and their folders, whether they are in sync, what needs a decision."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from misfin.post.sync.base import FolderState
from misfin_tui.keymap import KeyContext, readable
from misfin_tui.messages import ConfigChanged, MailChanged, SourceChanged, SyncChanged
from misfin_tui.screens.list_screen import ListScreen
from misfin_tui.screens.sync_actions import SyncActions
from misfin_tui.screens.sync_words import (
    FOLDER_MARKS,
    SyncRow,
    account_mark,
    account_step,
    at,
)
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.facts import many, needing
from misfin_tui.widgets.row_columns import Column
from misfin_tui.widgets.row_list import Cell, RowList

if TYPE_CHECKING:
    from textual.timer import Timer


READ_AGAIN = 1.0
"""Seconds between two readings while much changes."""


class SyncScreen(ListScreen):
    """Accounts whose mail is on a server."""

    BINDINGS = bindings(KeyContext.LIST, KeyContext.SYNC)
    BINDING_GROUP_TITLE = TITLE_TEXT = "Sync"
    ROWS = ("account or folder", "accounts and folders")

    def __init__(self) -> None:
        super().__init__()
        self.actions = SyncActions(self, lambda: self.rows.current, lambda: self.everything, self.reload)
        adopt(self, self.actions)
        self._timer: Timer | None = None
        self._took = 0.0
        """Seconds the last reading took: a large mailbox is not listed all the time."""

    def make_list(self) -> RowList[SyncRow]:
        """Account or folder, messages, what waits, when it was in sync, its state."""
        columns = (
            Column("", 1),
            Column("Account and folder", 24),
            Column("Messages", 9, right=True, spare=2),
            Column("Waiting", 7, right=True, spare=1),
            Column("In sync", 11, spare=3),
            Column("State"),
        )
        key = self.misfin.keys.shown("add-account")
        empty = f"No account fetches mail from a server. Press {key} to add one; Misfin mail comes by itself."
        return RowList(columns, self._cells, _key, empty=empty)

    def list_title(self, count: str, total: int) -> str:
        """Accounts and folders are counted separately while all of them are shown."""
        if len(self.rows.items) != total or not total:
            return super().list_title(count, total)
        accounts = sum(row.folder is None for row in self.rows.items)
        counts = many(accounts, "account"), many(total - accounts, "folder")
        return " · ".join(counts if total > accounts else counts[:1])

    def _cells(self, row: SyncRow) -> Sequence[Cell]:
        account, folder = row.account, row.folder
        waiting = (f"{row.waiting:,}" if row.waiting else "", "warn")
        if folder is None:
            mark = account_mark(account)
            return (
                mark,
                (account.name, "strong"),
                (f"{row.total:,}" if account.folders else "", "muted"),
                waiting,
                (at(account.in_step), "muted"),
                (row.words, mark[1] if mark[1] in ("bad", "warn") else "normal"),
            )
        mark = FOLDER_MARKS.get(folder.state, ("◷", "muted"))
        in_step = account.in_step if folder.state is FolderState.OK else folder.synced_at
        return (
            mark,
            (f"  {folder.local}", "strong" if row.asks else "normal"),
            (f"{row.total:,}", "muted"),
            waiting,
            (at(in_step), "muted"),
            (row.words, "warn" if row.asks else "muted"),
        )

    async def load(self) -> Iterable[SyncRow]:
        """Each account, followed by its folders."""
        begun = time.monotonic()
        accounts = await self.services.syncing.accounts()
        self._took = time.monotonic() - begun
        return [
            row
            for account in accounts
            for row in (SyncRow(account), *(SyncRow(account, each) for each in account.folders))
        ]

    def matches(self, item: SyncRow, words: list[str]) -> bool:
        """By account, folder and state."""
        folder = item.folder.local if item.folder else ""
        text = f"{item.account.name} {item.account.address} {folder} {item.words}".casefold()
        return all(word in text for word in words)

    def news(self) -> list[tuple[str, str]]:
        """How many folders need a decision."""
        asking = sum(row.asks for row in self.everything)
        return [(needing(asking), "warning")] if asking else []

    def detail(self, item: SyncRow) -> str:
        """Its state in full, and what to do."""
        step = account_step(item.account, self.misfin.keys) if item.folder is None else ""
        said = f"{item.words[:1].upper()}{item.words[1:]}"
        return f"{said}\n{step}" if step else said

    def hint(self, item: SyncRow) -> str:
        """The key that decides."""
        keys = self.misfin.keys.of("sync-answer")
        return f"{readable(keys[0])} Decide" if item.can_be_decided and keys else ""

    # ---- changes

    def on_sync_changed(self, message: SyncChanged) -> None:
        """A state of sync was written."""
        self._soon()

    def on_mail_changed(self, message: MailChanged) -> None:
        """What was changed here waits for the server."""
        self._soon()

    def on_config_changed(self, message: ConfigChanged) -> None:
        """An account may be paused, or another one there."""
        self._soon()

    def on_source_changed(self, message: SourceChanged) -> None:
        """What a source says is shown at once; its state is read soon."""
        self._soon()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = self.set_timer(max(READ_AGAIN, 10 * self._took), self._read)

    def _read(self) -> None:
        self._timer = None
        self.reload()

    def choose(self, item: Any) -> None:
        """A double click shows everything."""
        self.actions.action_sync_details()

    @property
    def idle_actions(self) -> Collection[str]:
        """What there is nothing to do for here."""
        return self.actions.idle


def _key(row: SyncRow) -> tuple[str, str]:
    return row.account.name, row.folder.local if row.folder else ""
