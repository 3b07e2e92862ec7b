"""What both sides had when they last agreed, as values; unfinished steps; and what is gone."""

from __future__ import annotations

from enum import StrEnum

from misfin.post.sync.identify import UNKNOWN, Facts
from misfin.post.sync.values import NO_FLAGS, START, FlagSet, RemoteFolder, Role, SyncPoint
from misfin.valueclass import dataclass


class FolderState(StrEnum):
    """Whether a folder is kept in sync."""

    OK = "ok"
    ASKING = "asking"
    """Something would be deleted that a person has to look at first; the rest goes on."""
    AGREED = "agreed"
    """A person has seen it and agrees: the next pass deletes."""
    KEEPING = "keeping"
    """A person wants to keep what is gone: the next pass brings it back to the side that lacks it."""
    PAUSED = "paused"
    """Not kept in sync until a person says so."""


class AskReason(StrEnum):
    """Why a folder needs a decision (docs/sync.md §5)."""

    NONE = ""
    MANY_HERE = "many-here"
    """Many messages are gone here and would be moved to the trash on the server, or deleted there."""
    MANY_THERE = "many-there"
    """Many messages are gone on the server and would be removed here."""
    MISSING_HERE = "missing-here"
    """The folder is missing here."""
    EMPTY_HERE = "empty-here"
    OTHER_HERE = "other-here"
    """The account's mail is not the directory it was: another one, or a copy."""
    GONE_THERE = "gone-there"
    """The folder, or all that was in it, is gone on the server."""
    WENT_BACK = "went-back"
    """The server counts from a lower number than before, as after a restore from a backup."""
    RENUMBERED = "renumbered"
    """The server has numbered everything again, and messages that it had are not among them."""


@dataclass(frozen=True, slots=True)
class SyncedFolder:
    """A folder that exists, or should, on both sides: ``local`` is our name for it, ``remote`` the server's.

    ``stamp`` is that of the snapshot that was equal to the base; ``kept`` the limit of age at the last pass
    (Unix seconds, 0: none). ``epoch_since`` is when the present epoch was first seen. ``reason`` is why
    it needs a decision, and ``asked_about`` how many messages would be deleted otherwise.
    """

    id: int
    local: str
    remote: RemoteFolder
    point: SyncPoint = START
    synced_at: float = 0.0
    state: FolderState = FolderState.OK
    reason: AskReason = AskReason.NONE
    stamp: str = ""
    kept: float = 0.0
    epoch_since: float = 0.0
    asked_about: int = 0

    @property
    def role(self) -> Role:
        """Its purpose, decided once."""
        return self.remote.role


@dataclass(frozen=True, slots=True)
class BaseRow:
    """A message both sides had, with these flags.

    ``remote_id`` is empty where the server has not said it, or not since it numbered everything again.
    ``key`` is empty where the message is on the server only, deleted here (POP3). ``stored`` is when it came
    (Unix seconds).
    """

    id: int
    folder: int
    remote_id: str
    key: str
    flags: FlagSet = NO_FLAGS
    facts: Facts = UNKNOWN
    stored: float = 0.0


class OperationKind(StrEnum):
    """A step whose success, or intent, cannot be seen from state alone."""

    APPEND = "append"
    MOVE = "move"
    DELETE = "delete"
    """Deleted for good: here by a person with this program, or a message on the server that another replaced
    (``remote_id``)."""
    EXPIRE = "expire"
    """Removed here, and only here, because of its age."""
    FETCH = "fetch"
    """On the server and not here: too large to be fetched unless asked for, or the server keeps it back."""
    STORE = "store"
    """Fetched and about to be stored here: in case of a crash between its file and its row."""
    OPEN = "open"
    """A person opened it on the server: it is fetched whatever its size and age. With a key it has been, and
    stays here however old it is."""


@dataclass(frozen=True, slots=True)
class PendingOperation:
    """Something begun; ``to`` is the folder it moves to (0: none)."""

    id: int
    kind: OperationKind
    folder: int
    key: str = ""
    remote_id: str = ""
    to: int = 0
    facts: Facts = UNKNOWN
    begun: float = 0.0


@dataclass(frozen=True, slots=True)
class GoneRow:
    """A message that was deleted; ``attic`` is its key in the attic, empty if it is not there."""

    id: int
    folder: int
    remote_id: str
    facts: Facts
    at: float
    attic: str = ""
