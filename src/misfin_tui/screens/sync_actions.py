"""The actions of the sync screen: decide, fetch now, pause, read the log, open the attic."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from misfin_tui.dialogs.base import Choice
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.host import AccountAction
from misfin_tui.keymap.server_mail import SYNC_KEYS
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.sync_words import SyncRow, account_facts, folder_facts
from misfin_tui.widgets.controller import worker
from misfin_tui.wording.syncing import log_facts

_OF_A_LINE = frozenset(each.id.replace("-", "_") for each in SYNC_KEYS) - {"sync_search"}


class SyncActions(ScreenController):
    """Actions for the line under the cursor."""

    def __init__(
        self,
        screen: AppScreen,
        row: Callable[[], SyncRow | None],
        everything: Callable[[], Sequence[SyncRow]],
        reload: Callable[[], object],
    ) -> None:
        """``row`` is the line under the cursor, ``reload`` reads all lines again."""
        super().__init__(screen)
        self._row = row
        self._everything = everything
        self._reload = reload

    @property
    def idle(self) -> Collection[str]:
        """What there is nothing to do for here."""
        row = self._row()
        if row is None:
            return _OF_A_LINE
        return () if self._asking(row) else {"sync_answer"}

    def _asking(self, row: SyncRow) -> SyncRow | None:
        """The line itself if it needs a decision; of an account, the first of its folders that does."""
        if row.folder is not None:
            return row if row.can_be_decided else None
        return next((each for each in self._everything() if each.asks and each.account == row.account), None)

    @worker(group="sync", description="show details")
    async def action_sync_details(self) -> None:
        """Everything known about the account or the folder."""
        row = self._row()
        if row is None:
            return
        more = [Choice("answer", "Decide …")] if self._asking(row) else []
        more += [Choice("log", "Log"), Choice("attic", "Attic")] if row.account.folders else []
        if row.folder is None:
            title, facts = row.account.address, account_facts(row.account, self.misfin.keys)
        else:
            title = f"{row.folder.local} of {row.account.address}"
            facts = folder_facts(row.account, row.folder)
        choice = await self.screen.app.push_screen_wait(FactsDialog(title, facts, more=more))
        if choice == "answer":
            self.action_sync_answer()
        elif choice == "log":
            self.action_sync_log()
        elif choice == "attic":
            self.action_sync_attic()

    @worker(group="sync", description="decide about deletions")
    async def action_sync_answer(self) -> None:
        """Decide whether deletions were meant."""
        row = self._row()
        asking = self._asking(row) if row is not None else None
        if asking is None or asking.folder is None:
            self.misfin.say("Nothing here needs your decision.")
            return
        await self.screen.attempt(self.misfin.ask_about_deletions(asking.account.name, asking.folder.local))
        self._reload()

    def action_sync_fetch(self) -> None:
        """Look for changes on every server now."""
        if any(not row.account.paused for row in self._everything()):
            self.services.fetching.look_now()
            self.misfin.say("Looking for new mail.", timeout=2)
        else:
            self.misfin.say(
                f"Every account is paused. Press {self.misfin.keys.shown('sync-pause')} to resume one.",
                severity="warning",
            )

    @worker(group="sync", exclusive=True, description="pause an account")
    async def action_sync_pause(self) -> None:
        """Stop fetching an account by itself, or go on; it is a setting, so it outlasts the program."""
        row = self._row()
        if row is None:
            return
        paused = not row.account.paused
        adopted = self.services.fetching.adopted
        config = await self.screen.attempt(self.services.syncing.pause(row.account.name, paused))
        if config is None:
            return
        self.misfin.use_config(config)
        name = row.account.name
        if adopted:
            self.misfin.say(
                f"{name} is {'paused' if paused else 'no longer paused'}, but the process that fetches mail"
                " was not started by this program and keeps its old settings until it is restarted.",
                severity="warning",
            )
        else:
            self.misfin.say(f"{name} is paused." if paused else f"{name} is no longer paused.")

    @worker(group="sync", description="show what was changed on the server")
    async def action_sync_log(self) -> None:
        """What was changed on the server within 30 days."""
        row = self._row()
        if row is None:
            return
        changes = await self.screen.attempt(self.services.syncing.log(row.account.name))
        if changes is not None:
            title = f"Changed on the server of {row.account.address}"
            await self.screen.app.push_screen_wait(FactsDialog(title, log_facts(changes)))

    def action_sync_attic(self) -> None:
        """What was deleted on the server and is kept here."""
        row = self._row()
        if row is not None:
            self.misfin.open_attic(row.account.name)

    def action_sync_edit(self) -> None:
        """Edit the account."""
        self._with_account(AccountAction.EDIT)

    def action_sync_test(self) -> None:
        """Test the account."""
        self._with_account(AccountAction.TEST)

    def action_sync_password(self) -> None:
        """Change the password of the account."""
        self._with_account(AccountAction.PASSWORD)

    def action_sync_remove(self) -> None:
        """Remove the account; its mail stays."""
        self._with_account(AccountAction.REMOVE)

    def _with_account(self, action: AccountAction) -> None:
        row = self._row()
        if row is not None:
            self.misfin.with_account(action, row.account.name)
