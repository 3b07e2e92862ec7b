"""The inbox: mailboxes, conversations and a preview."""

from __future__ import annotations

from textual.screen import Screen

from misfin_tui.keymap import Room
from misfin_tui.widgets.bindings import bindings


class InboxScreen(Screen[None]):
    """The first screen."""

    BINDINGS = bindings(Room.LIST, Room.INBOX)
