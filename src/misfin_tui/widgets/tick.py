"""A check box that shows its state by a sign, not only by colour."""

from __future__ import annotations

from textual.widgets import Checkbox

SIGNS = {True: "x", False: " "}


class TickBox(Checkbox):
    """``[x] label`` or ``[ ] label``."""

    BUTTON_LEFT = BUTTON_RIGHT = ""
    DEFAULT_CSS = """
    TickBox, TickBox:focus {
        border: none !important; height: 1; padding: 0; background: $surface;
        & > .toggle--button { color: $foreground; background: $panel; }
        &.-on > .toggle--button { color: $foreground; background: $panel; text-style: bold; }
    }
    TickBox:ansi > .toggle--button, TickBox:ansi.-on > .toggle--button {
        color: ansi_default; background: ansi_default; text-style: bold;
    }
    """

    def __init__(self, label: str, value: bool = False, *, id: str, classes: str = "") -> None:  # noqa: A002 - Textual's name
        self.BUTTON_INNER = f"[{SIGNS[value]}]"
        super().__init__(label, value, id=id, classes=classes)

    def watch_value(self) -> None:
        """Another sign for another state."""
        self.BUTTON_INNER = f"[{SIGNS[self.value]}]"
        super().watch_value()
