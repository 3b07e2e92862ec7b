"""What filing does to messages, as values: an action, the change of one message, and its undo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Action(StrEnum):
    """An action on messages. ``MOVE`` and ``COPY`` have a folder as argument, ``TAG`` and ``UNTAG`` a tag."""

    ARCHIVE = "archive"
    TRASH = "trash"
    MOVE = "move"
    COPY = "copy"
    TAG = "tag"
    UNTAG = "untag"
    STAR = "star"
    UNSTAR = "unstar"
    READ = "read"
    UNREAD = "unread"


class RegroupAction(StrEnum):
    """What is undone like an action but changes no message, only what a conversation is.

    The argument is what was decided before, as JSON: a list of
    :class:`misfin.store.index.regrouping.GroupingDecision`.
    """

    SPLIT = "split"
    JOIN = "join"


class Copying(StrEnum):
    """What a change does with a copy of the message."""

    NONE = ""
    MAKE = "make"
    REMOVE = "remove"
    """Undo a copy: the message *is* the copy, and is deleted."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one message, which is in ``folder`` as ``seen`` (``cur/NAME``)."""

    thread: int
    """Its conversation in the index, to find it there."""
    account: str
    folder: str
    seen: str
    to: str = ""
    """The folder to move or copy it to; empty if only flags change."""
    add: str = ""
    remove: str = ""
    """Flags to set and to clear."""
    row: int = 0
    """The message's row in the same index as ``thread``: its file may be renamed."""
    copying: Copying = Copying.NONE

    def back(self, seen: str) -> Change:
        """The change that undoes this one, when the message, or the copy of it, is at ``seen``."""
        if self.copying == Copying.MAKE:
            return replace(self, folder=self.to, to="", seen=seen, row=0, copying=Copying.REMOVE)
        folder, origin = (self.to, self.folder) if self.to else (self.folder, "")
        return replace(self, folder=folder, seen=seen, to=origin, add=self.remove, remove=self.add)


@dataclass(frozen=True, slots=True)
class Undo:
    """Everything needed to undo one action. ``missed`` messages had gone before it reached them."""

    action: Action | RegroupAction
    argument: str
    done: tuple[Change, ...]
    missed: int = 0

    @property
    def count(self) -> int:
        """How many messages were changed, not counting those that needed no change."""
        return len(self.done)
