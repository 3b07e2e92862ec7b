"""The conversation: every message of it, who sent each and how that is known, and all one can do with one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content

from misfin.errors import MessageGoneError, MisfinError
from misfin.model.folders import DRAFTS, HELD
from misfin.store.index.rows import Completion, View
from misfin_tui.keymap import KeyContext
from misfin_tui.messages import MailChanged
from misfin_tui.screens.message_actions import MessageScreen
from misfin_tui.screentext import plain
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.facts import day
from misfin_tui.widgets.statusbar import KeyBar, StatusBar
from misfin_tui.widgets.thread_view import Part, ThreadView

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from misfin.store.index.rows import ConversationRow, MessageRow
    from misfin.store.message.mime import ParsedMessage
    from misfin_tui.screens.inbox import InboxScreen
    from misfin_tui.widgets.message_view import MessageView
    from misfin_tui.widgets.searchbox import Prompt

SNIPPETS = 200
"""Folded messages of a conversation whose first words are read to be shown; the newest ones."""


class ThreadScreen(MessageScreen):
    """One conversation, opened from a list that knows its neighbours."""

    BINDINGS = bindings(KeyContext.THREAD, KeyContext.LIST)
    AUTO_FOCUS = "#thread"
    DEFAULT_CSS = """
    ThreadScreen {
        layout: vertical;
        #thread { height: 1fr; border: round $border-blurred; border-title-color: $primary; }
        #thread:focus { border: round $border; }
    }
    """

    def __init__(
        self, conversation: ConversationRow, inbox: InboxScreen, message: str = "", view: View | None = None
    ) -> None:
        super().__init__()
        self._conversation = conversation
        self._inbox = inbox
        self._message = message
        self._view = view or inbox.messages.view
        self._find_from = 0
        self.status = StatusBar(id="status")
        self.thread = ThreadView(id="thread")

    def compose(self) -> ComposeResult:
        """One document between the two lines."""
        yield self.status
        yield self.thread
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Read the conversation."""
        self._open(self._conversation, self._message)

    # ---- reading

    @work(group="thread", exclusive=True, description="read a conversation")
    async def _open(self, conversation: ConversationRow, message: str = "") -> None:
        self._conversation = conversation
        try:
            rows = await self.services.mail.thread(conversation.thread, self._view)
        except MisfinError as error:
            self.misfin.report(error)
            return
        if not rows:
            self.misfin.say("This conversation is no longer there.", severity="warning")
            self.dismiss()
            return
        self.thread.show_thread(rows, message)
        self._titles()
        self._read_ahead()
        unread = [row.id for row in rows if row.unread]
        if unread:
            try:
                await self.services.filer.apply("read", unread, undoable=False)
            except MisfinError as error:
                self.misfin.report(error)

    @work(group="snippets", exclusive=True, description="read folded messages")
    async def _read_ahead(self) -> None:
        """Read folded messages for their first words, the newest first; one that cannot keeps its subject."""
        for part in self.thread.parts[: -SNIPPETS - 1 : -1]:
            if part.message is None and not part.open:
                try:
                    message = await self.services.mail.read(part.row)
                except MisfinError:
                    continue  # opening it says why
                self.thread.message_read(part, message)

    def on_mail_changed(self, message: MailChanged) -> None:
        """Messages came, went or changed flags."""
        self._update()

    @work(group="update", exclusive=True, description="read a conversation again")
    async def _update(self) -> None:
        try:
            rows = await self.services.mail.thread(self._conversation.thread, self._view)
        except MisfinError as error:
            self.misfin.report(error)
            return
        if rows:
            self.thread.update_thread(rows)
            self._titles()

    def _titles(self) -> None:
        parts = self.thread.parts
        subject = plain(self._conversation.subject, one_line=True) or "(no subject)"
        self.thread.border_title = Content(subject)
        number = f"{self.thread.at + 1} of {len(parts)}" if len(parts) > 1 else ""
        folder = self.thread.current.row.folder if self.thread.current else ""
        news = [(text, "muted") for text in (folder, number) if text]
        self.refresh_bindings()
        self.status.tell(self._conversation.participants, news)

    @on(ThreadView.Focused)
    def _focused(self) -> None:
        self._titles()

    @on(ThreadView.MessageWanted)
    def _wanted(self, event: ThreadView.MessageWanted) -> None:
        event.stop()
        self._read(event.part)

    @work(group="messages", description="read a message")
    async def _read(self, part: Part) -> None:
        try:
            message = await self.services.mail.read(part.row)
        except MessageGoneError:
            self.thread.message_read(part, None, "This message is no longer there.")
        except MisfinError as error:
            self.thread.message_read(part, None, f"{error} {error.remedy}".strip())
        else:
            self.thread.message_read(part, message)
            self.refresh_bindings()

    @property
    def idle_actions(self) -> Collection[str]:
        """What the message in focus gives no occasion for."""
        part = self.thread.current
        idle = set() if self.thread.links else {"open_link", "copy_link"}
        if part is None or part.message is None or not part.message.attachments:
            idle.add("attachments")
        if part is None or not _held(part):
            idle.add("release")
        if part is None or part.row.folder != DRAFTS:
            idle.add("edit_draft")
        return idle

    # ---- moving about

    def action_cursor_up(self) -> None:
        """One line up."""
        self.thread.move(-1)

    def action_cursor_down(self) -> None:
        """One line down."""
        self.thread.move(1)

    def action_page_up(self) -> None:
        """One page up."""
        self.thread.move_page(-1)

    def action_page_down(self) -> None:
        """One page down."""
        self.thread.move_page(1)

    def action_cursor_top(self) -> None:
        """To the first message."""
        self.thread.focus_part(0)

    def action_cursor_bottom(self) -> None:
        """To the end."""
        self.thread.move(1 << 30)

    def action_next_message(self) -> None:
        """The next message."""
        self.thread.focus_part(self.thread.at + 1)

    def action_previous_message(self) -> None:
        """The message before."""
        self.thread.focus_part(self.thread.at - 1)

    def action_next_conversation(self) -> None:
        """The next conversation of the list."""
        self._neighbour(1)

    def action_previous_conversation(self) -> None:
        """The conversation before in the list."""
        self._neighbour(-1)

    @work(group="neighbour", exclusive=True, description="go to another conversation")
    async def _neighbour(self, step: int) -> None:
        try:
            row = await self._inbox.neighbour(step)
        except MisfinError as error:
            self.misfin.report(error)
            return
        if row is None:
            self.misfin.say("This is the last one." if step > 0 else "This is the first one.", timeout=2)
        else:
            self._open(row)

    def action_back(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_leave_search(self) -> None:
        """Take the marks of a search away; without any, back to the list."""
        if self.thread.found:
            self.thread.find("")
        else:
            self.dismiss()

    # ---- folding and details

    def action_fold(self) -> None:
        """Fold or unfold the message in focus."""
        self.thread.toggle_open()

    def action_fold_all(self) -> None:
        """Fold or unfold all."""
        self.thread.toggle_all()

    def action_details(self) -> None:
        """Certificate, verification, protocol and the raw text."""
        self.thread.toggle_details()
        part = self.thread.current
        if part is not None and part.details:
            self._find_servers(part)

    @work(group="servers", exclusive=True, description="look up the host of a sender")
    async def _find_servers(self, part: Part) -> None:
        """A message does not say which port its sender is reached at; what was pinned does."""
        host = part.row.sender_address.rpartition("@")[2]
        try:
            pins = await self.services.trust.servers(host) if host else []
        except MisfinError:
            return  # the rest of the details stands
        self.thread.tell_servers(part, ", ".join(f"{pin.name}, pinned {day(pin.first_seen)}" for pin in pins))

    # ---- links

    async def _which_link(self, question: str) -> str | None:
        """The target of the link a person names by its number."""
        links, numbers = self.thread.links, self.thread.links_of_focus()
        if not links:
            folded = not all(part.open for part in self.thread.parts)
            where = "the messages that are open" if folded else "this conversation"
            self.misfin.say(f"There is no link in {where}.", severity="warning")
            return None
        if len(links) == 1:
            return links[0]
        only = str(numbers[0]) if len(numbers) == 1 else ""
        answer = await self.ask(question, only, help=f"a number from 1 to {len(links)}")
        if answer is None:
            return None
        if not answer.strip().isdecimal() or not 1 <= int(answer) <= len(links):
            self.misfin.say(f"There is no link number {answer.strip()}.", severity="warning")
            return None
        return links[int(answer) - 1]

    def prompt_changed(self, prompt: Prompt, text: str) -> None:
        """Show the target of the link whose number is being typed."""
        links = self.thread.links
        if text.strip().isdecimal() and 1 <= int(text) <= len(links):
            prompt.offer([Completion(text, 0, len(text), links[int(text) - 1])], text)
        else:
            super().prompt_changed(prompt, text)

    @work(group="link", exclusive=True, description="open a link")
    async def action_open_link(self) -> None:
        """Open a link by its number, after its true target was shown."""
        target = await self._which_link("Open link")
        if target is not None:
            self.follow_link(target)

    @work(group="link", exclusive=True, description="copy a link")
    async def action_copy_link(self) -> None:
        """Copy the target of a link to the clipboard of the terminal."""
        target = await self._which_link("Copy link")
        if target is not None:
            self.copy_link(target)

    # ---- out of the program

    @work(group="pipe", exclusive=True, description="pipe a message")
    async def action_pipe(self) -> None:
        """Give the message in focus to a command and show what it prints."""
        from misfin_tui.screens import saving

        if self.thread.current is not None:
            await saving.pipe(self, self.thread.current)

    @work(group="save", exclusive=True, description="save a message")
    async def action_save_message(self) -> None:
        """Save the message in focus."""
        from misfin_tui.screens import saving

        if self.thread.current is not None:
            await saving.save_message(self, self.thread.current)

    # ---- attachments

    @work(group="attachments", exclusive=True, description="save or open attachments")
    async def action_attachments(self) -> None:
        """Save or open what is attached to the message in focus."""
        part = self.thread.current
        if part is not None:
            await self._offer(part)

    def attachment_chosen(self, event: MessageView.AttachmentChosen) -> None:
        """The name of one was clicked."""
        part = self.thread.part_at(event.row)
        if part is not None and part.message is not None:
            self.offer_attachments(part.row, part.message, event.number - 1)

    async def _offer(self, part: Part) -> None:
        from misfin_tui.screens import attachments

        try:
            message = part.message or await self.services.mail.read(part.row)
        except MisfinError as error:
            self.misfin.report(error)
        else:
            await attachments.offer(self, part.row, message)

    def messages_shown(self) -> Sequence[tuple[MessageRow, ParsedMessage]]:
        """The message in focus first: a link in it may name a part of it."""
        parts = [self.thread.current, *self.thread.parts]
        return [(part.row, part.message) for part in parts if part is not None and part.message is not None]

    async def open_message(self, found: ConversationRow) -> None:
        """A message of this conversation is shown here, any other in a screen of its own."""
        if not self.thread.open_message(found.id):
            await super().open_message(found)

    # ---- for the actions on messages

    async def chosen_message(self) -> MessageRow | None:
        """The message in focus."""
        return self.thread.current.row if self.thread.current else None

    def targets(self) -> Sequence[int]:
        """The conversation."""
        return (self._conversation.thread,)

    def view(self) -> View:
        """The list it was opened from."""
        return self._view

    def quoted(self) -> str | None:
        """The lines selected with the mouse."""
        return self.thread.selected_lines()

    async def filed(self, gone: bool) -> None:
        """A conversation that left its folder is closed."""
        if gone:
            self.dismiss()

    @work(group="release", exclusive=True, description="decide about held mail")
    async def action_release(self) -> None:
        """Decide about the certificate of a sender whose message is held."""
        from misfin_tui.screens import held

        part = self.thread.current
        if part is None or not _held(part):
            self.misfin.say("This message is not held.", severity="warning")
            return
        await held.decide(self, part.row)

    # ---- finding

    @work(group="find", exclusive=True, description="find in the conversation")
    async def action_search(self) -> None:
        """Find text in the open messages; enter goes to the next place, an empty text ends it."""
        answer = await self.ask("Find", help="in the open messages of this conversation")
        if answer is None:
            self.thread.find("")
            return
        found = self.thread.find(answer, start=self._find_from)
        if found is None and answer:
            self.misfin.say("Not found in the open messages.", severity="warning")
        self._find_from = 0 if found is None else found + 1


def _held(part: Part) -> bool:
    return part.row.folder == HELD
