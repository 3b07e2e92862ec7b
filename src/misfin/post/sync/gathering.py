"""Gathers the planner's input from the base, both sides, and the headers of messages that may be known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from misfin.post.source import Inbox
from misfin.post.sync.base import BaseRow, DoingKind, FolderState, SyncedFolder
from misfin.post.sync.here import HereView
from misfin.post.sync.identify import Facts, facts_of_head
from misfin.post.sync.journal import doing, gone
from misfin.post.sync.remote import Remote
from misfin.post.sync.settings import SyncMemory, SyncSettings
from misfin.post.sync.situation import Situation, There
from misfin.post.sync.state import SyncState
from misfin.post.sync.there import joined, look_there, mentioned, wants_heads, with_facts
from misfin.post.sync.values import Abilities, Seen, SyncPoint

_MANY_HEADS: Final = 1000
"""From so many header blocks on, those of a whole folder are asked for at once."""
_POSTPONED_FOR: Final = 3600.0
"""Seconds until a file is uploaded again that the server did not take."""
_EXPIRED_EVERY: Final = 86400.0
"""Seconds between two searches for messages that are too old: the time of each file has to be read."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What is known of the server: ``seen`` by folder, ``looked`` (or known to be unchanged), ``missing``."""

    seen: Mapping[int, Seen]
    looked: Mapping[int, SyncPoint]
    missing: Collection[int]
    refused: Collection[int] = ()


def gather(
    state: SyncState,
    inbox: Inbox,
    settings: SyncSettings,
    memory: SyncMemory,
    abilities: Abilities,
    here: HereView,
    looks: Looks,
    quiet: Collection[str],
    now: float,
) -> Situation:
    """The situation, but for what only headers can tell. Blocks.

    Raises :class:`~misfin.errors.StoreError`.
    """
    folders = state.folders()
    waiting = {folder.id for folder in folders if folder.local in quiet}
    begun = [each for each in doing(state) if each.folder not in waiting]
    left = [each for each in begun if each.kind is DoingKind.FETCH]
    views = {
        folder.id: look_there(state, folder, looks.seen[folder.id], left)
        for folder in folders
        if folder.id in looks.seen
    }
    there = _decided(state, joined(views, looks.looked, looks.missing, looks.refused), folders)
    rows = state.rows(here.rows.keys())  # their ids may have been forgotten since they were read
    rows |= mentioned(there, state, rows)
    rows |= {row.id: row for row in state.unnumbered() if row.id not in rows}
    oldest = {
        folder.id: now - keep for folder in folders if (keep := settings.keep_in(folder.local)) is not None
    }
    expiring = _expiring(state, inbox, settings, [each for each in folders if each.id in views], oldest, now)
    rows |= state.rows([row for row in expiring if row not in rows])
    lost = here.here.gone or here.here.missing or there.gone or there.missing
    return Situation(
        abilities=abilities,
        folders=tuple(folders),
        here_folders=here.folders,
        rows=rows,
        here=here.here,
        there=there,
        now=now,
        doing=tuple(begun),
        gone=tuple(gone(state)) if there.new else (),
        counts=state.counts() if lost else {},
        absent=memory.absent,
        expiring=expiring,
        oldest=oldest,
        largest=settings.fetch_up_to,
        refused=frozenset(memory.refused),
        twins=_twins(state, [rows[row] for row in there.gone], there.gone),
        postponed=frozenset(key for key, at in memory.postponed.items() if 0 <= now - at < _POSTPONED_FOR),
    )


def _twins(state: SyncState, gone: Sequence[BaseRow], lost: Collection[int]) -> frozenset[int]:
    """Those of the messages gone on the server that are there in another folder, as we know already."""
    if not gone:
        return frozenset()
    same = state.numbers_of({row.facts.digest for row in gone})
    return frozenset(row.id for row in gone if same.get(row.facts.digest, set()).difference(lost))


def _decided(state: SyncState, there: There, folders: Sequence[SyncedFolder]) -> There:
    """A folder gone on the server that a person has decided about has lost all its messages."""
    lost = {
        row.id
        for folder in folders
        if folder.id in there.missing and folder.state in (FolderState.AGREED, FolderState.KEEPING)
        for row in state.of_folder(folder.id)
    }
    return replace(there, gone=there.gone | lost) if lost else there


def _expiring(
    state: SyncState,
    inbox: Inbox,
    settings: SyncSettings,
    folders: Sequence[SyncedFolder],
    oldest: Mapping[int, float],
    now: float,
) -> frozenset[int]:
    """Messages too old to be kept here."""
    found: set[int] = set()
    for folder in folders:
        limit = oldest.get(folder.id)
        if limit is None or now - folder.synced_at < _EXPIRED_EVERY:
            continue
        for row in state.of_folder(folder.id):
            path = inbox.find(settings.account, folder.local, row.key) if row.key else None
            with suppress(OSError):
                if path is not None and path.stat().st_mtime < limit:
                    found.add(row.id)
    return frozenset(found)


async def identified(remote: Remote, situation: Situation) -> Situation:
    """The situation with the header hashes of those new messages that may be known.

    Raises :class:`~misfin.errors.RemoteError`.
    """
    there = situation.there
    if not remote.abilities.mirrors or not there.new:
        return situation
    likely = [file.facts for file in situation.here.new]
    likely += [row.facts for row in situation.rows.values() if not row.remote_id]
    likely += [situation.rows[row].facts for row in there.gone]
    likely += [each.facts for each in situation.doing if each.kind in (DoingKind.APPEND, DoingKind.MOVE)]
    attic = {each.facts.size for each in situation.gone if each.attic}
    folders = {folder.id: folder for folder in situation.folders}
    facts: dict[tuple[int, str], Facts] = {}
    for folder, ids in wants_heads(there, likely, attic).items():
        sizes = {new.listed.id: new.listed.size for new in there.new if new.folder == folder}
        everything = len(ids) == len(sizes) > _MANY_HEADS
        for head in await remote.heads(folders[folder].remote, None if everything else ids):
            size = sizes.get(head.id) or head.size
            facts[folder, head.id] = facts_of_head(head.data, size)
    if not facts:
        return situation
    return replace(situation, there=replace(there, new=with_facts(there.new, facts)))
