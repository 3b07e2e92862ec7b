"""The panel of the tour: at the top of every screen, which keeps clear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_JOINED = "\N{NO-BREAK SPACE}"


class TourPanel(Static):
    """What to do next, and the keys of the tour; a click on one presses it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TourPanel {
        split: top; /* so it covers nothing */
        height: auto; max-height: 4; padding: 0 1;
        background: $primary 20%; color: $foreground;
        &.-empty { display: none; }
        &:ansi { background: ansi_default; color: ansi_default; text-style: reverse; }
    }
    """

    def say(self, title: str, sentence: str, keys: Sequence[tuple[str, str, str]]) -> None:
        """Show a step: its number, what to do, and for each key the word and the action of it."""
        self.set_class(not sentence, "-empty")
        parts: list[Content | tuple[str, str | Style]] = []
        if title:
            parts.append((f"{title.replace(' ', _JOINED)}  ", "bold $primary"))
        parts.append((plain(sentence, one_line=True), ""))
        for key, label, action in keys:
            click = Style.from_meta({"@click": action})
            shown = Content.assemble((f"{key}{_JOINED}", "bold"), label.replace(" ", _JOINED))
            parts += [("  ", ""), shown.stylize(click)]
        self.update(Content.assemble(*parts))
