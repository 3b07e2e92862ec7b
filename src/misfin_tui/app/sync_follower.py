"""Notices what the fetching process has written, and asks about deletions that look like an accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.app.controller import AppController
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from textual.app import App
    from textual.timer import Timer

ASK_AGAIN = 15.0
"""Seconds after which somebody who was busy is asked."""


class SyncFollower(AppController):
    """Follows the states of sync, and asks each of their questions once by itself."""

    def __init__(self, app: App[int]) -> None:
        super().__init__(app)
        self._asked: set[tuple[str, str, str]] = set()
        """Account, folder and doubt of each question that was asked."""
        self._later: Timer | None = None

    @worker(group="elsewhere", exclusive=True, description="follow the states of sync")
    async def follow(self) -> None:
        """Say so whenever a state of sync has changed, for as long as there are accounts with one."""
        from misfin_tui.services.background import follow_sync  # late: not for the first frame

        await follow_sync(self.host.services)

    @worker(group="deletions", exclusive=True, description="ask about deletions")
    async def look(self) -> None:
        """Ask what has not been asked yet, unless the user is writing or answering something else."""
        try:
            questions = await self.host.services.syncing.questions()
        except MisfinError:
            return  # the sync screen says so
        for each in questions:
            known = (each.account, each.folder.local, each.folder.reason.value)
            if known in self._asked:
                continue
            if self.occupied():
                if self._later is not None:
                    self._later.stop()
                self._later = self.app.set_timer(ASK_AGAIN, self.look)
                return
            self._asked.add(known)
            try:
                await self._ask(each.account, each.folder.local, by_itself=True)
            except MisfinError as error:
                self.host.report(error)

    async def ask(self, account: str, folder: str) -> bool:
        """Ask whether deletions in a folder were meant; False when none need a decision.

        Call it in a worker. Raises :class:`~misfin.errors.StoreError`.
        """
        return await self._ask(account, folder)

    async def _ask(self, account: str, folder: str, *, by_itself: bool = False) -> bool:
        from misfin.post.sync.answering import SyncAnswer
        from misfin_tui.dialogs.deletions import DeletionsDialog
        from misfin_tui.wording.deletions import words_of

        syncing = self.host.services.syncing
        question = await syncing.question(account, folder)
        if question is None:
            return False
        self._asked.add((account, folder, question.folder.reason.value))
        dialog = DeletionsDialog(question.folder, question.address, question.total)
        if by_itself:
            dialog.opens_by_itself()
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None:
            await syncing.answer(account, folder, answer)
            words = words_of(question.folder.reason)
            done = {SyncAnswer.DELETE: words.deletes, SyncAnswer.KEEP: words.keeps}
            self.host.say(f"{folder}: {done.get(answer, 'nothing is changed here or on the server')}.")
        return True
