"""The newest message of the conversation under the cursor, as far as it fits below or beside the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import wrap
from misfin_tui.widgets.gemtext_rows import Layout, Row
from misfin_tui.widgets.message_rows import message_layout
from misfin_tui.widgets.message_view import MessageView

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import ConversationRow, MessageRow


class Preview(MessageView):
    """One message, or nothing."""

    message: MessageRow | None = None
    """The message shown."""
    read: ParsedMessage | None = None
    """The same, parsed."""

    def show_message(self, row: MessageRow, message: ParsedMessage) -> None:
        """Show a message from its top; the same message again keeps its place."""
        same = self.message is not None and self.message.id == row.id
        self.message, self.read = row, message
        subject = plain(message.subject or row.subject, one_line=True) or "(no subject)"
        first = plain(message.text.lstrip()[: 2 * len(subject) + 8].partition("\n")[0], one_line=True)
        repeated = first.startswith("#") and first.lstrip("#").strip() == subject  # as Misfin has subjects
        self.border_title = Content("Preview" if repeated else subject)
        self.show_layout(lambda width: message_layout(row, message, width, decide=self.decide_key), keep=same)

    def show_problem(self, row: ConversationRow, text: str) -> None:
        """Say why the message of a conversation is not shown."""
        self.message = self.read = None
        self.border_title = Content(plain(row.subject, one_line=True) or "(no subject)")
        words = plain(text, one_line=True)
        self.show_layout(
            lambda width: Layout([Row(((line, "warning"),)) for line in wrap(words, width)]), keep=False
        )

    def clear(self) -> None:
        """Show nothing."""
        self.message = self.read = None
        self.border_title = None
        self.show_layout(lambda _width: Layout())
