"""The keys of the help, and of the tour of the demo, which begins there."""

from __future__ import annotations

from misfin_tui.keymap.action import KeyAction, Shown

HELP_KEYS = (
    KeyAction("help-close", "q,escape", "Close", "Close the help.", action="close_help"),
    KeyAction("help-search", "slash", "Search", "Find a key.", action="search"),
    KeyAction("tour", "t", "Tour", "In the demo: take the tour, or leave it.", action="app.tour"),
)

_PALETTE = Shown.PALETTE

TOUR_KEYS = (
    KeyAction("tour-back", "f7", "Back", "Go back a step of the tour.", shown=_PALETTE, priority=True),
    KeyAction("tour-skip", "f10", "Skip", "Skip a step of the tour.", shown=_PALETTE, priority=True),
    KeyAction("tour-leave", "f12", "Leave", "Leave the tour.", shown=_PALETTE, priority=True),
)
"""While the tour is running, on every screen."""
