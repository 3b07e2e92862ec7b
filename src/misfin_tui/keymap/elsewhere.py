"""The keys for mail on servers: the sync screen, the attic, and folders of accounts."""

from __future__ import annotations

from misfin_tui.keymap.action import KeyAction, Shown

FOLDER_KEYS = (
    KeyAction("new-folder", "n", "New folder", "Create a folder in this account.", shown=Shown.PALETTE),
    KeyAction(
        "rename-folder", "W", "Rename folder", "Rename the folder in the sidebar.", shown=Shown.PALETTE
    ),
    KeyAction(
        "remove-folder", "D", "Remove folder", "Remove the empty folder in the sidebar.", shown=Shown.PALETTE
    ),
)
"""Of the inbox."""

SYNC_KEYS = (
    KeyAction("sync-details", "enter", "Details", "Show everything known about this account or folder."),
    KeyAction("sync-answer", "a", "Decide", "Decide about deletions that look like an accident."),
    KeyAction("sync-fetch", "f", "Fetch now", "Check every server for changes now."),
    KeyAction("sync-pause", "p", "Pause", "Pause or resume fetching this account."),
    KeyAction("sync-log", "l", "Log", "Show what was changed on the server, for 30 days."),
    KeyAction("sync-attic", "v", "Attic", "Show what was deleted on the server and is kept here."),
    KeyAction("sync-search", "slash", "Search", "Find an account or a folder.", action="search"),
)

ATTIC_KEYS = (
    KeyAction("attic-restore", "r", "Restore", "Restore the message to its folder."),
    KeyAction("attic-search", "slash", "Search", "Find a message in the attic.", action="search"),
)
