"""The keys for going somewhere else: to what is unread, to another folder, to another account."""

from __future__ import annotations

from misfin_tui.keymap.action import KeyAction, Shown

GOING_KEYS = (
    KeyAction(
        "next-unread",
        "semicolon",
        "Next unread",
        "Go to the next unread conversation.",
        shown=Shown.PALETTE,
    ),
    KeyAction("go-to-folder", "0", "Go to", "Go to a folder by its name.", shown=Shown.PALETTE),
    KeyAction(
        "next-folder",
        "right_square_bracket",
        "Next folder",
        "Go to the next folder in the sidebar.",
        shown=Shown.PALETTE,
    ),
    KeyAction(
        "previous-folder",
        "left_square_bracket",
        "Previous folder",
        "Go to the previous folder in the sidebar.",
        shown=Shown.PALETTE,
    ),
    KeyAction(
        "next-account",
        "at",
        "Next account",
        "Go to the inbox of the next account.",
        shown=Shown.PALETTE,
    ),
)
"""In the inbox."""

UNREAD_KEY = KeyAction(
    "thread-next-unread",
    "semicolon",
    "Next unread",
    "Go to the next unread conversation in the list.",
    shown=Shown.PALETTE,
    action="next_unread",
)
"""In a conversation."""
