"""A gemtext view that also knows a letter's head; the preview and the conversation build on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.message import Message

from misfin_tui.widgets.gemtext_rows import ROLES as GEMTEXT_ROLES
from misfin_tui.widgets.gemtext_view import GemtextView
from misfin_tui.widgets.letter_rows import ROLES

if TYPE_CHECKING:
    from textual import events


class LetterView(GemtextView):
    """Shows rows of :mod:`misfin_tui.widgets.letter_rows`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"letter--{role}" for role in ROLES}
    DEFAULT_CSS = """
    LetterView {
        .letter--sender { text-style: bold; }
        .letter--label { color: $mail-muted; }
        .letter--muted { color: $mail-muted; }
        .letter--warning { color: $warning; text-style: bold; }
        .letter--rule { color: $border-blurred; }
        .letter--bar { color: $primary; text-style: bold; }
        .letter--fold { color: $mail-muted; }
        .letter--attachment { color: $gemtext-link; text-style: underline; }
        .letter--tag { color: $mail-tag; text-style: italic; }
        .letter--verified { color: $evidence-verified; }
        .letter--differs { color: $evidence-differs; text-style: bold; }
        .letter--unconfirmed { color: $evidence-unconfirmed; }
        .letter--unproven { color: $evidence-unproven; }
    }
    """

    decide_key: str = ""
    """The key that decides about a held letter, as people read it; its letters are drawn with it."""

    @dataclass
    class AttachmentChosen(Message):
        """The name of an attachment was clicked: attachment ``number`` of its letter, from 1."""

        view: LetterView
        row: int
        """The row of the document its name stands on."""
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
        return self.get_component_rich_style(f"letter--{role}")
