"""The planner's decisions as data: steps in the order create, move, flags, delete.

A step names a message of the base by its row; what is not in the base yet by the file here, or by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from misfin.model.distinct import distinct
from misfin.post.sync.base import AskReason, BaseRow, FolderState, GoneRow, PendingOperation
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


@distinct
class CreateThere(NamedTuple):
    """Create a folder on the server for one here; then everything is planned again."""

    local: str
    role: Role


@distinct
class RenameThere(NamedTuple):
    """Rename a folder on the server as it was renamed here; then everything is planned again."""

    folder: int
    local: str


# ---- create


@distinct
class Renew(NamedTuple):
    """Give a file a key of its own: another one has its key, or the base cannot hold its name."""

    file: HereFile


@distinct
class FetchNew(NamedTuple):
    """Fetch messages, the newest first."""

    folder: int
    listed: tuple[Listed, ...]


@distinct
class CopyHere(NamedTuple):
    """A message is new in a folder on the server, and here in another one: no transfer.

    ``row`` is the message that is here, in the folder ``place``.
    """

    folder: int
    listed: Listed
    row: BaseRow
    place: str


@distinct
class Restore(NamedTuple):
    """A message that was deleted is there again: take it out of the attic instead of fetching it."""

    gone: GoneRow
    new: NewThere


@distinct
class Pair(NamedTuple):
    """The same message is new on both sides: no transfer. ``flags`` are united, ``there`` the server's."""

    folder: int
    file: HereFile
    new: NewThere
    flags: FlagSet
    there: FlagSet
    follow: bool = False
    """The file moves to the folder of the message, not the message to that of the file."""
    resumes: int = 0
    """The interrupted upload that has put it there, under whatever name the file had then."""


@distinct
class Append(NamedTuple):
    """Upload a file. ``row``: the message it is in the base, which then is this one; else it is new.

    ``replaces``: the folder and id of an older version on the server, deleted once this one is there.
    ``resumes``: the interrupted upload that this one repeats.
    """

    folder: int
    local: str
    key: str
    flags: FlagSet
    rule: Rule
    facts: Facts = UNKNOWN
    row: BaseRow | None = None
    replaces: tuple[int, str] | None = None
    resumes: int = 0


@distinct
class Replace(NamedTuple):
    """An interrupted upload has put a newer version there: write that down, and delete the older one."""

    row: BaseRow
    begun: PendingOperation
    new: NewThere


# ---- move


@distinct
class Adopt(NamedTuple):
    """Write down where a message is on both sides; nothing is moved."""

    row: BaseRow


@distinct
class MoveThere(NamedTuple):
    """Move a message on the server from where ``row`` says, which is then ``after``.

    ``after`` is None for one that is not here: it is forgotten, and comes back with the folder ``to``.
    """

    row: BaseRow
    to: int
    rule: Rule
    after: BaseRow | None


@distinct
class Refile(NamedTuple):
    """Move a file to the folder ``to`` here, where a person has put an older copy of the message.

    It is moved on the server when everything is planned again. ``flags`` are those it has here then.
    """

    row: BaseRow
    to: str
    flags: FlagSet


@distinct
class MoveHere(NamedTuple):
    """Move a file as its message was moved on the server; ``after`` is the message then.

    ``flags`` are those it has here.
    """

    row: BaseRow
    after: BaseRow
    flags: FlagSet


# ---- flags


@distinct
class Reflag(NamedTuple):
    """Bring the flags of a message in sync: (add, remove) for each side, and what both have then."""

    row: int
    here: tuple[FlagSet, FlagSet]
    there: tuple[FlagSet, FlagSet]
    flags: FlagSet


# ---- delete


@distinct
class RemoveThere(NamedTuple):
    """Delete exactly one message on the server for good."""

    row: BaseRow
    rule: Rule


@distinct
class Withhold(NamedTuple):
    """A message deleted here that the server cannot delete: flag it there, and do not fetch it again."""

    row: BaseRow


@distinct
class ToAttic(NamedTuple):
    """Put a message away that was deleted on the server. ``place``: the folder here, unless it is its own."""

    row: BaseRow
    place: str = ""


@distinct
class RemoveHere(NamedTuple):
    """Delete a message here that was deleted on the server from the trash or the junk. ``place`` as above."""

    row: BaseRow
    place: str = ""


@distinct
class Expire(NamedTuple):
    """Remove a message here because of its age; the server keeps it."""

    row: BaseRow


@distinct
class Forget(NamedTuple):
    """Forget a message that is on neither side."""

    row: int


@distinct
class LeaveThere(NamedTuple):
    """Remember that a message is on the server only."""

    folder: int
    listed: Listed


@distinct
class EndPending(NamedTuple):
    """Forget something begun that needs nothing more."""

    pending: int


@distinct
class RemoveReplaced(NamedTuple):
    """Delete the older version of a message, which was written down when the newer one was uploaded."""

    pending: PendingOperation


Create: TypeAlias = Renew | FetchNew | CopyHere | Restore | Pair | Append | Replace
Move: TypeAlias = Adopt | MoveThere | MoveHere | Refile
Delete: TypeAlias = (
    RemoveThere | RemoveReplaced | Withhold | ToAttic | RemoveHere | Expire | Forget | LeaveThere | EndPending
)
Step: TypeAlias = CreateThere | RenameThere | Create | Move | Reflag | Delete


@distinct
class SyncPlan(NamedTuple):
    """The steps, each group done before the next, and what to remember about the folders.

    ``states``: folders whose state changes. ``absent``: since when messages are gone here; ``again_in``: so
    many seconds later a decision about them can be made. ``unsure``: messages are gone on the server, and
    whether they were moved is not known until every folder has been looked at. ``notices`` are sentences,
    said once. ``asked_about``: how many deletions each folder that needs a decision asks about. ``waiting``:
    folders in which something new on the server is not decided yet, so it has to be seen again.
    """

    folders: tuple[CreateThere | RenameThere, ...] = ()
    creates: tuple[Create, ...] = ()
    moves: tuple[Move, ...] = ()
    flags: tuple[Reflag, ...] = ()
    deletes: tuple[Delete, ...] = ()
    states: Mapping[int, tuple[FolderState, AskReason]] = MappingProxyType({})
    absent: Mapping[int, float] = MappingProxyType({})
    again_in: float | None = None
    unsure: bool = False
    notices: tuple[str, ...] = ()
    asked_about: Mapping[int, int] = MappingProxyType({})
    waiting: frozenset[int] = frozenset()

    @property
    def empty(self) -> bool:
        """Whether both sides are in sync."""
        return not (self.folders or self.creates or self.moves or self.flags or self.deletes)
