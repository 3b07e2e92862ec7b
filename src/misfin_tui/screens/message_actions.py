"""What can be done with messages wherever they are shown: answer, file, tag, block, undo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.screen import Screen

from misfin.errors import MisfinError
from misfin.model.folders import DRAFTS
from misfin.store.index.rows import Completion, View
from misfin_tui.keymap import readable
from misfin_tui.screentext import plain
from misfin_tui.widgets.gemtext_view import GemtextView
from misfin_tui.widgets.message_view import MessageView

if TYPE_CHECKING:
    from textual import events

    from misfin.store.index.rows import ConversationRow, MessageRow
    from misfin.store.message.mime import ParsedMessage
    from misfin_tui.app import MisfinApp
    from misfin_tui.config import Config
    from misfin_tui.screens.inbox import InboxScreen
    from misfin_tui.services import Services
    from misfin_tui.services.sending import Submission
    from misfin_tui.widgets.searchbox import Prompt

OPENING = 0.03
"""Seconds a question is drawn later at most, so that what was typed ahead of it is drawn with it."""
RIGHT = 3
"""The right button of the mouse."""


class MessageScreen(Screen[None]):
    """A screen that shows messages. What the actions work on, each screen says itself."""

    DEFAULT_CSS = """
    MessageScreen ToastRack.-asking { margin-bottom: 3; }
    MessageScreen:ansi > .screen--selection { background: ansi_default; text-style: reverse; }
    """
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

    @property
    def inbox(self) -> InboxScreen:
        """The list everything was opened from."""
        return self.misfin.inbox

    # ---- for each screen to fill in

    async def chosen_message(self) -> MessageRow | None:
        """The message to answer or pass on."""
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

    @property
    def idle_actions(self) -> Collection[str]:
        """Actions that would only say there is nothing to do now: the line of keys leaves them out."""
        return ()

    def action_slide(self, halves: int) -> None:
        """To a side of the message shown, by halves of its window."""
        self.query_one(MessageView).slide(halves)

    # ---- the mouse

    def on_click(self, event: events.Click) -> None:
        """The right button: everything that can be done here."""
        if event.button == RIGHT and not self.is_modal:
            event.stop()
            self.open_menu(event.screen_x, event.screen_y)

    @work(group="menu", exclusive=True, description="choose an action")
    async def open_menu(self, x: int, y: int) -> None:
        """Offer the actions of this screen at a place of it, and do what is chosen."""
        from misfin_tui.dialogs.menu import MenuDialog  # late: not for the first frame
        from misfin_tui.widgets.actions import actions_of, runner

        found = [action for action in actions_of(self) if action.method not in self.idle_actions]
        chosen = await self.misfin.push_screen_wait(MenuDialog(found, (x, y)))
        if chosen is not None:
            await runner(self, chosen)()

    # ---- questions at the bottom

    async def ask(
        self,
        question: str,
        text: str = "",
        *,
        help: str = "",  # noqa: A002 - what it is
        offers: Sequence[str] = (),
        finder: Callable[[str], Awaitable[Sequence[Completion]]] | None = None,
        live: bool = False,
    ) -> str | None:
        """Ask for a line of text; None when the person thought better of it.

        ``offers`` complete it, or what ``finder`` finds; ``live`` says that every change counts at once.
        """
        from misfin_tui.widgets.searchbox import Prompt  # late: not for the first frame

        if self.prompt is not None:
            self.prompt.finish(None)
        if self.misfin.type_ahead.waiting:
            self.misfin.hold.begin(OPENING)
        back = self.focused
        prompt = self.prompt = Prompt(question, text, help=help)
        prompt.words, prompt.finder, prompt.live = tuple(offers), finder, live
        self._keep_notices_off(True)
        await self.mount(prompt, before="#keys")
        prompt.line.focus()
        self.prompt_changed(prompt, text)
        try:
            answer = await prompt.answer
            if live and answer is not None:
                await self.accepted()
            return answer
        finally:
            if self.prompt is prompt:
                self.prompt = None
                self._keep_notices_off(False)
            if prompt.is_attached:
                if back is not None and back.is_attached and prompt.has_focus_within:
                    back.focus()
                await prompt.remove()

    def _keep_notices_off(self, asking: bool) -> None:
        """Notices leave the line one types into free. A class of the screen would style everything again."""
        self.query("ToastRack").set_class(asking, "-asking")

    async def accepted(self) -> None:
        """A search was accepted; the line it was written in is still there."""

    def prompt_changed(self, prompt: Prompt, text: str) -> None:
        """Something was typed: offer what it may become."""
        if prompt.finder is not None:
            self._find_offers(prompt, text)
            return
        begun = text.casefold()
        fitting = [word for word in prompt.words if word.casefold().startswith(begun) and word != text]
        prompt.offer([Completion(word, 0, len(text), "") for word in fitting[:8]], text)

    @work(group="offers", exclusive=True, description="complete an answer")
    async def _find_offers(self, prompt: Prompt, text: str) -> None:
        found = await prompt.finder(text) if prompt.finder is not None else ()
        if prompt.is_attached:
            prompt.offer([each for each in found[:8] if each.text != text[each.start : each.end]], text)

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

    @on(MessageView.AttachmentChosen)
    def _attachment_chosen(self, event: MessageView.AttachmentChosen) -> None:
        event.stop()
        self.attachment_chosen(event)

    def attachment_chosen(self, event: MessageView.AttachmentChosen) -> None:
        """The name of an attachment was clicked."""
        raise NotImplementedError

    @work(group="attachments", exclusive=True, description="save or open attachments")
    async def offer_attachments(self, row: MessageRow, message: ParsedMessage, at: int = 0) -> None:
        """Ask what to do with the attachments of a message, and do it."""
        from misfin_tui.screens import attachments  # late: not for the first frame

        await attachments.offer(self, row, message, at)

    def messages_shown(self) -> Sequence[tuple[MessageRow, ParsedMessage]]:
        """The messages on the screen, as far as they were read."""
        return ()

    async def open_message(self, found: ConversationRow) -> None:
        """Show the message a row was found by, in its conversation."""
        message = await self.services.mail.message(found.id)
        self.misfin.open_thread(found, self.inbox, found.id, View(message.account, message.folder))

    def copy_link(self, target: str) -> None:
        """Put the target of a link into the clipboard of the terminal."""
        self.misfin.copy_to_clipboard(plain(target, one_line=True))
        self.misfin.say(f"Copied {target}")

    @work(group="follow", exclusive=True, description="follow a link")
    async def follow_link(self, target: str) -> None:
        """Go where it leads."""
        from misfin_tui.screens import links  # late: not for the first frame

        await links.follow(self, target)

    # ---- answering

    @work(group="answer", exclusive=True, description="write a new message")
    async def action_compose(self) -> None:
        """Write a new message."""
        try:
            self.misfin.open_composer(await self.services.sending.new())
        except MisfinError as error:
            self.misfin.report(error)

    @work(group="answer", exclusive=True, description="open a draft")
    async def action_edit_draft(self) -> None:
        """Go on writing the draft that is chosen."""
        try:
            row = await self.chosen_message()
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

    def action_forward(self) -> None:
        """Pass it on."""
        self._answer("forward")

    @work(group="answer", exclusive=True, description="answer a message")
    async def _answer(self, how: str) -> None:
        try:
            row = await self.chosen_message()
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

    @work(group="file", description="tag messages")
    async def action_tag(self) -> None:
        """Add a tag; with a minus before it, remove it."""
        targets = self._some_targets()
        if not targets:
            return
        tags = await self.services.mail.tags()
        answer = await self.ask("Tag", help="a word; -word takes it away", offers=[*tags])
        if answer and (tag := answer.strip().lstrip("+")):
            await self._apply("untag" if tag.startswith("-") else "tag", targets, tag.lstrip("-"))

    @work(group="file", description="move messages")
    async def action_move_to_folder(self) -> None:
        """Move to a folder."""
        targets = self._some_targets()
        if not targets:
            return
        names = sorted({row.folder for row in await self.services.mail.folders()})
        answer = await self.ask("Move to", help="a folder; a new name makes it", offers=names)
        if answer and answer.strip():
            await self._apply("move", targets, answer.strip(), gone=True)

    @work(group="file", description="file messages")
    async def file(self, action: str, argument: str = "", *, gone: bool = False) -> None:
        """Do something to the targets, in a thread; the toast says what was done and how to undo it."""
        targets = self._some_targets()
        if targets:
            await self._apply(action, targets, argument, gone=gone)

    def _some_targets(self) -> Sequence[int]:
        """What the action is for; that there is nothing is said."""
        targets = self.targets()
        if not targets:
            self.misfin.say("There is no message here.", severity="warning", timeout=2)
        return targets

    async def _apply(
        self, action: str, targets: Sequence[int], argument: str = "", *, gone: bool = False
    ) -> None:
        try:
            toast = await self.services.filer.apply(action, targets, argument, view=self.view())
        except MisfinError as error:
            self.misfin.report(error)
            return
        self._say_undoable(toast, "filing")
        await self.filed(gone)

    def _say_undoable(self, toast: str, about: str) -> None:
        keys = self.misfin.keys.of("undo")
        self.misfin.say(f"{toast}  {readable(keys[0])} undo" if keys else toast, about=about)

    @work(group="file", description="undo")
    async def action_undo(self) -> None:
        """Take back what was sent just now, or undo the last filing or blocking, whichever is newest."""
        filer, sending, contacts = self.services.filer, self.services.sending, self.services.contacts
        try:
            sent = sending.undoable()
            if contacts.last_block > max(filer.last_filed, _sent_at(sent, self.misfin.config)):
                address = await contacts.undo_block()
                self.misfin.withdraw("blocking")
                self.misfin.say(f"{address} is no longer blocked.")
                return
            if sent and _sent_at(sent, self.misfin.config) >= filer.last_filed:
                draft = await sending.undo_send(sent.ids)
                self.misfin.withdraw("sending")
                if draft is None:
                    self.misfin.say("It is too late: the message is leaving.", severity="warning")
                else:
                    self.misfin.say("Not sent. It is a draft again.", about="taken back")
                    self.misfin.open_composer(draft)
                return
            toast = await filer.undo()
        except MisfinError as error:
            self.misfin.report(error)
            return
        self.misfin.withdraw("filing")
        self.misfin.say(toast or "There is nothing to undo.")
        await self.filed(False)

    @work(group="file", description="block a sender")
    async def action_block(self) -> None:
        """Block the sender: later mail from there is refused."""
        try:
            row = await self.chosen_message()
            if row is None or not row.sender_address:
                return
            await self.services.contacts.block(row.sender_address)
        except MisfinError as error:
            self.misfin.report(error)
            return
        self._say_undoable(
            f"{row.sender_address} is blocked: mail from there is refused from now on.", "blocking"
        )


def _sent_at(sent: Submission | None, config: Config) -> float:
    """When a message was given to the outbox, 0 for none that can be taken back."""
    return sent.until - config.send.undo_send_seconds if sent else 0.0
