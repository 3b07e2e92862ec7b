"""A message being written: saved all the time, and in the end sent, kept as a draft or discarded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work

from misfin.errors import MisfinError, StoreError
from misfin.store.outgoing.drafts import Draft
from misfin_tui.dialogs.confirm import ConfirmDialog, DraftDialog, Leaving
from misfin_tui.keymap import readable
from misfin_tui.messages import MailChanged
from misfin_tui.screens.base import AppScreen
from misfin_tui.screens.compose_from import FromAccount
from misfin_tui.screens.sending import carried, certain, complete, fitting
from misfin_tui.widgets.facts import by_and_by, clock
from misfin_tui.wording.sending import submitted

if TYPE_CHECKING:
    from misfin.compose.measure import Measure
    from misfin.compose.recipients import TypedRecipient
    from misfin_tui.screens.compose_fields import RecipientFields
    from misfin_tui.screens.compose_files import MessageFiles
    from misfin_tui.screens.compose_following import FromFollows
    from misfin_tui.screens.compose_protection import OutgoingProtection
    from misfin_tui.screens.compose_time import SendTime
    from misfin_tui.services.accounts import Sender
    from misfin_tui.services.autosave import Autosave
    from misfin_tui.widgets.address_input import OneLine
    from misfin_tui.widgets.byte_meter import ByteMeter
    from misfin_tui.widgets.gemtext_area import GemtextArea


class DraftScreen(AppScreen):
    """A screen with the fields of one message."""

    fields: RecipientFields
    following: FromFollows
    files: MessageFiles
    time: SendTime
    protection: OutgoingProtection
    subject: OneLine
    body: GemtextArea
    meter: ByteMeter
    _measure: Measure | None = None

    def __init__(self, draft: Draft | None = None) -> None:
        super().__init__()
        self.draft = draft or Draft()
        self._opened: Draft | None = None  # as the fields showed it first; None until they do
        self._newest: Draft | None = None  # as it is on disk, or is about to be
        self.keeper: Autosave | None = None
        self._finished = False
        self.from_account = FromAccount(self, self.draft, self._account_changed)
        self.followed = False  # an editor with a window of its own may still save

    # ---- what is written

    @property
    def account(self) -> str:
        """The directory of the account to write from."""
        return self.from_account.account

    @property
    def recipients(self) -> list[TypedRecipient]:
        """Everybody in the fields that are shown, in their order."""
        return self.fields.recipients

    def _account_changed(self, before: Sender | None, sender: Sender) -> None:
        """What the account in From has and writes is another thing now; nothing typed is lost by it."""
        self.services.sending.composing.opened(self, self.account)
        self.fields.read_as(sender, before)
        self.files.arrange()
        self.protection.read_as(sender)
        self.from_account.resign(self.body, before)

    def draft_now(self) -> Draft:
        """The message as the fields have it."""
        forward = self.draft.forwards is not None
        return replace(
            self.draft,
            account=self.account,
            sender=self.from_account.alias,
            to=self.fields.to.written,
            cc=self.fields.cc.written,
            bcc=self.fields.bcc.written,
            attachments=self.files.files,
            send_at=self.time.at,
            protection=self.protection.level,
            subject=self.draft.subject if forward else self.subject.value,
            body=self.draft.body if forward else self.body.text,
        )

    @property
    def touched(self) -> bool:
        """Whether the user changed anything since the composer opened."""
        return self._opened is not None and not _alike(self.draft_now(), self._opened)

    def begin_keeping(self) -> None:
        """The fields show the draft: from now on what is written is kept."""
        self._opened = self._newest = self.draft_now()

    def keep(self) -> None:
        """Have the message saved soon, unless this was already asked for."""
        now = self.draft_now()
        if self.keeper is not None and self._newest is not None and not _alike(now, self._newest):
            self._newest = now
            self.keeper.put(now)

    def keep_as_it_is(self) -> None:
        """The program ends or stops now: hand over what is written, also what was just typed."""
        if self._finished or self.keeper is None:
            return
        if self._opened is None and not _alike(now := self.draft_now(), self.draft):
            self.keeper.put(now)  # typed before the composer was ready
        self.keep()

    # ---- saving

    def _saved(self, draft: Draft) -> None:
        if self.draft.id not in ("", draft.id):
            self.misfin.say(
                "This draft was changed in another window. Both are kept: this one is now a separate draft.",
                severity="warning",
            )
        self.draft = replace(self.draft, id=draft.id)
        if self.standing:
            self.meter.saved(f"draft saved {clock(draft.modified)}")

    def _not_saved(self, error: StoreError) -> None:
        if self.standing:
            self.meter.saved("DRAFT NOT SAVED", failed=True)
        self.misfin.report(error, "The draft could not be saved; saving will be tried again.")

    def on_unmount(self) -> None:
        """However the screen closes: what was written is saved."""
        self.services.sending.composing.closed(self)
        if self.keeper is not None and self.keeper.unsaved and not self._finished:
            self.keeper.save_now()

    # ---- closing

    def _finish(self) -> None:
        """The screen closes for good: nothing may be saved after that."""
        self._finished = True
        if self.followed:
            self.misfin.look_for_texts(again=True)
        self.services.post(MailChanged())
        self.dismiss()

    @work(group="leave", exclusive=True, description="leave the composer")
    async def action_leave(self) -> None:
        """Close; what was written is kept as a draft, what is empty is not."""
        keeper = self.keeper
        if self.files.copying:
            self.misfin.say("A file is still being copied. Leave in a moment.", severity="warning")
            return
        if keeper is None or not (self.touched or keeper.draft_id):
            self._finished = True
            self.dismiss()
            return
        now = self.draft_now()
        nothing = now.empty or not (self.touched or (self._opened and self._opened.id))
        try:
            if nothing:
                await keeper.stop()
                if keeper.draft_id:
                    await self.services.sending.discard(keeper.draft_id)
            else:
                self.keep()
                await keeper.flush()
        except StoreError as error:
            question = f"{error} Close anyway and lose what is not saved?"
            if not await self.app.push_screen_wait(
                ConfirmDialog("The draft cannot be saved", question, yes="Close", no="Stay", danger=True)
            ):
                return
            await keeper.stop()
        else:
            if not nothing:
                self.misfin.say("Kept as a draft.")
        self._finish()

    @work(group="leave", exclusive=True, description="discard a draft")
    async def action_discard(self) -> None:
        """Discard the draft, after asking."""
        answer = await self.app.push_screen_wait(DraftDialog(self.subject.value))
        if answer is Leaving.KEEP:
            self.action_leave()
        if answer is not Leaving.DISCARD or self.keeper is None:
            return
        await self.keeper.stop()
        try:
            if self.keeper.draft_id:
                await self.services.sending.discard(self.keeper.draft_id)
        except StoreError as error:
            self.misfin.report(error)
        self._finish()

    # ---- sending

    @work(group="send", exclusive=True, description="split a message")
    async def action_shorten(self) -> None:
        """Offer to split the message."""
        if not self._measure or not self._measure.over:
            self.misfin.say("The message is not too long.")
            return
        if not self.from_account.splits:
            self.misfin.say("A message from this account is not split.")
            return
        await self._send()

    @work(group="send", exclusive=True, description="send a message")
    async def action_send(self) -> None:
        """Send it, after everything that may be wrong was asked about."""
        await self._send()

    async def _send(self) -> None:
        await self.from_account.known.wait()
        if self.from_account.sender is None:  # it could not be read before
            await self.from_account.learn([self.account])
            self.from_account.follow()
        sender, keeper = self.from_account.sender, self.keeper
        if sender is None or keeper is None:
            return
        if elsewhere := next((entry for entry in self.recipients if entry.other), None):
            self.fields.focus_wrong(elsewhere)
            if account := await self.from_account.instead(elsewhere):
                self.from_account.chooser.value = account
            return
        if await self.following.changed_before_sending():
            return
        draft = self.draft_now()
        problem = self._problem(draft)
        if problem:
            self.misfin.say(problem, severity="warning")
            return
        whole = await carried(self, draft, sender.capabilities)
        if whole is None or not await complete(self, whole, sender.capabilities):
            return
        drafts = await fitting(self, draft := whole, split=sender.capabilities.split)
        if drafts is None:
            self.body.focus()
            return
        if not await certain(self, self.recipients):
            return
        try:
            keeper.put(draft)
            await keeper.flush()
            if len(drafts) == 1:
                drafts = [replace(draft, id=keeper.draft_id)]
            self._finished = True
            submission = await self.protection.submit(drafts, draft.sender or sender.address)
            if submission is None:
                self._finished = False
                return
            await keeper.stop()
            if len(drafts) > 1:
                await self.services.sending.discard(keeper.draft_id)
        except MisfinError as error:
            self._finished = False
            self.misfin.report(error, "The message was not sent.")
            return
        hold = self.services.config.send.undo_send_seconds
        undo = readable(next(iter(self.misfin.keys.of("undo")), ""))
        self.misfin.withdraw("send undone")
        later = by_and_by(draft.send_at, submission.at) if draft.send_at else ""
        words = submitted(len(drafts), len(submission.ids), hold, undo, later=later)
        self.misfin.say(words, timeout=max(hold, 4), about="sending" if hold else "")
        self._finish()

    def _problem(self, draft: Draft) -> str:
        """What has to be fixed before it can be sent; goes to the field."""
        entries = self.recipients
        wrong = next((entry for entry in entries if entry.recipient is None), None)
        if not entries or wrong:
            self.fields.focus_wrong(wrong)
            return wrong.problem if wrong else "Add a recipient."
        if not (draft.body.strip() or draft.subject.strip() or draft.forwards or draft.attachments):
            self.body.focus()
            return "The message is empty."
        if self.files.copying:
            return "A file is still being copied. Send the message again in a moment."
        if self.time.passed:
            return "The time to send it at has passed. Choose another one, or none."
        if not draft.account:
            return "You have no account to write from; create an identity or add an e-mail account."
        return ""


def _alike(one: Draft, other: Draft) -> bool:
    """Whether two drafts say the same, whenever they were saved."""
    return replace(one, id="", modified=0.0) == replace(other, id="", modified=0.0)
