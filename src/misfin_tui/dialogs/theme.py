"""Choosing a theme: the one under the cursor is shown at once, escape puts the old one back."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.theme import BUILTIN_THEMES
from textual.widgets import OptionList

from misfin_tui.dialogs.prompt import ChooseDialog
from misfin_tui.widgets.facts import text


class ThemeDialog(ChooseDialog):
    """The themes there are; the screen behind shows the one under the cursor."""

    DEFAULT_CSS = """
    ThemeDialog, ThemeDialog:ansi { background: transparent; }
    ThemeDialog #box { width: 52; offset: 0 0; }
    """

    def __init__(self, names: Sequence[str], current: str) -> None:
        # Ours, then the user's own, then Textual's many.
        ordered = sorted(
            names, key=lambda name: (name in BUILTIN_THEMES, not name.startswith("misfin-"), name)
        )
        options = [(name, f"✓ {name}" if name == current else f"  {name}", "") for name in ordered]
        super().__init__("Theme", options, chosen=current)
        self._names = ordered
        self._before = current

    def compose_body(self) -> ComposeResult:
        """The list, with a word about files."""
        yield from super().compose_body()
        yield text("Put your own in the folder `themes` next to config.toml.", classes="muted gap")

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.app.theme = self._names[event.option_index]

    def choose(self, choice: str) -> None:
        """Back to what it was."""
        self.app.theme = self._before
        super().choose(choice)

    def action_close_dialog(self) -> None:
        """As the button."""
        self.choose("cancel")
