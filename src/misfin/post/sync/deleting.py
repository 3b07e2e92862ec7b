"""Deletes, last of all: on the server exactly the intended message, here by moving it to the attic."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from misfin.post.sync.base import BaseRow, Doing, DoingKind, GoneRow
from misfin.post.sync.identify import UNKNOWN
from misfin.post.sync.journal import begin, bury, ended, ended_for
from misfin.post.sync.remote import StepRefusedError
from misfin.post.sync.steps import (
    Delete,
    EndDoing,
    Expire,
    Forget,
    LeaveThere,
    RemoveHere,
    RemoveReplaced,
    RemoveThere,
    ToAttic,
    Withhold,
)
from misfin.post.sync.values import NO_FLAGS, FlagSet
from misfin.post.sync.verifying import verified
from misfin.post.sync.work import Work


async def delete(work: Work, steps: Sequence[Delete]) -> None:
    """Do deletions. Raises :class:`~misfin.errors.RemoteError` and :class:`~misfin.errors.StoreError`."""
    there: defaultdict[int, list[RemoveThere | RemoveReplaced]] = defaultdict(list)
    withheld: defaultdict[int, list[BaseRow]] = defaultdict(list)
    for step in steps:
        if isinstance(step, RemoveThere):
            there[step.row.folder].append(step)
        elif isinstance(step, RemoveReplaced):
            there[step.doing.folder].append(step)
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
    if len(done) < len(ids):
        work.incomplete.add(folder)
    await asyncio.to_thread(_removed_there, work, folder, [ids[each] for each in ids if each in done])


def _remote_id(step: RemoveThere | RemoveReplaced) -> str:
    return step.row.remote_id if isinstance(step, RemoveThere) else step.doing.remote_id


def _removed_there(work: Work, folder: int, steps: Sequence[RemoveThere | RemoveReplaced]) -> None:
    rows = [step.row for step in steps if isinstance(step, RemoveThere)]
    replaced = [step.doing for step in steps if isinstance(step, RemoveReplaced)]
    now = work.now()
    with work.state.write():
        work.state.forget(row.id for row in rows)
        ended_for(work.state, DoingKind.DELETE, [row.key for row in rows if row.key])
        ended(work.state, [each.id for each in replaced])
        bury(work.state, [GoneRow(0, folder, row.remote_id, row.facts, now) for row in rows])
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
        ended_for(work.state, DoingKind.DELETE, [row.key for row in rows])
        work.state.save(replace(row, key="") for row in rows)


# ---- here


def _delete_here(work: Work, steps: Sequence[Delete]) -> None:
    attic: defaultdict[int, list[BaseRow]] = defaultdict(list)
    bins: defaultdict[int, list[BaseRow]] = defaultdict(list)
    old: defaultdict[int, list[BaseRow]] = defaultdict(list)
    left: list[Doing] = []
    forgotten: list[int] = []
    finished: list[int] = []
    for step in steps:
        match step:
            case ToAttic():
                attic[step.row.folder].append(step.row)
            case RemoveHere():
                bins[step.row.folder].append(step.row)
            case Expire():
                old[step.row.folder].append(step.row)
            case Forget():
                forgotten.append(step.row)
            case LeaveThere(folder, listed):
                facts = UNKNOWN._replace(size=listed.size or 0)
                left.append(
                    Doing(0, DoingKind.FETCH, folder, remote_id=listed.id, facts=facts, begun=work.now())
                )
            case EndDoing():
                finished.append(step.doing)
    for folder, rows in attic.items():
        keys = work.inbox.to_attic(work.account, work.folders[folder].local, [row.key for row in rows])
        _buried(work, folder, rows, keys)
    for folder, rows in bins.items():
        work.inbox.remove(work.account, work.folders[folder].local, [row.key for row in rows])
        _buried(work, folder, rows, {})
    for folder, rows in old.items():
        _expire(work, folder, rows)
    if left or forgotten or finished:
        with work.state.write():
            begin(work.state, left)
            work.state.forget(forgotten)
            ended(work.state, finished)


def _buried(work: Work, folder: int, rows: Sequence[BaseRow], attic: dict[str, str]) -> None:
    now = work.now()
    with work.state.write():
        work.state.forget(row.id for row in rows)
        bury(
            work.state,
            [GoneRow(0, folder, row.remote_id, row.facts, now, attic.get(row.key, "")) for row in rows],
        )
    work.here += len(rows)


def _expire(work: Work, folder: int, rows: Sequence[BaseRow]) -> None:
    keys, now = [row.key for row in rows], work.now()
    with work.state.write():
        begin(work.state, [Doing(0, DoingKind.EXPIRE, folder, key, begun=now) for key in keys])
    work.inbox.remove(work.account, work.folders[folder].local, keys)
    with work.state.write():
        work.state.forget(row.id for row in rows)
        ended_for(work.state, DoingKind.EXPIRE, keys)
