"""An action that has a key, as a value: where it works, and where it is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum


class KeyContext(StrEnum):
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
    SYNC = "sync"
    ATTIC = "attic"
    ON_SERVER = "on the server"
    SETTINGS = "settings"
    WIZARD = "first run"
    DIALOG = "dialogs"
    HELP = "help"
    TOUR = "tour"


class Shown(IntEnum):
    """Where an action is named; each place includes the ones before."""

    HELP = 1  # moving a cursor by name makes no sense in the command palette
    PALETTE = 2
    FOOTER = 3


@dataclass(frozen=True, slots=True)
class KeyAction:
    """One row; ``keys`` are comma separated."""

    id: str
    keys: str
    label: str  # a word for the footer
    help: str  # a sentence for help and palette
    context: KeyContext = KeyContext.EVERYWHERE
    shown: Shown = Shown.FOOTER
    priority: bool = False  # seen before the focused widget sees the key
    action: str = ""  # Textual action when it is not the id with underscores

    @property
    def method(self) -> str:
        """Name of the Textual action, without the ``action_`` prefix."""
        return self.action or self.id.replace("-", "_")


def in_place(context: KeyContext, *rows: KeyAction) -> tuple[KeyAction, ...]:
    """The same rows, which work in this context."""
    return tuple(replace(row, context=context) for row in rows)


Words = Mapping[str, tuple[str, str]]
"""What actions are called instead: label and sentence by the name of the Textual action."""


def words_of(screen: object) -> Words:
    """What actions of a screen are called right now where they do something else than usual."""
    words: Callable[[], Words] = getattr(screen, "other_words", dict)
    return words()


def named(action: KeyAction, words: Words) -> KeyAction:
    """The action with what it is called here and now."""
    if action.method not in words:
        return action
    label, sentence = words[action.method]
    return replace(action, label=label, help=sentence)
