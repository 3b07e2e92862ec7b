"""What can be done with letters wherever they are shown: answer, file, tag, block, undo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.screen import Screen

from misfin.errors import MisfinError
from misfin.store.rows import Completion, View
from misfin_tui.keymap import readable
from misfin_tui.screentext import plain
from misfin_tui.widgets.gemtext_view import GemtextView

if TYPE_CHECKING:
    from misfin.store.rows import LetterRow
    from misfin_tui.app import MisfinApp
    from misfin_tui.services import Services
    from misfin_tui.widgets.searchbox import Prompt


class LetterScreen(Screen[None]):
    """A screen that shows letters. What the actions work on, each screen says itself."""

    prompt: Prompt | None = None
    """The question being asked at the bottom of the screen."""

    @property
    def misfin(self) -> MisfinApp:
        """The app, with its own type."""
        return cast("MisfinApp", self.app)

    @property
    def services(self) -> Services:
        """The one door to mail and post."""
        return self.misfin.services

    # ---- for each screen to fill in

    async def chosen_letter(self) -> LetterRow | None:
        """The letter to answer or pass on."""
        raise NotImplementedError

    def targets(self) -> Sequence[int]:
        """The conversations to file, flag or tag."""
        raise NotImplementedError

    def view(self) -> View:
        """The list they are seen from: filing one takes what that list shows of it."""
        raise NotImplementedError

    def quoted(self) -> str | None:
        """The lines a reply is to quote, None for all of them."""
        return None

    async def filed(self, gone: bool) -> None:
        """An action was done; ``gone`` when the targets left the folder shown."""

    # ---- questions at the bottom

    async def ask(
        self,
        question: str,
        text: str = "",
        *,
        help: str = "",  # noqa: A002 - what it is
        offers: Sequence[str] = (),
        live: bool = False,
    ) -> str | None:
        """Ask for a line of text; None when the person thought better of it.

        ``offers`` complete it; ``live`` says that every change of it counts at once.
        """
        from misfin_tui.widgets.searchbox import Prompt  # late: not for the first frame

        if self.prompt is not None:
            self.prompt.finish(None)
        back = self.focused
        prompt = self.prompt = Prompt(question, text, help=help)
        prompt.words, prompt.live = tuple(offers), live
        await self.mount(prompt, before="#keys")
        prompt.line.focus()
        self.prompt_changed(prompt, text)
        try:
            return await prompt.answer
        finally:
            if self.prompt is prompt:
                self.prompt = None
            if prompt.is_attached:
                if back is not None and back.is_attached and prompt.has_focus_within:
                    back.focus()
                await prompt.remove()

    def prompt_changed(self, prompt: Prompt, text: str) -> None:
        """Something was typed: offer what it may become."""
        begun = text.casefold()
        fitting = [word for word in prompt.words if word.casefold().startswith(begun) and word != text]
        prompt.offer([Completion(word, 0, len(text), "") for word in fitting[:8]])

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        """The prompt speaks."""
        event.stop()
        if event.prompt is self.prompt:
            self.prompt_changed(event.prompt, event.text)

    # ---- links

    @on(GemtextView.LinkChosen)
    def _link_chosen(self, event: GemtextView.LinkChosen) -> None:
        event.stop()
        self.follow_link(event.target)

    def copy_link(self, target: str) -> None:
        """Put the target of a link into the clipboard of the terminal."""
        self.misfin.copy_to_clipboard(plain(target, one_line=True))
        self.misfin.say(f"Copied {target}")

    @work(group="follow", exclusive=True, description="follow a link")
    async def follow_link(self, target: str) -> None:
        """``misfin:`` opens the composer; everything else asks first and goes to the opener."""
        from misfin_tui.dialogs.link import LinkDialog, Opening  # late: not for the first frame

        scheme = target.partition(":")[0].lower()
        outside = self.services.outside
        try:
            if scheme == "misfin":
                self.misfin.open_composer(await self.services.sending.from_link(target))
            elif scheme == "mid":
                self.misfin.say("This link names another letter of a conversation; it opens nothing.")
            else:
                command = outside.opener() or "nothing (no opener was found)"
                answer = await self.misfin.push_screen_wait(LinkDialog(target, command))
                if answer is Opening.OPEN:
                    await outside.open_link(target)
                elif answer is Opening.COPY:
                    self.copy_link(target)
        except MisfinError as error:
            self.misfin.report(error)

    # ---- answering

    @work(group="answer", exclusive=True, description="write a new message")
    async def action_compose(self) -> None:
        """Write a new message."""
        try:
            self.misfin.open_composer(await self.services.sending.new())
        except MisfinError as error:
            self.misfin.report(error)

    def action_reply(self) -> None:
        """Reply to the sender."""
        self._answer("reply")

    def action_reply_all(self) -> None:
        """Reply to everybody."""
        self._answer("reply-all")

    def action_forward(self) -> None:
        """Pass it on."""
        self._answer("forward")

    @work(group="answer", exclusive=True, description="answer a letter")
    async def _answer(self, how: str) -> None:
        try:
            row = await self.chosen_letter()
            if row is None:
                return
            sending = self.services.sending
            if how == "forward":
                draft = await sending.forward(row)
            else:
                draft = await sending.reply(row, everyone=how == "reply-all", quoted=self.quoted())
        except MisfinError as error:
            self.misfin.report(error)
        else:
            self.misfin.open_composer(draft)

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

    @work(group="file", description="tag letters")
    async def action_tag(self) -> None:
        """Add a tag; with a minus before it, remove it."""
        targets = self.targets()
        if not targets:
            return
        tags = await self.services.mail.tags()
        answer = await self.ask("Tag", help="a word; -word takes it away", offers=[*tags])
        if answer and (tag := answer.strip().lstrip("+")):
            await self._apply("untag" if tag.startswith("-") else "tag", targets, tag.lstrip("-"))

    @work(group="file", description="move letters")
    async def action_move_to_folder(self) -> None:
        """Move to a folder."""
        targets = self.targets()
        if not targets:
            return
        names = sorted({row.folder for row in await self.services.mail.folders()})
        answer = await self.ask("Move to", help="a folder; a new name makes it", offers=names)
        if answer and answer.strip():
            await self._apply("move", targets, answer.strip(), gone=True)

    @work(group="file", description="file letters")
    async def file(self, action: str, argument: str = "", *, gone: bool = False) -> None:
        """Do something to the targets, in a thread; the toast says what was done and how to undo it."""
        targets = self.targets()
        if targets:
            await self._apply(action, targets, argument, gone=gone)

    async def _apply(
        self, action: str, targets: Sequence[int], argument: str = "", *, gone: bool = False
    ) -> None:
        try:
            toast = await self.services.mail.apply(action, targets, argument, view=self.view())
        except MisfinError as error:
            self.misfin.report(error)
            return
        keys = self.misfin.keys.of("undo")
        self.misfin.say(f"{toast}  {readable(keys[0])} undo" if keys else toast)
        await self.filed(gone)

    @work(group="file", description="undo")
    async def action_undo(self) -> None:
        """Take back what was sent just now, or undo the last filing, whichever is newer."""
        mail, sending = self.services.mail, self.services.sending
        try:
            sent = sending.undoable()
            if sent and sent.until - self.misfin.config.send.undo_send_seconds >= mail.last_filed:
                draft = await sending.undo_send(sent.ids)
                if draft is None:
                    self.misfin.say("It is too late: the message is leaving.", severity="warning")
                else:
                    self.misfin.say("Not sent. It is a draft again.")
                    self.misfin.open_composer(draft)
                return
            toast = await mail.undo()
        except MisfinError as error:
            self.misfin.report(error)
            return
        self.misfin.say(toast or "There is nothing to undo.")
        await self.filed(False)

    @work(group="file", description="block a sender")
    async def action_block(self) -> None:
        """Block the sender: later mail from there is refused."""
        try:
            row = await self.chosen_letter()
            if row is None or not row.sender_address:
                return
            await self.services.contacts.block(row.sender_address)
        except MisfinError as error:
            self.misfin.report(error)
            return
        self.misfin.say(f"{row.sender_address} is blocked: mail from there is refused from now on.")
