"""What every step needs, and its results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field

from misfin.post.source import Inbox
from misfin.post.sync.base import BaseRow, SyncedFolder
from misfin.post.sync.journal import ServerChange, record
from misfin.post.sync.merging import Keeps
from misfin.post.sync.remote import Remote
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import FlagSet, SyncPoint
from misfin.valueclass import dataclass


@dataclass(slots=True)
class Work:
    """One pass at work. ``now`` is the clock (Unix seconds); ``points`` are the moments the looks describe.

    ``arrived`` messages were fetched, ``here`` and ``there`` counts other changes on either side.
    ``incomplete`` folders are looked at again from the same point. ``problems`` are sentences. ``refused``
    folders could not be created on the server. ``again``: something is left for another pass at once.
    """

    account: str
    remote: Remote
    state: SyncState
    inbox: Inbox
    now: Callable[[], float]
    folders: Mapping[int, SyncedFolder]
    points: Mapping[int, SyncPoint]
    keeps: Mapping[int, Keeps]
    on_arrival: Callable[[int], object] = lambda _count: None
    arrived: int = 0
    here: int = 0
    there: int = 0
    incomplete: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    renumbered: set[int] = field(default_factory=set)
    """Folders in which an id stands for another message than it did."""
    postponed: list[str] = field(default_factory=list)
    """Keys of files the server refused to take."""
    refused: set[str] = field(default_factory=set)
    again: bool = False
    moved: dict[int, BaseRow] = field(default_factory=dict)
    """Messages of the base that were moved in this pass, as they are now."""

    def failed(self, folder: int, sentence: str) -> None:
        """A step was not done: say so, and look at its folder again the next time."""
        self.incomplete.add(folder)
        if sentence and sentence not in self.problems:
            self.problems.append(sentence)

    def record(self, folder: int, what: str, rows: Collection[BaseRow], detail: str = "") -> None:
        """Record a change made on the server; inside ``state.write()``."""
        at, local = self.now(), self.folders[folder].local
        record(self.state, [ServerChange(at, local, what, row.remote_id, row.key, detail) for row in rows])
        self.there += len(rows)


def chars_for(flags: FlagSet, chars: Mapping[str, str]) -> str:
    """The flags of a file name, where ``chars`` are those of tags; a tag without one is left out."""
    return flags.chars + "".join(chars[tag] for tag in flags.tags if tag in chars)
