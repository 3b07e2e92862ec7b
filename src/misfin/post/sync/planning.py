"""A plan being made: what the rules look up, and what they add to."""

from __future__ import annotations

from typing import Final

from misfin.post.sync.base import AskReason, BaseRow, FolderState, OperationKind, SyncedFolder
from misfin.post.sync.merging import Keeps
from misfin.post.sync.pairing import Pairs
from misfin.post.sync.situation import Situation
from misfin.post.sync.steps import (
    Create,
    Delete,
    EndPending,
    FetchNew,
    Forget,
    Move,
    Reflag,
    SyncPlan,
)
from misfin.post.sync.values import Listed, Role

BINS: Final = frozenset({Role.TRASH, Role.JUNK})
"""Folders whose messages are meant to go."""
UNDONE_AFTER: Final = 60.0
"""Seconds after which what was written down and cannot be found done is forgotten."""
_FIRST: Final = (Role.INBOX, Role.SENT, Role.DRAFTS)


class Planning:
    """One plan while it is made."""

    def __init__(self, situation: Situation, pairs: Pairs) -> None:
        self.situation = situation
        self.pairs = pairs
        self.abilities = situation.abilities
        self.folders = {folder.id: folder for folder in situation.folders}
        self.by_name = {folder.local: folder for folder in situation.folders}
        self.creates: list[Create] = []
        self.moves: list[Move] = []
        self.flags: list[Reflag] = []
        self.deletes: list[Delete] = []
        self.fetched: dict[int, list[Listed]] = {}
        self.here_lost: list[tuple[BaseRow, bool]] = []
        """Messages gone here, and whether it is written down that a person deleted them."""
        self.there_lost: list[BaseRow] = []
        self.strayed: dict[int, str] = {}
        """Of those, the folder here of each whose file is not in its own."""
        self.older = {new: old for old, new in situation.twins.items() if old not in situation.here.edited}
        """Messages fetched again after they were moved on the server, each with the one it was before."""
        self.absent: dict[int, float] = {}
        self.notices: list[str] = []
        self.states: dict[int, tuple[FolderState, AskReason]] = {}
        self.asked_about: dict[int, int] = {}
        self.waiting: set[int] = set()
        self.unsure = False
        self.again_in: float | None = None
        self.meant = {
            each.key: each for each in situation.pending if each.kind is OperationKind.DELETE and each.key
        }
        self.placing = {
            each.key for each in situation.pending if each.kind in (OperationKind.APPEND, OperationKind.MOVE)
        }
        """Keys of messages that were just put somewhere on the server."""
        self.expired = {each.key: each for each in situation.pending if each.kind is OperationKind.EXPIRE}

    def trash(self) -> SyncedFolder | None:
        """The folder with that role, if there is one."""
        return next((each for each in self.situation.folders if each.role is Role.TRASH), None)

    def live(self, folder: int) -> bool:
        """Whether both sides of a folder are known, and it is to be kept in sync."""
        known = folder in self.situation.there.looked or folder in self.situation.there.missing
        return known and self.folders[folder].state is not FolderState.PAUSED

    def everything_looked(self) -> bool:
        """Whether the present state of every folder is known that the server lets us look at."""
        there = self.situation.there
        return not self.folders.keys() - there.looked - there.missing - there.refused

    def writable(self, folder: int) -> bool:
        """Whether both sides of a folder are there."""
        return self.live(folder) and folder not in self.situation.there.missing

    def keeps(self, folder: int) -> Keeps:
        """The flags a folder on the server can keep."""
        keeps = self.situation.there.keeps.get(folder, Keeps())
        chars = "".join(char for char in keeps.chars if char in self.abilities.flags)
        return Keeps(chars, keeps.any_tag and self.abilities.keywords, keeps.tags)

    def forget(self, row: BaseRow) -> None:
        """Forget a message, and what was written down about deleting it."""
        self.deletes.append(Forget(row.id))
        known = (self.meant.get(row.key), self.expired.get(row.key))
        self.deletes += (EndPending(each.id) for each in known if each)

    def fetch(self, folder: int, listed: Listed) -> None:
        """Fetch a message."""
        self.fetched.setdefault(folder, []).append(listed)

    def answer(self, folder: SyncedFolder, reason: AskReason) -> FolderState:
        """What to do about deletions; OK where there is no reason to ask."""
        if reason is AskReason.NONE:
            return FolderState.OK
        answered = folder.reason is reason and folder.state in (FolderState.AGREED, FolderState.KEEPING)
        return folder.state if answered else FolderState.ASKING

    def finished(self) -> SyncPlan:
        """The plan: fetches by the importance of their folders, the newest messages first."""
        order = sorted(self.fetched, key=self._importance)
        fetches = [FetchNew(folder, tuple(reversed(self.fetched[folder]))) for folder in order]
        return SyncPlan(
            creates=(*self.creates, *fetches),
            moves=tuple(self.moves),
            flags=tuple(self.flags),
            deletes=tuple(self.deletes),
            states=self.states,
            absent=self.absent,
            again_in=self.again_in,
            unsure=self.unsure,
            notices=tuple(self.notices),
            asked_about=self.asked_about,
            waiting=frozenset(self.waiting),
        )

    def _importance(self, folder: int) -> int:
        role = self.folders[folder].role
        return _FIRST.index(role) if role in _FIRST else len(_FIRST)
