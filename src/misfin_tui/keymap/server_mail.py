"""The keys for mail on servers: the sync screen, the attic, and folders of accounts."""

from __future__ import annotations

from misfin_tui.keymap.action import KeyAction, Shown

FOLDER_KEYS = (
    KeyAction("new-folder", "n", "New folder", "Create a folder in this account.", shown=Shown.PALETTE),
    KeyAction(
        "rename-folder", "W", "Rename folder", "Rename the folder in the sidebar.", shown=Shown.PALETTE
    ),
    KeyAction(
        "remove-folder",
        "D",
        "Remove folder",
        "Remove the empty folder in the sidebar, or the account.",
        shown=Shown.PALETTE,
    ),
    KeyAction(
        "empty-folder", "Z", "Empty", "Delete everything in this trash or junk folder.", shown=Shown.PALETTE
    ),
)
"""The inbox's keys; so are the next ones."""

SERVER_KEY = KeyAction(
    "search-server",
    "ctrl+s",
    "On the server",
    "Show messages for this search or folder that are only on the server.",
    shown=Shown.PALETTE,
)

SYNC_KEYS = (
    KeyAction("sync-details", "enter", "Details", "Show everything known about this account or folder."),
    KeyAction("sync-answer", "a", "Decide", "Decide about deletions that look like an accident."),
    KeyAction("sync-fetch", "f", "Fetch now", "Check every server for changes now."),
    KeyAction("sync-pause", "p", "Pause", "Pause or resume fetching this account."),
    KeyAction("sync-log", "l", "Log", "Show what was changed on the server, for 30 days."),
    KeyAction("sync-attic", "v", "Attic", "Show what was deleted on the server and is kept here."),
    KeyAction("sync-edit", "e", "Edit", "Edit this account.", shown=Shown.PALETTE),
    KeyAction("sync-test", "t", "Test", "Test this account.", shown=Shown.PALETTE),
    KeyAction("sync-password", "w", "Password", "Change the password.", shown=Shown.PALETTE),
    KeyAction("sync-remove", "D", "Remove", "Remove this account; its mail stays.", shown=Shown.PALETTE),
    KeyAction("sync-search", "slash", "Search", "Find an account or a folder.", action="search"),
)

ON_SERVER_KEYS = (
    KeyAction("open-on-server", "enter", "Open", "Fetch the message, store it here and open it."),
    KeyAction("ask-server", "R", "Ask again", "Ask the servers again."),
    KeyAction("on-server-search", "slash", "Search", "Search these messages.", action="search"),
)

ATTIC_KEYS = (
    KeyAction("attic-restore", "r", "Restore", "Restore the message to its folder."),
    KeyAction("attic-search", "slash", "Search", "Find a message in the attic.", action="search"),
)
