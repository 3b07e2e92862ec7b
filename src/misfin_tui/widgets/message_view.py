"""A gemtext view that also shows a message's head; the preview and the conversation build on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.message import Message

from misfin_tui.widgets.gemtext_rows import ROLES as GEMTEXT_ROLES
from misfin_tui.widgets.gemtext_view import GemtextView
from misfin_tui.widgets.message_rows import ROLES

if TYPE_CHECKING:
    from textual import events


class MessageView(GemtextView):
    """Shows rows of :mod:`misfin_tui.widgets.message_rows`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"message--{role}" for role in ROLES}
    DEFAULT_CSS = """
    MessageView {
        .message--sender { text-style: bold; }
        .message--label { color: $mail-muted; }
        .message--muted { color: $mail-muted; }
        .message--warning { color: $warning; text-style: bold; }
        .message--rule { color: $border-blurred; }
        .message--bar { color: $primary; text-style: bold; }
        .message--fold { color: $mail-muted; }
        .message--attachment { color: $gemtext-link; text-style: underline; }
        .message--tag { color: $mail-tag; text-style: italic; }
        .message--verified { color: $evidence-verified; }
        .message--differs { color: $evidence-differs; text-style: bold; }
        .message--unconfirmed { color: $evidence-unconfirmed; }
        .message--unproven { color: $evidence-unproven; }
    }
    """

    decide_key: str = ""
    """The key that decides about a held message, as people read it; its messages are drawn with it."""

    @dataclass
    class AttachmentChosen(Message):
        """The name of an attachment was clicked: attachment ``number`` of its message, from 1."""

        view: MessageView
        row: int
        """The row of the document its name is on."""
        number: int

    def slide(self, halves: int) -> None:
        """Scroll sideways by halves of the window: preformatted lines are not wrapped."""
        x = self.scroll_offset.x + halves * max(self.size.width // 2, 1)
        self.scroll_to(x=x, animate=False, immediate=True)

    def on_click(self, event: events.Click) -> None:
        """A click on an attachment chooses it, one on a link is the base class's."""
        place = event.get_content_offset(self)
        rows = self.layout_rows.rows
        if event.button != 1 or place is None:
            return
        if (y := self.scroll_offset.y + place.y) < len(rows) and rows[y].attachment:
            self.post_message(self.AttachmentChosen(self, y, rows[y].attachment))

    def role_style(self, role: str) -> Style:
        """Roles of the head have classes of their own."""
        if role in GEMTEXT_ROLES:
            return super().role_style(role)
        return self.get_component_rich_style(f"message--{role}")
