"""The panel of the tour: at the top of every screen, which keeps clear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from collections.abc import Sequence


class TourPanel(Static):
    """What to do next, and the keys of the tour; a click on one presses it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TourPanel {
        split: top; /* so it covers nothing */
        height: auto; max-height: 4; padding: 0 1;
        background: $primary 20%; color: $foreground;
        &.-empty { display: none; }
        &:ansi {
            background: ansi_default; color: ansi_default;
            link-color: ansi_default; link-background: ansi_default; link-style: none;
        }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[int, Content]] = []
        """What no line break may divide, each with the number of cells before it."""

    def say(self, title: str, sentence: str, keys: Sequence[tuple[str, str, str]]) -> None:
        """Show a step: its number, what to do, and for each key the word and the action of it."""
        self.set_class(not sentence, "-empty")
        words = plain(sentence, one_line=True).split()
        self._parts = [(2, Content.styled(title, "bold $primary"))] if title else []
        self._parts += [(1 if number else 2, Content(word)) for number, word in enumerate(words)]
        for key, label, action in keys:
            shown = Content.assemble((key, "bold"), f" {label}")
            self._parts.append((2, shown.stylize(Style.from_meta({"@click": action}))))
        self._lay_out()

    def on_resize(self) -> None:
        """Break the lines for the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        """Break the lines here: Textual would separate a key from its word, even at a no-break space."""
        width = self.content_size.width or self.app.size.width - 2
        lines = [Content("")]
        for gap, part in self._parts:
            if not lines[-1]:
                lines[-1] = part
            elif lines[-1].cell_length + gap + part.cell_length <= width:
                lines[-1] = Content.assemble(lines[-1], " " * gap, part)
            else:
                lines.append(part)
        self.update(Content("\n").join(lines))
