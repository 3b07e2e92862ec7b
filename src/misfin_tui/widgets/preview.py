"""The newest letter of the conversation under the cursor, as far as it fits below or beside the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from misfin_tui.screentext import plain
from misfin_tui.widgets.cells import wrap
from misfin_tui.widgets.gemtext_rows import Layout, Row
from misfin_tui.widgets.letter_rows import letter_layout
from misfin_tui.widgets.letter_view import LetterView

if TYPE_CHECKING:
    from misfin.store.mime import Letter
    from misfin.store.rows import ConversationRow, LetterRow


class Preview(LetterView):
    """One letter, or nothing."""

    letter: LetterRow | None = None
    """The letter shown."""
    read: Letter | None = None
    """The same, parsed."""

    def show_letter(self, row: LetterRow, letter: Letter) -> None:
        """Show a letter from its top; the same letter again keeps its place."""
        same = self.letter is not None and self.letter.id == row.id
        self.letter, self.read = row, letter
        subject = plain(letter.subject or row.subject, one_line=True) or "(no subject)"
        self.border_title = Content(subject)
        self.show_layout(lambda width: letter_layout(row, letter, width, decide=self.decide_key), keep=same)

    def show_problem(self, row: ConversationRow, text: str) -> None:
        """Say why the letter of a conversation is not shown."""
        self.letter = self.read = None
        self.border_title = Content(plain(row.subject, one_line=True) or "(no subject)")
        words = plain(text, one_line=True)
        self.show_layout(
            lambda width: Layout([Row(((line, "warning"),)) for line in wrap(words, width)]), keep=False
        )

    def clear(self) -> None:
        """Show nothing."""
        self.letter = self.read = None
        self.border_title = None
        self.show_layout(lambda _width: Layout())
