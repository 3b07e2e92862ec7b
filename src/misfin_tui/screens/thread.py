"""The conversation: every message of it, who sent each and how that is known, and what can be done."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from textual import on, work
from textual.containers import Horizontal
from textual.content import Content

from misfin.errors import MessageGoneError, MisfinError
from misfin.model.folders import DRAFTS
from misfin.store.rows import View
from misfin_tui.keymap import KeyContext
from misfin_tui.screens.applying import idle_for
from misfin_tui.screens.base import CursorKeys
from misfin_tui.screens.going import NextUnread, ReadingList
from misfin_tui.screens.message_actions import MessageActions
from misfin_tui.screens.message_screen import MessageScreen
from misfin_tui.screens.more_actions import MoreActions
from misfin_tui.screens.neighbours import NeighbourActions
from misfin_tui.screens.prompts import Prompts
from misfin_tui.screens.protection import ThreadProtection
from misfin_tui.screens.thread_parts import (
    ThreadExports,
    ThreadLinks,
    ThreadReading,
    ThreadSelection,
    is_held,
)
from misfin_tui.screens.versions import MessageVersions
from misfin_tui.screentext import plain
from misfin_tui.widgets.bindings import bindings
from misfin_tui.widgets.controller import adopt
from misfin_tui.widgets.facts import day
from misfin_tui.widgets.list_beside import ListBeside
from misfin_tui.widgets.message_list import MessageList
from misfin_tui.widgets.statusbar import KeyBar, StatusBar
from misfin_tui.widgets.thread_document import Part
from misfin_tui.widgets.thread_view import ThreadView

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import ConversationRow
    from misfin_tui.messages import MailChanged

WIDTHS = [(0, "-alone"), (160, "-beside")]
"""From so many cells the list is shown beside the conversation."""
SNIPPETS = 200
"""Folded messages of a conversation whose first words are read to be shown; the newest ones."""


class ThreadScreen(MessageScreen):
    """One conversation, opened from a list that knows its neighbours."""

    BINDINGS = bindings(KeyContext.THREAD, KeyContext.LIST)
    AUTO_FOCUS = "#thread"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    DEFAULT_CSS = """
    ThreadScreen {
        layout: vertical;
        #panes { height: 1fr; }
        #beside {
            display: none; width: 2fr; height: 1fr;
            border: round $border-blurred; border-title-color: $mail-muted;
        }
        #thread { width: 3fr; height: 1fr; border: round $border-blurred; border-title-color: $primary; }
        #thread:focus { border: round $border; }
        &.-beside #beside { display: block; }
    }
    """

    def __init__(
        self,
        conversation: ConversationRow,
        listed: ReadingList,
        message: str = "",
        view: View | None = None,
    ) -> None:
        super().__init__()
        self._conversation = conversation
        self._message = message
        self._view = view or listed.view
        self._find_from = 0
        self.status = StatusBar(id="status")
        self.thread = ThreadView(id="thread")
        self.beside = ListBeside(listed.source, listed.view, id="beside") if view is None else None
        self.neighbours = NeighbourActions(self, listed, self.beside, self._open)
        self.prompts = Prompts(self)
        self.selection = ThreadSelection(self, self.thread, self._view, lambda: self._conversation.thread)
        self.protection = ThreadProtection(self, self.thread)
        adopt(
            self,
            self.protection,
            MessageActions(self, self.selection, self.prompts),
            MoreActions(self, self.selection, self.prompts),
            ThreadLinks(self, self.thread, self.prompts, self.follow_link),
            ThreadReading(self, self.thread, self.prompts, lambda: self._conversation.thread),
            ThreadExports(self, self.thread, self.prompts),
            MessageVersions(self, self.thread),
            self.neighbours,
            NextUnread(self, listed, self._open),
            CursorKeys(lambda: self.thread, self._to_end),
        )

    def compose(self) -> ComposeResult:
        """One document between the two lines, beside its list where there is room."""
        yield self.status
        with Horizontal(id="panes"):
            if self.beside is not None:
                yield self.beside
            yield self.thread
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        """Read the conversation."""
        self.thread.decide_key = self.misfin.keys.shown("release")
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
        self.neighbours.opened(conversation.thread)
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
        for part in self.thread.document.parts[: -SNIPPETS - 1 : -1]:
            if part.message is None and not part.open:
                try:
                    message = await self.services.mail.read(part.row)
                except MisfinError:
                    continue  # opening it says why
                await self._show(part, message)

    def on_mail_changed(self, message: MailChanged) -> None:
        """Messages came, went or changed flags."""
        self._update()
        self.neighbours.mail_changed()

    @work(group="update", exclusive=True, description="read a conversation again")
    async def _update(self) -> None:
        conversation = self._conversation
        try:
            rows = await self.services.mail.thread(conversation.thread, self._view)
        except MisfinError as error:
            self.misfin.report(error)
            return
        if rows and conversation is self._conversation:  # another may have been opened meanwhile
            self.thread.update_thread(rows)
            self._titles()

    def _titles(self) -> None:
        parts = self.thread.document.parts
        subject = plain(self._conversation.subject, one_line=True) or "(no subject)"
        self.thread.border_title = Content(subject)
        number = f"message {self.thread.document.at + 1} of {len(parts)}" if len(parts) > 1 else ""
        folder = self.thread.document.current.row.folder if self.thread.document.current else ""
        news = [(text, "muted") for text in (folder, number) if text]
        self.refresh_bindings()
        self.status.show(self._conversation.participants, news)

    @on(ThreadView.Focused)
    def _focused(self) -> None:
        self._titles()

    @on(ThreadView.MessageWanted)
    def _wanted(self, event: ThreadView.MessageWanted) -> None:
        event.stop()
        if event.part.message is None:
            self._read(event.part)
        else:
            self.protection.check(event.part)

    @work(group="messages", description="read a message")
    async def _read(self, part: Part) -> None:
        try:
            message = await self.services.mail.read(part.row, prefer=part.prefer)
        except MessageGoneError:
            self.thread.message_read(part, None, "This message is no longer there.")
        except MisfinError as error:
            self.thread.message_read(part, None, f"{error} {error.remedy}".strip())
        else:
            await self._show(part, message)
            self.refresh_bindings()

    async def _show(self, part: Part, message: ParsedMessage) -> None:
        """A message was read; what is to know about its sender comes with it."""
        from misfin_tui.services.senders import senders_of  # late: not for the first frame

        part.doubts = await senders_of(self.services).doubts(part.row, message)
        self.thread.message_read(part, message)

    @property
    def idle_actions(self) -> Collection[str]:
        """Actions that do not apply to the message in focus."""
        part = self.thread.document.current
        idle = set() if self.thread.links else {"open_link", "copy_link"}
        if part is None or not is_held(part):
            idle.add("decide")
        if part is None or part.row.folder != DRAFTS:
            idle.add("edit_draft")
        if part is None or part.message is None:
            return idle | {"attachments"}
        return idle | idle_for(part.message, self.selection.conversation_size())

    # ---- moving about

    def _to_end(self, top: bool) -> None:
        """To the first message, or the end of the last."""
        if top:
            self.thread.focus_part(0)
        else:
            self.thread.move(1 << 30)

    def action_next_message(self) -> None:
        """The next message."""
        self.thread.focus_part(self.thread.document.at + 1)

    def action_previous_message(self) -> None:
        """The message before."""
        self.thread.focus_part(self.thread.document.at - 1)

    @on(MessageList.Failed)
    def _list_failed(self, event: MessageList.Failed) -> None:
        event.stop()
        self.misfin.report(event.error)

    @on(MessageList.Opened)
    def _chosen(self, event: MessageList.Opened) -> None:
        event.stop()
        if event.row is not None:
            self.neighbours.choose(event.row, event.message_list.cursor)

    def on_unmount(self) -> None:
        """Nothing decrypted outlives the screen."""
        self.protection.forget()

    def action_back(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_leave_search(self) -> None:
        """Remove the marks of a search; without any, back to the list."""
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
        part = self.thread.document.current
        if part is not None and part.details:
            self._find_servers(part)
            self._find_author(part)

    @work(group="servers", exclusive=True, description="look up the host of a sender")
    async def _find_servers(self, part: Part) -> None:
        """A message does not say which port its sender is reached at; what was pinned does."""
        host = part.row.sender_address.rpartition("@")[2]
        try:
            pins = await self.services.trust.servers(host) if host else []
        except MisfinError:
            return  # the other details remain
        part.servers = ", ".join(f"{pin.name}, pinned {day(pin.first_seen)}" for pin in pins)
        self.thread.part_changed(part)

    @work(group="author", exclusive=True, description="check who wrote an e-mail")
    async def _find_author(self, part: Part) -> None:
        """DNS may take its time, and the details are there meanwhile."""
        part.author = await self.services.mail.authorship.explained(part.row)
        self.thread.part_changed(part)

    # ---- finding

    @work(group="find", exclusive=True, description="find in the conversation")
    async def action_search(self) -> None:
        """Find text in the open messages; enter goes to the next place, an empty text ends it."""
        answer = await self.prompts.ask("Find", help="in the open messages of this conversation")
        if answer is None:
            self.thread.find("")
            return
        found = self.thread.find(answer, start=self._find_from)
        if found is None and answer:
            self.misfin.say("Not found in the open messages.", severity="warning")
        self._find_from = 0 if found is None else found + 1
