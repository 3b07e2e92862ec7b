"""Deciding what a message in the outbox waits for: a certificate, a redirect, a mailbox that is gone."""

from __future__ import annotations

from collections.abc import Callable

from misfin.store.outgoing.deliveries import ABOUT_TRUST, DeliveryState, OutboxRow, Question
from misfin_tui.dialogs.certificate import CertificateDialog
from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.dialogs.redirect import RedirectDialog
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.sending import confirmed
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.facts import many
from misfin_tui.wording.certificate import Answer
from misfin_tui.wording.outbox import is_gone
from misfin_tui.wording.outbox_questions import NO_DECISION, REDIRECTS, mark_as_gone
from misfin_tui.wording.redirect import Following


class OutboxAnswers(ScreenController):
    """Asks the user the question of a row."""

    def __init__(
        self,
        screen: AppScreen,
        row: Callable[[], OutboxRow | None],
        retry: Callable[[], object],
        edit: Callable[[], object],
    ) -> None:
        """``row`` is the one under the cursor; ``retry`` and ``edit`` do what their keys do."""
        super().__init__(screen)
        self._row = row
        self._retry = retry
        self._edit = edit

    @worker(group="outbox", description="answer a question")
    async def action_answer(self) -> None:
        """Answer the question this message waits for."""
        row = self._row()
        if row is None:
            return
        if row.state is DeliveryState.UNCERTAIN:
            self._retry()
        elif is_gone(row):
            await self._answer_gone(row)
        elif row.state is not DeliveryState.HELD or row.question is None:
            self.misfin.say(NO_DECISION)
        elif row.question in ABOUT_TRUST:
            await self._answer_trust(row)
        elif row.question in REDIRECTS:
            await self._answer_redirect(row)
        elif row.question is Question.ACCOUNT:
            await self._answer_account(row)
        else:
            self._edit()

    async def _answer_trust(self, row: OutboxRow) -> None:
        from misfin.post.decisions import SERVER_PINS

        trust = self.services.trust
        question = await self.screen.attempt(trust.question(SERVER_PINS[row.kind], row.pin_name))
        if question is None:
            # The certificate is not known here any more: asking the host again raises the question again.
            await self.screen.attempt(self.services.sending.retry(row.id))
            return
        answer = await self.screen.app.push_screen_wait(CertificateDialog(question))
        if answer is Answer.TRUST:
            wanted = question.shown.fingerprints.cert
            freed = await self.screen.attempt(trust.approve(question.kind, question.name, wanted))
            if freed is not None:
                self.misfin.say(f"{question.name} is trusted. {many(freed, 'message')} will be sent.")
        elif answer is Answer.REFUSE:
            stopped = await self.screen.attempt(trust.refuse(question.kind, question.name))
            if stopped is not None:
                self.misfin.say(f"The pin is unchanged. {many(stopped, 'message')} will not be sent.")

    async def _answer_account(self, row: OutboxRow) -> None:
        rows = await self.screen.attempt(self.services.sending.held_with(row))
        if rows is None:
            return
        what = "everything that waits" if len(rows) > 1 else "the message"
        answer = await self.screen.app.push_screen_wait(
            ChooseDialog(
                f"The account {row.account} cannot send",
                [
                    ("settings", "Change the account", "its password or servers, in the settings"),
                    ("again", "Try again", f"sends {what}"),
                ],
                question=row.why,
            )
        )
        if answer == "settings":
            await self.screen.app.run_action("app.show_settings")
        elif answer == "again":
            for each in rows:
                await self.screen.attempt(self.services.sending.retry(each))

    async def _answer_gone(self, row: OutboxRow) -> None:
        if await confirmed(self.screen, mark_as_gone(row)):
            await self.screen.attempt(self.services.contacts.gone(row.to, row.why, row.kind))

    async def _answer_redirect(self, row: OutboxRow) -> None:
        permanent = row.question is Question.REDIRECT_ALWAYS
        answer = await self.screen.app.push_screen_wait(RedirectDialog(row, permanent=permanent))
        if answer is Following.STOP:
            await self.screen.attempt(self.services.sending.cancel(row.id))
        elif answer is not None:
            always = answer is Following.ALWAYS
            await self.screen.attempt(self.services.sending.follow(row.id, update_contact=always))
