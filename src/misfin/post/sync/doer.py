"""Carries out a plan in the order create, move, flags, delete; after a crash, planning starts again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from misfin.post.sync.base import BaseRow, OperationKind, PendingOperation, SyncedFolder
from misfin.post.sync.batches import LARGE
from misfin.post.sync.copying import copy_here
from misfin.post.sync.deleting import delete
from misfin.post.sync.fetching import fetch, known_of
from misfin.post.sync.journal import (
    ServerChange,
    begin,
    ended,
    ended_for,
    ended_there,
    forget_deleted,
    record,
)
from misfin.post.sync.merging import difference
from misfin.post.sync.moving import move, reflag
from misfin.post.sync.remote import StepRefusedError
from misfin.post.sync.steps import (
    Append,
    CopyHere,
    Create,
    CreateThere,
    FetchNew,
    Pair,
    RenameThere,
    Renew,
    Replace,
    Restore,
    SyncPlan,
)
from misfin.post.sync.uploading import upload
from misfin.post.sync.values import NO_FLAGS, Listed, RemoteFolder
from misfin.post.sync.work import Work, chars_for

FIRST_OF_INBOX: Final = 500
"""How many messages of the inbox are fetched before those of any other folder."""


async def do(work: Work, plan: SyncPlan) -> None:
    """Carry out the steps of a plan.

    Raises :class:`~misfin.errors.RemoteError` if the connection or the server fails, and
    :class:`~misfin.errors.StoreError` if the disk does; what was done until then is written down.
    """
    for step in plan.folders:
        await _folder(work, step)
    await asyncio.to_thread(_local_creates, work, plan.creates)
    await upload(work, [step for step in plan.creates if isinstance(step, Append)])
    known = [step for step in plan.creates if isinstance(step, CopyHere)]
    fetches = [step for step in plan.creates if isinstance(step, FetchNew)]
    fetches += await asyncio.to_thread(copy_here, work, known) if known else []
    for folder, listed in in_order(fetches):
        try:
            await fetch(work, work.folders[folder], listed)
        except StepRefusedError as error:
            work.failed(folder, f"{work.folders[folder].local} could not be fetched: {error}")
    await move(work, plan.moves)
    await reflag(work, plan.flags)
    await delete(work, plan.deletes)


def in_order(steps: Sequence[FetchNew]) -> list[tuple[int, Sequence[Listed]]]:
    """The fetches of all folders in the order in which people miss them.

    First the newest 500 of the first folder, then the others, then the rest; large messages last of all.
    """
    if not steps:
        return []
    small = [(step.folder, [each for each in step.listed if (each.size or 0) < LARGE]) for step in steps]
    large = [(step.folder, [each for each in step.listed if (each.size or 0) >= LARGE]) for step in steps]
    (first, newest), *others = small
    parts = [(first, newest[:FIRST_OF_INBOX]), *others, (first, newest[FIRST_OF_INBOX:]), *large]
    return [(folder, part) for folder, part in parts if part]


async def _folder(work: Work, step: CreateThere | RenameThere) -> None:
    try:
        if isinstance(step, RenameThere):
            folder = work.folders[step.folder]
            remote = folder.remote  # renamed with the one that it is in, perhaps
            if remote.name != step.local:
                remote = await work.remote.rename(folder.remote, step.local)
        else:
            remote = await work.remote.create(step.local, step.role)
    except StepRefusedError as error:
        work.refused.add(step.local)
        work.problems.append(f"The folder {step.local} could not be created on the server: {error}")
        return
    await asyncio.to_thread(_link, work, step, remote)


def _link(work: Work, step: CreateThere | RenameThere, remote: RemoteFolder) -> None:
    state, local = work.state, step.local
    known = work.folders[step.folder] if isinstance(step, RenameThere) else state.folder(local)
    with state.write():
        if known is not None and known.remote.raw != remote.raw:
            _rename_inside(work, known, local, remote)
        if known is None:
            assert isinstance(step, CreateThere)
            state.add_folder(local, replace(remote, role=step.role, status=None))
        else:
            there = replace(remote, role=known.role, status=None)
            state.save_folder(replace(known, local=local, remote=there, stamp=""))
        what = "created" if isinstance(step, CreateThere) else "renamed"
        record(state, [ServerChange(work.now(), local, what)])
    work.there += 1


def _rename_inside(work: Work, folder: SyncedFolder, local: str, remote: RemoteFolder) -> None:
    """The folders inside a renamed one were renamed with it on the server, and here perhaps too."""
    here = set(work.inbox.folders(work.account))
    for each in work.folders.values():
        rest = each.remote.raw[len(folder.remote.raw) :]
        inside = each.remote.name.startswith(f"{folder.remote.name}/")
        if not (inside and each.remote.raw.startswith(folder.remote.raw)):
            continue
        name = f"{remote.name}{each.remote.name[len(folder.remote.name) :]}"
        there = replace(each.remote, raw=remote.raw + rest, name=name)
        renamed = f"{local}{each.local[len(folder.local) :]}"
        follows = each.local.startswith(f"{folder.local}/") and renamed in here and each.local not in here
        work.state.save_folder(
            replace(each, local=renamed if follows else each.local, remote=there, stamp="")
        )


# ---- what needs no server


def _local_creates(work: Work, steps: Sequence[Create]) -> None:
    for step in steps:
        match step:
            case Renew(file):
                work.inbox.renew(work.account, file.folder, file.name)
                work.again = True
            case Pair():
                _pair(work, step)
            case Restore():
                _restore(work, step)
            case Replace():
                _replace(work, step)


def _pair(work: Work, step: Pair) -> None:
    """Two copies become one message; their flags are united here now, and on the server by the next pass."""
    file, listed = step.file, step.new.listed
    local = work.folders[step.folder].local
    if step.follow and file.folder != local:
        tags = file.flags.tags
        chars = work.inbox.tag_flags(work.account, local, tags) if tags else {}
        flags = chars_for(file.flags, chars) if tags else None
        keys = work.inbox.move(work.account, file.folder, local, [(file.key, flags)])
        if file.key not in keys:
            work.again = True
            return
        file = file._replace(folder=local, key=keys[file.key])
    add, _ = difference(file.flags, step.flags)
    if add != NO_FLAGS:
        chars = work.inbox.tag_flags(work.account, file.folder, add.tags) if add.tags else {}
        work.inbox.flag(work.account, file.folder, [(file.key, chars_for(add, chars), "")])
    work.again = work.again or step.there != step.flags or file.folder != local
    row = BaseRow(0, step.folder, listed.id, file.key, step.there, known_of(file.facts, listed), work.now())
    with work.state.write():
        work.state.add([row])
        ended_for(work.state, OperationKind.APPEND, [file.key])
        ended(work.state, [step.resumes])
        ended_there(work.state, OperationKind.FETCH, step.folder, [listed.id])
        ended_there(work.state, OperationKind.STORE, step.folder, [listed.id])


def _replace(work: Work, step: Replace) -> None:
    """The row stands for the version that was uploaded; if the file has changed since, the next pass sees."""
    row, state, there = step.row, work.state, step.new.listed
    old = PendingOperation(0, OperationKind.DELETE, row.folder, remote_id=row.remote_id, begun=work.now())
    with state.write():
        now = replace(row, folder=step.new.folder, remote_id=there.id, flags=there.flags)
        state.save([replace(now, facts=known_of(step.begun.facts, there))])
        ended(state, [step.begun.id])
        if row.remote_id:
            begin(state, [old])
    work.again = True


def _restore(work: Work, step: Restore) -> None:
    folder, listed = work.folders[step.new.folder], step.new.listed
    tags = listed.flags.tags
    chars = work.inbox.tag_flags(work.account, folder.local, tags) if tags else {}
    key = work.inbox.from_attic(work.account, folder.local, step.gone.attic, chars_for(listed.flags, chars))
    row = BaseRow(0, folder.id, listed.id, key, listed.flags, known_of(step.gone.facts, listed), work.now())
    with work.state.write():
        forget_deleted(work.state, [step.gone.id])
        if key:
            work.state.add([row])
    if not key:
        work.incomplete.add(folder.id)  # not in the attic any more: the next pass fetches it
    work.arrived += bool(key)
