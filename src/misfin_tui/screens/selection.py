"""What is selected on a screen that shows messages: what its actions and its links work on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from misfin.store.rows import View
from misfin_tui.screens.base import ScreenController

if TYPE_CHECKING:
    from misfin.store.mime import Letter
    from misfin.store.rows import ConversationRow, LetterRow


class Selection(ScreenController):
    """Each screen that shows messages has one of its own kind."""

    async def chosen_letter(self) -> LetterRow | None:
        """The letter to answer or pass on."""
        raise NotImplementedError

    async def held_letter(self) -> LetterRow | None:
        """The held letter to decide about."""
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

    def letters_shown(self) -> Sequence[tuple[LetterRow, Letter]]:
        """The letters on the screen, as far as they were read."""
        raise NotImplementedError

    def letter_at(self, row: int) -> tuple[LetterRow, Letter] | None:
        """The letter that a row of the screen's document belongs to."""
        raise NotImplementedError

    async def open_letter(self, found: ConversationRow) -> None:
        """Show the letter a row was found by, in its conversation."""
        letter = await self.services.mail.letter(found.id)
        self.misfin.open_thread(found, found.id, View(letter.account, letter.folder))

    async def filed(self, gone: bool) -> None:
        """An action was done; ``gone`` when the targets left the folder shown."""
        raise NotImplementedError
