"""What can be done with messages wherever they are shown: answer, file, tag, block, undo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin.model.folders import DRAFTS
from misfin_tui.keymap import readable
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screentext import plain
from misfin_tui.widgets.controller import worker

if TYPE_CHECKING:
    from misfin.store.rows import View
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.screens.selection import Selection


class MessageActions(ScreenController):
    """The actions on what is selected."""

    def __init__(self, screen: AppScreen, selection: Selection, prompts: Prompts) -> None:
        super().__init__(screen)
        self.selection = selection
        self.prompts = prompts

    # ---- answering

    @worker(group="answer", exclusive=True, description="write a new message")
    async def action_compose(self) -> None:
        """Write a new message, from the account whose mail is shown."""
        try:
            seen_in = self.selection.view().account
            self.misfin.open_composer(await self.services.sending.new(seen_in=seen_in))
        except MisfinError as error:
            self.misfin.report(error)

    @worker(group="answer", exclusive=True, description="open a draft")
    async def action_edit_draft(self) -> None:
        """Continue the selected draft."""
        try:
            row = await self.selection.chosen_message()
            if row is None or row.folder != DRAFTS:
                self.misfin.say("This is not a draft.", severity="warning")
                return
            self.misfin.open_composer(await self.services.sending.open(row.id))
        except MisfinError as error:
            self.misfin.report(error)

    def action_reply(self) -> None:
        """Reply to the sender."""
        self._answer("reply")

    def action_reply_all(self) -> None:
        """Reply to everybody."""
        self._answer("reply-all")

    def action_reply_list(self) -> None:
        """Reply to the mailing list it came from."""
        self._answer("reply-list")

    def action_forward(self) -> None:
        """Forward it."""
        self._answer("forward")

    def action_forward_attached(self) -> None:
        """Forward it as an attachment."""
        self._answer("forward-attached")

    @worker(group="answer", exclusive=True, description="answer a message")
    async def _answer(self, how: str) -> None:
        from misfin.post.transport import How  # late: not for the first frame

        try:
            row = await self.selection.chosen_message()
            if row is None:
                return
            draft = await self.services.sending.answer(row, How(how), self.selection.quoted())
            if row.unread:  # who answers a message has read it
                await self.services.filer.apply("read", [row.id], undoable=False)
        except MisfinError as error:
            self.misfin.report(error)
        else:
            self.misfin.open_composer(draft)

    @worker(group="decide", exclusive=True, description="decide about held mail")
    async def action_decide(self) -> None:
        """Decide about a held message."""
        from misfin_tui.screens import held  # late: not for the first frame

        await held.decide(self.screen, self.selection)

    # ---- filing

    def action_archive(self) -> None:
        """Move to the archive."""
        self.file("archive", gone=True)

    def action_trash(self) -> None:
        """Move to the trash."""
        self.file("trash", gone=True)

    def action_unread(self) -> None:
        """Mark as unread, or as read when it is unread."""
        self.file("toggle-unread")

    def action_star(self) -> None:
        """Set or remove the star."""
        self.file("toggle-star")

    @worker(group="file", description="tag messages")
    async def action_tag(self) -> None:
        """Add a tag; with a minus before it, remove it."""
        targets = self._some_targets()
        if not targets:
            return
        tags = await self.services.mail.tags()
        answer = await self.prompts.ask("Tag", help="a word; -word removes it", offers=[*tags])
        if answer and (tag := answer.strip().lstrip("+")):
            await self._apply("untag" if tag.startswith("-") else "tag", targets, tag.lstrip("-"))

    @worker(group="file", description="move messages")
    async def action_move_to_folder(self) -> None:
        """Move to a folder."""
        if (targets := self._some_targets()) and (folder := await self._which_folder("Move to")):
            await self._apply("move", targets, folder, gone=True)

    @worker(group="file", description="copy messages")
    async def action_copy_to_folder(self) -> None:
        """Copy to a folder."""
        if (targets := self._some_targets()) and (folder := await self._which_folder("Copy to")):
            await self._apply("copy", targets, folder)

    async def _which_folder(self, question: str) -> str:
        names = sorted({row.folder for row in await self.services.mail.folders()})
        answer = await self.prompts.ask(question, help="a folder; a new name creates one", offers=names)
        return (answer or "").strip()

    @worker(group="file", description="file messages")
    async def file(self, action: str, argument: str = "", *, gone: bool = False) -> None:
        """Do something to the targets, in a thread; the toast says what was done and how to undo it."""
        targets = self._some_targets()
        if targets:
            await self._apply(action, targets, argument, gone=gone)

    async def file_view(self, action: str, view: View) -> None:
        """The same to all that a view shows."""
        await self._apply(action, view)

    def _some_targets(self) -> Sequence[int]:
        """What the action applies to; when that is nothing, it is reported."""
        targets = self.selection.targets()
        if not targets:
            self.misfin.say("There is no message here.", severity="warning", timeout=2)
        return targets

    async def _apply(
        self, action: str, targets: Sequence[int] | View, argument: str = "", *, gone: bool = False
    ) -> None:
        try:
            toast = await self.services.filer.apply(action, targets, argument, view=self.selection.view())
        except MisfinError as error:
            self.misfin.report(error)
            return
        self._say_undoable(toast, "filing")
        await self.selection.filed(gone)

    def _say_undoable(self, toast: str, about: str) -> None:
        keys = self.misfin.keys.of("undo")
        self.misfin.say(f"{toast}  {readable(keys[0])} undo" if keys else toast, about=about)

    @worker(group="file", description="undo")
    async def action_undo(self) -> None:
        """Undo sending, the last filing or the last blocking, whichever is newest."""
        filer, sending, contacts = self.services.filer, self.services.sending, self.services.contacts
        try:
            sent = sending.undoable()
            if contacts.last_block > max(filer.last_filed, sent.at if sent else 0.0):
                address = await contacts.undo_block()
                self.misfin.withdraw("blocking")
                self.misfin.say(f"{address} is no longer blocked.")
                return
            if sent and sent.at >= filer.last_filed:
                draft = await sending.undo_send(sent.ids)
                self.misfin.withdraw("sending")
                if draft is None:
                    self.misfin.say("It is too late: the message is being sent.", severity="warning")
                else:
                    self.misfin.say("Not sent. It is a draft again.", about="send undone")
                    self.misfin.open_composer(draft)
                return
            toast = await filer.undo()
        except MisfinError as error:
            self.misfin.report(error)
            return
        self.misfin.withdraw("filing")
        self.misfin.withdraw("undone", every=True)
        self.misfin.say(toast or "There is nothing to undo.", about="undone")
        await self.selection.filed(False)

    @worker(group="file", description="block a sender")
    async def action_block(self) -> None:
        """Block the sender: later mail from there is refused."""
        try:
            row = await self.selection.chosen_message()
            if row is None or not row.sender_address or not await self._may_block(row.sender_address):
                return
            await self.services.contacts.block_sender(row)
        except MisfinError as error:
            self.misfin.report(error)
            return
        self._say_undoable(
            f"{row.sender_address} is blocked: their mail will be refused from now on.", "blocking"
        )

    async def _may_block(self, address: str) -> bool:
        from misfin_tui.dialogs.confirm import ConfirmDialog  # late: not for the first frame

        question = "Their mail will be refused from now on, before it is stored."
        blocks: bool | None = await self.screen.app.push_screen_wait(
            ConfirmDialog(f"Block {plain(address, one_line=True)}?", question, yes="Block", danger=True)
        )
        return bool(blocks)
