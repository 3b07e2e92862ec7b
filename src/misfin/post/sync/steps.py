"""The planner's decisions as data: steps in the order create, move, flags, delete.

A step names a message of the base by its row; what is not in the base yet by the file here, or by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from misfin.post.sync.base import BaseRow, Doing, Doubt, FolderState, GoneRow
from misfin.post.sync.identify import UNKNOWN, Facts
from misfin.post.sync.situation import HereFile, NewThere
from misfin.post.sync.values import FlagSet, Listed, Role


class Rule(StrEnum):
    """Why a step is done: the rules of docs/sync.md §2 that a person may ask about."""

    NONE = ""
    MOVED_HERE = "moved here"
    DELETED_HERE = "deleted here"
    LOST_HERE = "deleted here by another program"
    CHANGED_HERE = "changed here, deleted on the server"
    REPLACED_HERE = "replaced here by a newer version"
    NEW_HERE = "new here"


# ---- folders


@dataclass(frozen=True, slots=True)
class CreateThere:
    """Create a folder on the server for one here; then everything is planned again."""

    local: str
    role: Role


@dataclass(frozen=True, slots=True)
class RenameThere:
    """Rename a folder on the server as it was renamed here; then everything is planned again."""

    folder: int
    local: str


# ---- create


@dataclass(frozen=True, slots=True)
class Renew:
    """Give a file a key of its own: another one has its key, or the base cannot hold its name."""

    file: HereFile


@dataclass(frozen=True, slots=True)
class FetchNew:
    """Fetch messages, the newest first."""

    folder: int
    listed: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """A message that was deleted is there again: take it out of the attic instead of fetching it."""

    gone: GoneRow
    new: NewThere


@dataclass(frozen=True, slots=True)
class Pair:
    """The same message is new on both sides: no transfer. ``flags`` are united, ``there`` the server's."""

    folder: int
    file: HereFile
    new: NewThere
    flags: FlagSet
    there: FlagSet
    follow: bool = False
    """The file moves to the folder of the message, not the message to that of the file."""


@dataclass(frozen=True, slots=True)
class Append:
    """Upload a file. ``row``: the message it is in the base, which then is this one; else it is new.

    ``replaces``: an older version on the server, deleted once this one is there.
    """

    folder: int
    local: str
    key: str
    flags: FlagSet
    rule: Rule
    facts: Facts = UNKNOWN
    row: BaseRow | None = None
    replaces: str = ""


# ---- move


@dataclass(frozen=True, slots=True)
class Adopt:
    """Write down where a message is on both sides; nothing is moved."""

    row: BaseRow


@dataclass(frozen=True, slots=True)
class MoveThere:
    """Move a message on the server from where ``row`` says, which is then ``after``.

    ``after`` is None for one that is not here: it is forgotten, and comes back with the folder ``to``.
    """

    row: BaseRow
    to: int
    rule: Rule
    after: BaseRow | None


@dataclass(frozen=True, slots=True)
class MoveHere:
    """Move a file as its message was moved on the server; ``after`` is the message then.

    ``flags`` are those it has here.
    """

    row: BaseRow
    after: BaseRow
    flags: FlagSet


# ---- flags


@dataclass(frozen=True, slots=True)
class Reflag:
    """Bring the flags of a message in sync: (add, remove) for each side, and what both have then."""

    row: int
    here: tuple[FlagSet, FlagSet]
    there: tuple[FlagSet, FlagSet]
    flags: FlagSet


# ---- delete


@dataclass(frozen=True, slots=True)
class RemoveThere:
    """Delete exactly one message on the server for good."""

    row: BaseRow
    rule: Rule


@dataclass(frozen=True, slots=True)
class Withhold:
    """A message deleted here that the server cannot delete: flag it there, and do not fetch it again."""

    row: BaseRow


@dataclass(frozen=True, slots=True)
class ToAttic:
    """Put a message away that was deleted on the server."""

    row: BaseRow


@dataclass(frozen=True, slots=True)
class RemoveHere:
    """Delete a message here that was deleted on the server from the trash or the junk."""

    row: BaseRow


@dataclass(frozen=True, slots=True)
class Expire:
    """Remove a message here because of its age; the server keeps it."""

    row: BaseRow


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget a message that is on neither side."""

    row: int


@dataclass(frozen=True, slots=True)
class LeaveThere:
    """Remember that a message is on the server only."""

    folder: int
    listed: Listed


@dataclass(frozen=True, slots=True)
class EndDoing:
    """Forget something begun that needs nothing more."""

    doing: int


@dataclass(frozen=True, slots=True)
class RemoveReplaced:
    """Delete the older version of a message, which was written down when the newer one was uploaded."""

    doing: Doing


Create: TypeAlias = Renew | FetchNew | Restore | Pair | Append
Move: TypeAlias = Adopt | MoveThere | MoveHere
Delete: TypeAlias = (
    RemoveThere | RemoveReplaced | Withhold | ToAttic | RemoveHere | Expire | Forget | LeaveThere | EndDoing
)
Step: TypeAlias = CreateThere | RenameThere | Create | Move | Reflag | Delete


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The steps, each group done before the next, and what to remember about the folders.

    ``states``: folders whose state changes. ``absent``: since when messages are gone here; ``again_in``: so
    many seconds later a decision about them can be made. ``unsure``: messages are gone on the server, and
    whether they were moved is not known until every folder has been looked at. ``notices`` are sentences,
    said once. ``doubted``: how many deletions are in doubt in each folder that asks.
    """

    folders: tuple[CreateThere | RenameThere, ...] = ()
    creates: tuple[Create, ...] = ()
    moves: tuple[Move, ...] = ()
    flags: tuple[Reflag, ...] = ()
    deletes: tuple[Delete, ...] = ()
    states: Mapping[int, tuple[FolderState, Doubt]] = field(default_factory=dict)
    absent: Mapping[int, float] = field(default_factory=dict)
    again_in: float | None = None
    unsure: bool = False
    notices: tuple[str, ...] = ()
    doubted: Mapping[int, int] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether both sides are in sync."""
        return not (self.folders or self.creates or self.moves or self.flags or self.deletes)
