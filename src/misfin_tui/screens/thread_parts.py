"""The parts of a conversation's screen: what is selected in it, its links, the ways out of the program."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin.model.folders import holds_mail
from misfin.store.rows import Completion, View
from misfin_tui.screens.base import AppScreen, ScreenController
from misfin_tui.screens.prompts import Prompts
from misfin_tui.screens.selection import Selection
from misfin_tui.screentext import plain
from misfin_tui.widgets.controller import worker
from misfin_tui.widgets.thread_document import Part
from misfin_tui.widgets.thread_view import ThreadView

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import ConversationRow, MessageRow
    from misfin_tui.widgets.searchbox import Prompt


def is_held(part: Part) -> bool:
    """Whether the message waits for a decision about its sender."""
    return holds_mail(part.row.account, part.row.folder)


class ThreadSelection(Selection):
    """The conversation, and the message in focus."""

    def __init__(self, screen: AppScreen, thread: ThreadView, view: View, targets: Callable[[], int]) -> None:
        """``view`` is the list it was opened from, ``targets`` the conversation on the screen."""
        super().__init__(screen)
        self.thread = thread
        self._view = view
        self._conversation = targets

    async def chosen_message(self) -> MessageRow | None:
        """The message in focus."""
        return self.thread.document.current.row if self.thread.document.current else None

    async def held_message(self) -> MessageRow | None:
        """The message in focus."""
        part = self.thread.document.current
        return part.row if part is not None and is_held(part) else None

    def targets(self) -> Sequence[int]:
        """The conversation."""
        return (self._conversation(),)

    def conversation_size(self) -> int:
        """How many messages are on the screen."""
        return len(self.thread.document.parts)

    def view(self) -> View:
        """The list it was opened from."""
        return self._view

    def quoted(self) -> str | None:
        """The lines selected with the mouse."""
        return self.thread.selected_lines()

    def messages_shown(self) -> Sequence[tuple[MessageRow, ParsedMessage]]:
        """The message in focus first: a link in it may name a part of it."""
        parts = [self.thread.document.current, *self.thread.document.parts]
        return [(part.row, part.message) for part in parts if part is not None and part.message is not None]

    def message_at(self, row: int) -> tuple[MessageRow, ParsedMessage] | None:
        """The message that a row of the document belongs to, once it was read."""
        part = self.thread.document.part_at(row)
        return None if part is None or part.message is None else (part.row, part.message)

    async def open_message(self, found: ConversationRow) -> None:
        """A message of this conversation is shown here, any other in a screen of its own."""
        if not self.thread.open_message(found.id):
            await super().open_message(found)

    async def filed(self, gone: bool) -> None:
        """A conversation that left its folder is closed."""
        if gone:
            self.screen.dismiss()


class ThreadLinks(ScreenController):
    """Links by their numbers."""

    def __init__(
        self, screen: AppScreen, thread: ThreadView, prompts: Prompts, follow: Callable[[str], object]
    ) -> None:
        """``follow`` goes where a link leads."""
        super().__init__(screen)
        self.thread = thread
        self.prompts = prompts
        self._follow = follow

    async def _which(self, question: str) -> str | None:
        """The target of the link the user chooses by its number."""
        links, numbers = self.thread.links, self.thread.document.links_of_focus()
        if not links:
            folded = not all(part.open for part in self.thread.document.parts)
            where = "the messages that are open" if folded else "this conversation"
            self.misfin.say(f"There is no link in {where}.", severity="warning")
            return None
        if len(links) == 1:
            return links[0]
        only = str(numbers[0]) if len(numbers) == 1 else ""
        answer = await self.prompts.ask(
            question, only, help=f"a number from 1 to {len(links)}", changed=self._show_target
        )
        if answer is None:
            return None
        if not answer.strip().isdecimal() or not 1 <= int(answer) <= len(links):
            self.misfin.say(f"There is no link number {answer.strip()}.", severity="warning")
            return None
        return links[int(answer) - 1]

    def _show_target(self, prompt: Prompt, text: str) -> None:
        """Show the target of the link whose number is being typed."""
        links = self.thread.links
        if text.strip().isdecimal() and 1 <= int(text) <= len(links):
            prompt.offer([Completion(text, 0, len(text), links[int(text) - 1])], text)
        else:
            prompt.offer([], text)

    @worker(group="link", exclusive=True, description="open a link")
    async def action_open_link(self) -> None:
        """Open a link by its number, after its true target was shown."""
        target = await self._which("Open link")
        if target is not None:
            self._follow(target)

    @worker(group="link", exclusive=True, description="copy a link")
    async def action_copy_link(self) -> None:
        """Copy the target of a link to the clipboard of the terminal."""
        from misfin_tui.screens import links

        target = await self._which("Copy link")
        if target is not None:
            links.copy(self.screen, target)


CHARSETS = (
    "utf-8",
    "windows-1252",
    "iso-8859-15",
    "iso-8859-2",
    "windows-1251",
    "koi8-r",
    "gb18030",
    "big5",
    "shift_jis",
    "iso-2022-jp",
    "euc-kr",
    "windows-1253",
    "windows-1255",
    "windows-1256",
)
"""Character sets to choose from; any other that Python knows can be typed."""


class ThreadReading(ScreenController):
    """Other ways to read what is shown: as a tree of replies, in another character set."""

    def __init__(
        self, screen: AppScreen, thread: ThreadView, prompts: Prompts, conversation: Callable[[], int]
    ) -> None:
        super().__init__(screen)
        self.thread = thread
        self.prompts = prompts
        self._conversation = conversation

    @worker(group="replies", exclusive=True, description="show the tree of replies")
    async def action_replies(self) -> None:
        """Choose a message from the tree of replies."""
        from misfin_tui.dialogs.prompt import ChooseDialog
        from misfin_tui.widgets.facts import many
        from misfin_tui.wording.message import minute

        try:
            found = await self.services.mail.replies(self._conversation())
        except MisfinError as error:
            self.misfin.report(error)
            return
        here = {part.row.id for part in self.thread.document.parts}
        offers = [
            (row.id, "  " * min(depth, DEEPEST) + (row.sender or row.sender_address or "?"), minute(row.date))
            for row, depth in found
            if row.id in here
        ]
        current = self.thread.document.current
        chosen = current.row.id if current else ""
        dialog = ChooseDialog(many(len(offers), "message"), offers, chosen=chosen)
        if (answer := await self.screen.app.push_screen_wait(dialog)) is not None:
            self.thread.open_message(answer)

    @worker(group="split", exclusive=True, description="split a conversation")
    async def action_split(self) -> None:
        """Begin a conversation of its own with the message in focus and its replies."""
        from misfin_tui.services.regrouping import regrouper_of

        part = self.thread.document.current
        if part is None:
            return
        try:
            await regrouper_of(self.services).split(part.row)
        except MisfinError as error:
            self.misfin.report(error)
            return
        self.misfin.say(f"The conversation was split.  {self.misfin.keys.shown('undo')} undo", about="filing")
        self.screen.dismiss()

    @worker(group="charset", exclusive=True, description="read a message in another character set")
    async def action_charset(self) -> None:
        """Read the message in focus as another character set, until the conversation is left."""
        part = self.thread.document.current
        if part is None:
            return
        hint = "a character set; empty: the one the message names"
        answer = await self.prompts.ask("Read the text as", help=hint, offers=CHARSETS)
        if answer is None:
            return
        name = answer.strip()
        try:
            if name:
                codecs.lookup(name)
            self.thread.message_read(part, await self.services.mail.read(part.row, name))
        except LookupError:
            self.misfin.say(f"There is no character set {plain(name, one_line=True)}.", severity="warning")
        except MisfinError as error:
            self.misfin.report(error)


DEEPEST = 12
"""Levels of replies that are indented."""


class ThreadExports(ScreenController):
    """The message in focus, or what is attached to it, out of the program."""

    def __init__(self, screen: AppScreen, thread: ThreadView, prompts: Prompts) -> None:
        super().__init__(screen)
        self.thread = thread
        self.prompts = prompts

    @worker(group="pipe", exclusive=True, description="pipe a message")
    async def action_pipe(self) -> None:
        """Give the message in focus to a command and show what it prints."""
        from misfin_tui.screens import saving

        if self.thread.document.current is not None:
            await saving.pipe(self.prompts, self.thread.document.current)

    @worker(group="save", exclusive=True, description="save a message")
    async def action_save_message(self) -> None:
        """Save the message in focus."""
        from misfin_tui.screens import saving

        if self.thread.document.current is not None:
            await saving.save_message(self.prompts, self.thread.document.current)

    @worker(group="attachments", exclusive=True, description="save or open attachments")
    async def action_attachments(self) -> None:
        """Save or open what is attached to the message in focus."""
        from misfin_tui.screens import attachments

        part = self.thread.document.current
        if part is None:
            return
        try:
            message = part.message or await self.services.mail.read(part.row)
        except MisfinError as error:
            self.misfin.report(error)
        else:
            await attachments.offer(self.prompts, part.row, message)
