"""Moves messages and changes their flags, on both sides; what is not confirmed counts as not done."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from misfin.post.sync.base import BaseRow, OperationKind, PendingOperation
from misfin.post.sync.identify import facts_of_file
from misfin.post.sync.journal import begin, ended_for
from misfin.post.sync.remote import StepRefusedError
from misfin.post.sync.steps import Adopt, Move, MoveHere, MoveThere, Refile, Reflag
from misfin.post.sync.values import NO_FLAGS, FlagSet, Role
from misfin.post.sync.verifying import verified
from misfin.post.sync.work import Work, chars_for

# ---- moves


async def move(work: Work, steps: Sequence[Move]) -> None:
    """Do moves. Raises :class:`~misfin.errors.RemoteError` and :class:`~misfin.errors.StoreError`."""
    adopted = [step.row for step in steps if isinstance(step, Adopt)]
    if adopted:
        await asyncio.to_thread(_save, work, adopted)
    groups: defaultdict[tuple[int, int], list[MoveThere]] = defaultdict(list)
    here: defaultdict[tuple[int, int], list[MoveHere]] = defaultdict(list)
    for step in steps:
        if isinstance(step, MoveThere):
            groups[step.row.folder, step.to].append(step)
        elif isinstance(step, MoveHere):
            here[step.row.folder, step.after.folder].append(step)
    await asyncio.to_thread(_refile, work, [step for step in steps if isinstance(step, Refile)])
    for (folder, to), group in groups.items():
        await _move_there(work, folder, to, group)
    for (folder, to), files in here.items():
        await asyncio.to_thread(_move_here, work, folder, to, files)


def _save(work: Work, rows: Sequence[BaseRow]) -> None:
    with work.state.write():
        work.state.save(rows)
    work.moved |= {row.id: row for row in rows}


async def _move_there(work: Work, folder: int, to: int, steps: Sequence[MoveThere]) -> None:
    if work.folders[folder].role is Role.TRASH:
        right = await verified(work, folder, {step.row.remote_id: step.row.facts for step in steps})
        steps = [step for step in steps if step.row.remote_id in right]
    rows = [step.row for step in steps]
    if not rows:
        return
    await asyncio.to_thread(_begin_move, work, folder, to, rows)
    try:
        moved = await work.remote.move(
            work.folders[folder].remote, [row.remote_id for row in rows], work.folders[to].remote
        )
    except StepRefusedError as error:
        work.failed(folder, f"Messages could not be moved to {work.folders[to].local}: {error}")
        work.incomplete.add(to)
        moved = {}
    await asyncio.to_thread(_moved_there, work, folder, to, steps, dict(moved))


def _begin_move(work: Work, folder: int, to: int, rows: Sequence[BaseRow]) -> None:
    now = work.now()
    with work.state.write():
        ended_for(work.state, OperationKind.MOVE, [row.key for row in rows])
        begin(
            work.state,
            [
                PendingOperation(0, OperationKind.MOVE, folder, row.key, row.remote_id, to, row.facts, now)
                for row in rows
            ],
        )


def _moved_there(work: Work, folder: int, to: int, steps: Sequence[MoveThere], moved: dict[str, str]) -> None:
    done = [step for step in steps if step.row.remote_id in moved]
    after = [replace(step.after, remote_id=moved[step.row.remote_id]) for step in done if step.after]
    seen = [row.key for row in after if not row.remote_id]  # still to be found in the other folder
    with work.state.write():
        work.state.save(after)
        work.state.forget(step.row.id for step in done if step.after is None)
        ended_for(work.state, OperationKind.MOVE, {step.row.key for step in steps}.difference(seen))
        ended_for(work.state, OperationKind.DELETE, [step.row.key for step in done if step.after is None])
        for rule in {step.rule for step in done}:
            rows = [step.row for step in done if step.rule is rule]
            work.record(folder, f"moved to {work.folders[to].local}", rows, rule.value)
    work.moved |= {row.id: row for row in after}
    if len(done) < len(steps):
        work.incomplete |= {folder, to}


def _move_here(work: Work, folder: int, to: int, steps: Sequence[MoveHere]) -> None:
    source, target = work.folders[folder].local, work.folders[to].local
    tags = {tag for step in steps for tag in step.flags.tags}
    chars = work.inbox.tag_flags(work.account, target, tags) if tags else {}
    moves = [(step.row.key, chars_for(step.flags, chars) if step.flags.tags else None) for step in steps]
    keys = work.inbox.move(work.account, source, target, moves)
    rows = [replace(step.after, key=keys[step.row.key]) for step in steps if step.row.key in keys]
    if work.folders[folder].role is Role.DRAFTS:
        rows = [row for row in rows if _is_unedited(work.inbox.find(work.account, target, row.key), row)]
    with work.state.write():
        work.state.save(rows)
    work.here += len(keys)
    work.moved |= {row.id: row for row in rows}
    if len(rows) < len(steps):
        work.incomplete |= {folder, to}


def _is_unedited(file: Path | None, row: BaseRow) -> bool:
    """Whether a draft still has the bytes of the base: outside the drafts nobody would look for others.

    One that another program has just written into stays a draft in the base, so the next pass finds both.
    """
    if file is None or not row.facts.digest:
        return True
    try:
        return facts_of_file(file).digest == row.facts.digest
    except OSError:
        return True  # gone already


def _refile(work: Work, steps: Sequence[Refile]) -> None:
    for step in steps:
        source, tags = work.folders[step.row.folder].local, step.flags.tags
        chars = work.inbox.tag_flags(work.account, step.to, tags) if tags else {}
        work.inbox.move(work.account, source, step.to, [(step.row.key, chars_for(step.flags, chars))])
        work.here += 1
        work.again = True


# ---- flags

_Change = tuple[FlagSet, FlagSet]
_NOTHING = (NO_FLAGS, NO_FLAGS)


async def reflag(work: Work, steps: Sequence[Reflag]) -> None:
    """Bring flags in sync: first the server's, by change and not message by message, then ours."""
    if not steps:
        return
    rows = await asyncio.to_thread(work.state.rows, [step.row for step in steps])
    groups: defaultdict[tuple[int, int, _Change], list[BaseRow]] = defaultdict(list)
    undone: set[int] = {step.row for step in steps if step.row not in rows}
    for step in steps:
        row = rows.get(step.row)
        if row is None or step.there == _NOTHING:
            continue
        if row.remote_id:
            # What we have moved ourselves has been changed since the look.
            modseq = 0 if row.id in work.moved else work.points[row.folder].modseq
            groups[row.folder, modseq, step.there].append(row)
        else:  # moved by us, and the server did not say to which id: once it is found
            undone.add(row.id)
            work.incomplete.add(row.folder)
    for (folder, modseq, change), group in groups.items():
        lost = await _flag_there(work, folder, modseq, change, group)
        undone |= {row.id for row in group if row.remote_id in lost}
    done = [step for step in steps if step.row not in undone]
    await asyncio.to_thread(_flag_here, work, done, rows)


