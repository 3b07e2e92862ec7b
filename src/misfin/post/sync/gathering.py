"""Gathers the planner's input from the base, both sides, and the headers of messages that may be known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from misfin.post.source import Inbox
from misfin.post.sync.base import BaseRow, FolderState, OperationKind, SyncedFolder
from misfin.post.sync.here import HereView
from misfin.post.sync.identify import Facts, facts_of_head
from misfin.post.sync.journal import gone, pending
from misfin.post.sync.remote import Remote
from misfin.post.sync.rules import SURE_AFTER
from misfin.post.sync.settings import SyncMemory, SyncSettings
from misfin.post.sync.situation import HereFile, Situation, There
from misfin.post.sync.state import SyncState
from misfin.post.sync.there import joined, look_there, mentioned, wants_heads, with_facts
from misfin.post.sync.values import Abilities, Seen, SyncPoint
from misfin.valueclass import dataclass

_LOOKED_FOR: Final = frozenset({OperationKind.APPEND, OperationKind.MOVE, OperationKind.STORE})
"""What may have put a message on the server, or here, that the base does not know."""
_MANY_HEADS: Final = 1000
"""From so many header blocks on, those of a whole folder are asked for at once."""
_POSTPONED_FOR: Final = 3600.0
"""Seconds until a file is uploaded again that the server did not take."""
_EXPIRED_EVERY: Final = 86400.0
"""Seconds between two searches for messages that are too old: the time of each file has to be read."""


@dataclass(frozen=True, slots=True)
class ServerView:
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
    looks: ServerView,
    quiet: Collection[str],
    now: float,
) -> Situation:
    """The situation, but for what only headers can tell. Blocks.

    Raises :class:`~misfin.errors.StoreError`.
    """
    folders = state.folders()
    waiting = {folder.id for folder in folders if folder.local in quiet}
    begun = [each for each in pending(state) if each.folder not in waiting]
    left = [each for each in begun if each.kind is OperationKind.FETCH]
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
    twins = _twins(state, [row for row in rows.values() if row.id in there.gone or not row.remote_id])
    rows |= state.rows([row for row in twins.values() if row not in rows]) if twins else {}
    return Situation(
        abilities=abilities,
        folders=tuple(folders),
        here_folders=here.folders,
        rows=rows,
        here=here.here,
        there=there,
        now=now,
        pending=tuple(begun),
        gone=tuple(gone(state)) if there.new else (),
        counts=state.counts() if lost else {},
        absent=memory.absent,
        expiring=expiring,
        oldest=oldest,
        largest=settings.fetch_up_to,
        refused=frozenset(memory.refused),
        twins=twins,
        same=_same(state, here, there),
        copies=_copies(state, here.here.new, memory, now),
        postponed=frozenset(key for key, at in memory.postponed.items() if 0 <= now - at < _POSTPONED_FOR),
    )


def _twins(state: SyncState, gone: Sequence[BaseRow]) -> dict[int, int]:
    """Those of the messages gone on the server that came in another folder since: somebody moved them.

    One that was there before is a copy. Each stands for one that was moved, and no more.
    """
    if not gone:
        return {}
    same = state.same_bytes({row.facts.digest for row in gone})
    found: dict[int, int] = {}
    lost = {row.id for row in gone}
    for row in gone:
        others = same.get(row.facts.digest, {})
        since = [each for each, stored in others.items() if stored >= row.stored and each not in lost]
        if since:
            found[row.id] = min(since)
            del others[found[row.id]]
    return found


def _same(state: SyncState, here: HereView, there: There) -> dict[str, BaseRow]:
    """What is here, unchanged and in its place, by the lasting id of something new on the server."""
    ids = {new.listed.lasting for new in there.new if new.listed.lasting}
    busy = here.here.gone | here.here.moved.keys() | here.here.edited.keys()
    return {
        lasting: row
        for lasting, rows in (state.by_lasting(ids).items() if ids else ())
        for row in rows
        if row.key and row.id not in busy and row.facts.digest
    }


def _copies(state: SyncState, new: Sequence[HereFile], memory: SyncMemory, now: float) -> frozenset[str]:
    """New files with the same bytes as another one that have not been here for long."""
    times = Counter(file.facts.digest for file in new)
    known = state.same_bytes(times.keys()) if times else {}
    seen = {
        file.key: min(memory.copies.get(file.key, now), now)  # the clock may have been set back
        for file in new
        if times[file.facts.digest] > 1 or file.facts.digest in known
    }
    memory.copies = seen
    return frozenset(key for key, since in seen.items() if now - since < SURE_AFTER)


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
    """Messages too old to be kept here, but for those a person opened on the server."""
    found: set[int] = set()
    stay = {each.key for each in pending(state, [OperationKind.OPEN]) if each.key} if oldest else set()
    for folder in folders:
        limit = oldest.get(folder.id)
        if limit is None or now - folder.synced_at < _EXPIRED_EVERY:
            continue
        for row in state.of_folder(folder.id):
            if not row.key or row.key in stay:
                continue
            path = inbox.find(settings.account, folder.local, row.key)
            with suppress(OSError):
                if path is not None and path.stat().st_mtime < limit:
                    found.add(row.id)
    return frozenset(found)


def _undecided(there: There, likely: Sequence[Facts], attic: Collection[int]) -> There:
    """Without what a lasting id tells already: that it is a known message, or that it is none of these."""
    known = {facts.lasting for facts in likely if facts.lasting}
    if not known:
        return there
    told = not attic and all(facts.lasting for facts in likely)
    return replace(
        there,
        new=tuple(
            new
            for new in there.new
            if not new.listed.lasting or (new.listed.lasting not in known and not told)
        ),
    )


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
    likely += [each.facts for each in situation.pending if each.kind in _LOOKED_FOR]
    attic = {each.facts.size for each in situation.gone if each.attic}
    folders = {folder.id: folder for folder in situation.folders}
    facts: dict[tuple[int, str], Facts] = {}
    headless: set[int] = set()
    for folder, ids in wants_heads(_undecided(there, likely, attic), likely, attic).items():
        sizes = {new.listed.id: new.listed.size for new in there.new if new.folder == folder}
        everything = len(ids) == len(sizes) > _MANY_HEADS
        for head in await remote.heads(folders[folder].remote, None if everything else ids):
            size = sizes.get(head.id) or head.size
            facts[folder, head.id] = facts_of_head(head.data, size)
        if any((folder, each) not in facts for each in ids):
            headless.add(folder)
    if not (facts or headless):
        return situation
    new = with_facts(there.new, facts)
    return replace(situation, there=replace(there, new=new, headless=frozenset(headless)))
