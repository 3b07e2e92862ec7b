"""Settings of sync for an account, what a process remembers between passes, and the result of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from misfin.post.sync.base import SyncedFolder
from misfin.post.sync.identify import Facts
from misfin.valueclass import dataclass

CLEANED_EVERY: Final = 86400.0
"""Seconds between two looks for what has been in the attic for long enough."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """How an account is kept in sync.

    ``account`` is the directory of its mail. Messages older than ``keep`` seconds are not kept here (None:
    all are), or by folder ``keep_folders``. Ones larger than ``fetch_up_to`` bytes are left on the server.
    ``leave``, for a drop: so many seconds after a message has arrived it is deleted there (None: never).
    """

    account: str
    keep: float | None = None
    keep_folders: Mapping[str, float | None] = field(default_factory=dict)
    fetch_up_to: int | None = None
    leave: float | None = None

    def keep_in(self, local: str) -> float | None:
        """The limit of age in a folder."""
        return self.keep_folders.get(local, self.keep)


@dataclass(slots=True)
class SyncMemory:
    """What is remembered between the passes of one process, and may be lost: keep one for each account."""

    absent: Mapping[int, float] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    postponed: dict[str, float] = field(default_factory=dict)
    """When the server refused to take a file, by its key."""
    copies: dict[str, float] = field(default_factory=dict)
    """When a file was first seen that has the same bytes as another one, by its key."""
    cleaned: float = 0.0


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a pass did. ``here`` and ``there`` count changes other than ``arrived`` messages.

    ``asking`` folders wait for a person (docs/sync.md §5). ``again``: pass again at once, not all was done.
    ``again_in``: so many seconds later more can be decided. ``notices`` and ``problems`` are sentences; a
    notice is said once.
    """

    arrived: int = 0
    here: int = 0
    there: int = 0
    asking: tuple[SyncedFolder, ...] = ()
    again: bool = False
    again_in: float | None = None
    notices: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
