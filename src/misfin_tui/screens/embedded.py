"""A message that is attached to another one, to be read here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from misfin_tui.dialogs.base import ClosesOnce
from misfin_tui.screentext import plain
from misfin_tui.widgets.message_rows import message_layout
from misfin_tui.widgets.message_view import MessageView

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import MessageRow

PARTS = "parts"
"""The answer that asks for its parts."""


class EmbeddedMessage(ClosesOnce[str]):
    """Head and text, to scroll. A link in it answers with its target, ``v`` with :data:`PARTS`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape", "close", show=False),
        Binding("v,V", "parts", show=False),
        Binding("j,down", "scroll_by(1)", show=False),
        Binding("k,up", "scroll_by(-1)", show=False),
        Binding("pagedown,space", "scroll_page(1)", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
        Binding("g,home", "scroll_by(-1000000)", show=False),
        Binding("G,end", "scroll_by(1000000)", show=False),
        Binding("left,h", "slide(-1)", show=False),
        Binding("right,l", "slide(1)", show=False),
    ]
    DEFAULT_CSS = """
    EmbeddedMessage {
        align: center middle;
        #box {
            width: 104; max-width: 100%; height: 94%; background: $surface;
            border: round $border; border-title-color: $primary; border-title-style: bold;
        }
        #message { height: 1fr; padding: 0 1; background: $surface; }
        #hint { height: 1; padding: 0 1; color: $text-muted; }
        &:ansi { background: ansi_default; }
    }
    """

    def __init__(self, row: MessageRow, message: ParsedMessage) -> None:
        """``row`` is made up from what the message says of itself."""
        super().__init__()
        self._row = row
        self._read = message

    def compose(self) -> ComposeResult:
        """The message, and the keys below."""
        with Vertical(id="box") as box:
            subject = plain(self._read.subject, one_line=True) or "(no subject)"
            box.border_title = Content(f"Attached message: {subject}")
            yield MessageView(id="message")
            yield Static("q Close  v Parts", id="hint", markup=False)

    def on_mount(self) -> None:
        """Show it."""
        view = self.query_one(MessageView)
        view.show_layout(lambda width: message_layout(self._row, self._read, width))
        view.focus()

    def on_click(self) -> None:
        """Clicks on links and attachments are answered below; others do nothing."""

    @on(MessageView.LinkChosen)
    def _link(self, event: MessageView.LinkChosen) -> None:
        event.stop()
        self.dismiss(event.target)

    @on(MessageView.AttachmentChosen)
    def _attachment(self, event: MessageView.AttachmentChosen) -> None:
        event.stop()
        self.dismiss(PARTS)

    def action_close(self) -> None:
        """Back."""
        self.dismiss(None)

    def action_parts(self) -> None:
        """Its parts."""
        self.dismiss(PARTS)

    def action_scroll_by(self, lines: int) -> None:
        """By lines."""
        self.query_one(MessageView).move(lines)

    def action_scroll_page(self, pages: int) -> None:
        """By pages."""
        self.query_one(MessageView).move_page(pages)

    def action_slide(self, halves: int) -> None:
        """To a side."""
        self.query_one(MessageView).slide(halves)