async def _flag_there(
    work: Work, folder: int, modseq: int, change: _Change, rows: Sequence[BaseRow]
) -> set[str]:
    """Change flags on the server; returns the ids of those it was not done for."""
    add, remove = change
    ids = [row.remote_id for row in rows]
    try:
        lost = set(await work.remote.flag(work.folders[folder].remote, ids, add, remove, modseq=modseq))
    except StepRefusedError as error:
        work.failed(folder, f"Flags in {work.folders[folder].local} could not be changed: {error}")
        return set(ids)
    if lost:
        work.incomplete.add(folder)
    done = [row for row in rows if row.remote_id not in lost]
    await asyncio.to_thread(_record_flags, work, folder, done, change)
    return lost


def _record_flags(work: Work, folder: int, rows: Sequence[BaseRow], change: _Change) -> None:
    words = [f"+{flag}" for flag in (*change[0].chars, *sorted(change[0].tags))]
    words += [f"-{flag}" for flag in (*change[1].chars, *sorted(change[1].tags))]
    with work.state.write():
        work.record(folder, "flags changed", rows, " ".join(words))


def _flag_here(work: Work, steps: Sequence[Reflag], rows: dict[int, BaseRow]) -> None:
    by_folder: defaultdict[int, list[Reflag]] = defaultdict(list)
    for step in steps:
        by_folder[rows[step.row].folder].append(step)
    for folder, group in by_folder.items():
        local = work.folders[folder].local
        changing = [step for step in group if step.here != _NOTHING]
        tags = {tag for step in changing for part in step.here for tag in part.tags}
        chars = work.inbox.tag_flags(work.account, local, tags) if tags else {}
        changes = [
            (rows[step.row].key, chars_for(step.here[0], chars), chars_for(step.here[1], chars))
            for step in changing
        ]
        there = work.inbox.flag(work.account, local, changes) if changes else set()
        done = [step for step in group if step.here == _NOTHING or rows[step.row].key in there]
        with work.state.write():
            work.state.set_flags((step.row, step.flags) for step in done)
        work.here += len(there)
        if len(done) < len(group):
            work.incomplete.add(folder)
