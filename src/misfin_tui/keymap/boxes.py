"""The keys of what is shown as a box: the first steps and dialogs."""

from __future__ import annotations

from misfin_tui.keymap.action import KeyAction, Shown

_A = KeyAction

WIZARD_KEYS = (
    _A("wizard-back", "escape", "Back", "Back, or cancel."),
    _A("wizard-next", "ctrl+s", "Next", "Continue.", priority=True),
    _A(
        "wizard-file",
        "f2",
        "Settings file",
        "Show the settings file that will be written.",
        priority=True,
        action="show_file",
    ),
)

DIALOG_KEYS = (
    _A("dialog-close", "escape", "Close", "Close without deciding.", action="close_dialog"),
    _A(
        "dialog-next",
        "right,down",
        "Next button",
        "Go to the next button.",
        shown=Shown.HELP,
        action="app.focus_next",
    ),
    _A(
        "dialog-previous",
        "left,up",
        "Previous button",
        "Go to the previous button.",
        shown=Shown.HELP,
        action="app.focus_previous",
    ),
    _A(
        "dialog-page-down",
        "pagedown",
        "Page down",
        "Scroll down where text does not fit.",
        shown=Shown.HELP,
        action="page(1)",
    ),
    _A(
        "dialog-page-up",
        "pageup",
        "Page up",
        "Scroll up where text does not fit.",
        shown=Shown.HELP,
        action="page(-1)",
    ),
)
