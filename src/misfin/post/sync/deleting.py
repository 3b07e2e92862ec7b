"""Deletes, last of all: on the server exactly the intended message, here by moving it to the attic."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from misfin.post.sync.base import BaseRow, GoneRow, OperationKind, PendingOperation
from misfin.post.sync.identify import UNKNOWN
from misfin.post.sync.journal import begin, ended, ended_for, remember_deleted
from misfin.post.sync.remote import StepRefusedError
from misfin.post.sync.steps import (
    Delete,
    EndPending,
    Expire,
    Forget,
    LeaveThere,
    RemoveHere,
    RemoveReplaced,
    RemoveThere,
    ToAttic,
    Withhold,
)
from misfin.post.sync.values import FLAG_CHARS, NO_FLAGS, FlagSet
from misfin.post.sync.verifying import verified
from misfin.post.sync.work import Work
from misfin.store.mail.filenames import split_name


async def delete(work: Work, steps: Sequence[Delete]) -> None:
    """Do deletions. Raises :class:`~misfin.errors.RemoteError` and :class:`~misfin.errors.StoreError`."""
    there: defaultdict[int, list[RemoveThere | RemoveReplaced]] = defaultdict(list)
    withheld: defaultdict[int, list[BaseRow]] = defaultdict(list)
    for step in steps:
        if isinstance(step, RemoveThere):
            there[step.row.folder].append(step)
        elif isinstance(step, RemoveReplaced):
            there[step.pending.folder].append(step)
        elif isinstance(step, Withhold):
            withheld[step.row.folder].append(step.row)
    for folder, group in there.items():
        await _remove_there(work, folder, group)
    for folder, rows in withheld.items():
        await _withhold(work, folder, rows)
    await asyncio.to_thread(_delete_here, work, steps)


# ---- on the server


async def _remove_there(work: Work, folder: int, steps: Sequence[RemoveThere | RemoveReplaced]) -> None:
    ids = {_remote_id(step): step for step in steps}
    known = {each: step.row.facts for each, step in ids.items() if isinstance(step, RemoveThere)}
    for wrong in known.keys() - await verified(work, folder, known):
        del ids[wrong]
    if not ids:
        return
    try:
        done = set(await work.remote.remove(work.folders[folder].remote, list(ids)))
    except StepRefusedError as error:
        work.failed(folder, f"Messages in {work.folders[folder].local} could not be deleted: {error}")
        return
    undone = [each for each in ids if each not in done]
    if undone and work.remote.abilities.mirrors:
        there = {head.id for head in await work.remote.heads(work.folders[folder].remote, undone)}
        done |= set(undone) - there  # deleted by somebody else, or by us just before a crash
    if len(done) < len(ids):
        work.incomplete.add(folder)
    await asyncio.to_thread(_removed_there, work, folder, [ids[each] for each in ids if each in done])


def _remote_id(step: RemoveThere | RemoveReplaced) -> str:
    return step.row.remote_id if isinstance(step, RemoveThere) else step.pending.remote_id


def _removed_there(work: Work, folder: int, steps: Sequence[RemoveThere | RemoveReplaced]) -> None:
    rows = [step.row for step in steps if isinstance(step, RemoveThere)]
    replaced = [step.pending for step in steps if isinstance(step, RemoveReplaced)]
    now = work.now()
    with work.state.write():
        work.state.forget(row.id for row in rows)
        ended_for(work.state, OperationKind.DELETE, [row.key for row in rows if row.key])
        ended(work.state, [each.id for each in replaced])
        remember_deleted(work.state, [GoneRow(0, folder, row.remote_id, row.facts, now) for row in rows])
        work.record(folder, "deleted", rows)
        old = [BaseRow(0, folder, each.remote_id, "") for each in replaced]
        work.record(folder, "deleted", old, "replaced by a newer version")


async def _withhold(work: Work, folder: int, rows: Sequence[BaseRow]) -> None:
    """Flag what the server cannot delete one by one; it is not fetched again."""
    if "T" in work.remote.abilities.flags:
        ids = [row.remote_id for row in rows]
        try:
            await work.remote.flag(work.folders[folder].remote, ids, FlagSet("T"), NO_FLAGS)
        except StepRefusedError as error:
            work.failed(folder, str(error))
            return
    await asyncio.to_thread(_withheld, work, rows)


def _withheld(work: Work, rows: Sequence[BaseRow]) -> None:
    with work.state.write():
        ended_for(work.state, OperationKind.DELETE, [row.key for row in rows])
        work.state.save(replace(row, key="") for row in rows)


# ---- here


def _delete_here(work: Work, steps: Sequence[Delete]) -> None:
    attic: defaultdict[tuple[int, str], list[BaseRow]] = defaultdict(list)
    bins: defaultdict[tuple[int, str], list[BaseRow]] = defaultdict(list)
    old: defaultdict[int, list[BaseRow]] = defaultdict(list)
    left: list[PendingOperation] = []
    forgotten: list[int] = []
    finished: list[int] = []
    for step in steps:
        match step:
            case ToAttic(row, place):
                attic[row.folder, place or work.folders[row.folder].local].append(row)
            case RemoveHere(row, place):
                bins[row.folder, place or work.folders[row.folder].local].append(row)
            case Expire():
                old[step.row.folder].append(step.row)
            case Forget():
                forgotten.append(step.row)
            case LeaveThere(folder, listed):
                facts = UNKNOWN._replace(size=listed.size or 0)
                left.append(
                    PendingOperation(
                        0, OperationKind.FETCH, folder, remote_id=listed.id, facts=facts, begun=work.now()
                    )
                )
            case EndPending():
                finished.append(step.pending)
    for (folder, place), rows in attic.items():
        keys = work.inbox.to_attic(work.account, place, [row.key for row in rows])
        _deleted_here(work, folder, rows, keys)
    for (folder, place), rows in bins.items():
        work.inbox.remove(work.account, place, [row.key for row in rows])
        _deleted_here(work, folder, rows, {})
    for folder, rows in old.items():
        _expire(work, folder, rows)
    if left or forgotten or finished:
        with work.state.write():
            begin(work.state, left)
            work.state.forget(forgotten)
            ended(work.state, finished)


def _deleted_here(work: Work, folder: int, rows: Sequence[BaseRow], attic: dict[str, str]) -> None:
    now = work.now()
    with work.state.write():
        work.state.forget(row.id for row in rows)
        remember_deleted(
            work.state,
            [GoneRow(0, folder, row.remote_id, row.facts, now, attic.get(row.key, "")) for row in rows],
        )
    work.here += len(rows)


def _expire(work: Work, folder: int, rows: Sequence[BaseRow]) -> None:
    keys, now = [row.key for row in rows], work.now()
    with work.state.write():
        begin(work.state, [PendingOperation(0, OperationKind.EXPIRE, folder, key, begun=now) for key in keys])
    local = work.folders[folder].local
    # What a person has just flagged or moved is not forgotten: the server is to hear of it first.
    rows = list(work.state.rows([row.id for row in rows]).values())
    unchanged = [row.key for row in rows if _has_flags(work.inbox.find(work.account, local, row.key), row)]
    removed = work.inbox.remove(work.account, local, unchanged)
    with work.state.write():
        work.state.forget(row.id for row in rows if row.key in removed)
        ended_for(work.state, OperationKind.EXPIRE, keys)


def _has_flags(file: Path | None, row: BaseRow) -> bool:
    """Whether a file has the flags of the base; of tags, no more than those."""
    flags = split_name(file.name)[1] if file is not None else ""
    tags = sum(flag.islower() for flag in flags)
    chars = {flag for flag in flags if flag in FLAG_CHARS}
    return file is not None and chars == set(row.flags.chars) and tags <= len(row.flags.tags)
