"""What an action with a key is, and where its key works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Room(StrEnum):
    """Where an action works; the value is the heading in help and docs."""

    EVERYWHERE = "everywhere"
    LIST = "any list"
    INBOX = "inbox"
    THREAD = "conversation"
    COMPOSE = "composer"
    OUTBOX = "outbox"
    TRUST = "trust"
    CONTACTS = "contacts"
    IDENTITIES = "identities"
    SETTINGS = "settings"
    WIZARD = "first run"
    DIALOG = "dialogs"
    HELP = "help"


_LISTS = (Room.INBOX, Room.THREAD, Room.OUTBOX, Room.TRUST, Room.CONTACTS, Room.IDENTITIES, Room.SETTINGS)
TOGETHER: Mapping[Room, tuple[Room, ...]] = MappingProxyType(
    {
        **dict.fromkeys(_LISTS, (Room.EVERYWHERE, Room.LIST)),
        Room.COMPOSE: (Room.EVERYWHERE,),
        Room.HELP: (Room.EVERYWHERE,),
        Room.LIST: (Room.EVERYWHERE,),
    }
)
"""Rooms whose keys work at the same time as a room's own; a key may stand only once among them."""

WRITING = frozenset({Room.COMPOSE, Room.WIZARD, Room.DIALOG})
"""Rooms in which text is typed: a printable key there would be eaten by the text, or eat it."""


class Shown(IntEnum):
    """Where an action is named; each place includes the ones before."""

    HELP = 1  # moving a cursor by name makes no sense in the command palette
    PALETTE = 2
    FOOTER = 3


@dataclass(frozen=True, slots=True)
class Action:
    """One row; ``keys`` are comma separated."""

    id: str
    keys: str
    label: str  # a word for the footer
    help: str  # a sentence for help and palette
    room: Room = Room.EVERYWHERE
    shown: Shown = Shown.FOOTER
    priority: bool = False  # seen before the focused widget sees the key
    action: str = ""  # Textual action when it is not the id with underscores

    @property
    def method(self) -> str:
        """Name of the Textual action, without the ``action_`` prefix."""
        return self.action or self.id.replace("-", "_")
