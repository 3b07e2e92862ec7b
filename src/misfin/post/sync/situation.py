"""The planner's input: what differs from the base on either side, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple

from misfin.post.sync.base import BaseRow, GoneRow, PendingOperation, SyncedFolder
from misfin.post.sync.identify import UNKNOWN, Facts
from misfin.post.sync.merging import Keeps
from misfin.post.sync.values import NO_FLAGS, Abilities, FlagSet, Listed
from misfin.valueclass import dataclass


class HereFile(NamedTuple):
    """A file here that is not where, or as, the base says. ``name`` is ``cur/NAME``.

    ``unnamed``: tags of its message for which its folder has no flag; they count among its flags all the
    same.
    """

    folder: str
    name: str
    key: str
    flags: FlagSet = NO_FLAGS
    facts: Facts = UNKNOWN
    unnamed: frozenset[str] = frozenset()


class NewThere(NamedTuple):
    """A message on the server that the base does not know, with what is known of its header."""

    folder: int
    listed: Listed
    facts: Facts = UNKNOWN


@dataclass(frozen=True, slots=True)
class Here:
    """What differs from the base here. Messages of the base are given by their numbers.

    ``moved`` files are in another folder than the base says; ``edited`` ones hold other bytes. ``gone``
    messages are in no folder. ``missing`` and ``empty`` are synced folders that were neither at the last
    pass; ``other``: the account's mail is not the directory it was. ``odd`` files need another name.
    """

    changed: Mapping[int, FlagSet] = field(default_factory=dict)
    moved: Mapping[int, HereFile] = field(default_factory=dict)
    edited: Mapping[int, HereFile] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()
    new: tuple[HereFile, ...] = ()
    missing: frozenset[int] = frozenset()
    empty: frozenset[int] = frozenset()
    other: bool = False
    odd: tuple[HereFile, ...] = ()
    renamed: Mapping[str, int] = field(default_factory=dict)
    """Folders that are a synced one under another name: the same directories."""
    unnamed: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """Tags of ``changed`` messages for which their folder has no flag: moved there in an earlier pass."""


@dataclass(frozen=True, slots=True)
class There:
    """What differs from the base on the server; folders and messages of the base are given by their numbers.

    ``looked``: the folders whose present state is known. ``changed`` flags count only as far as the server
    can keep them. ``missing`` folders are not there any more, ``emptied`` ones have lost everything.
    """

    looked: frozenset[int] = frozenset()
    changed: Mapping[int, FlagSet] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()
    new: tuple[NewThere, ...] = ()
    keeps: Mapping[int, Keeps] = field(default_factory=dict)
    epochs: Mapping[int, str] = field(default_factory=dict)
    missing: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    """Folders the server does not let us look at: nothing is decided about them, or waits for them."""
    emptied: frozenset[int] = frozenset()
    left_gone: frozenset[int] = frozenset()
    """Of what is on the server only (:attr:`OperationKind.FETCH`), by its number there: it is gone."""
    headless: frozenset[int] = frozenset()
    """Folders in which a new message was listed whose header was not there any more."""
    lasting: Mapping[tuple[int, str], str] = field(default_factory=dict)
    """Lasting ids of messages of the base that had none, by folder and id on the server."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The input of the planner. ``now`` is the time (Unix seconds).

    ``folders`` are all folders that are synced, ``here_folders`` all that exist here. ``rows`` holds every
    message that either side mentions, and every one without an id on the server. ``counts``: how many
    messages of the base each folder has. ``absent``: since when messages are known to be gone here.
    ``expiring`` messages are too old to be kept here; new ones older than ``oldest`` (by folder) are not
    fetched, nor those larger than ``largest``.
    """

    abilities: Abilities
    folders: tuple[SyncedFolder, ...]
    here_folders: tuple[str, ...]
    rows: Mapping[int, BaseRow]
    here: Here
    there: There
    now: float
    pending: tuple[PendingOperation, ...] = ()
    gone: tuple[GoneRow, ...] = ()
    counts: Mapping[int, int] = field(default_factory=dict)
    absent: Mapping[int, float] = field(default_factory=dict)
    expiring: frozenset[int] = frozenset()
    oldest: Mapping[int, float] = field(default_factory=dict)
    largest: int | None = None
    twins: Mapping[int, int] = field(default_factory=dict)
    """Of the messages gone on the server, those that were moved while we looked, and fetched again: each with
    the message it is now."""
    same: Mapping[str, BaseRow] = field(default_factory=dict)
    """A message that is here, by the lasting id of one that is new on the server."""
    postponed: frozenset[str] = frozenset()
    """Keys of files that are not uploaded for now."""
    copies: frozenset[str] = frozenset()
    """Keys of new files that have just appeared, and have the same bytes as another one."""
    refused: frozenset[str] = frozenset()
    """Folders here that the server refused to create."""
