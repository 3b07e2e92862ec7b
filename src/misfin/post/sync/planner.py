"""Compares the base, this side and the server, and decides what to do: the rules of docs/sync.md §2.

Pure: no I/O and no clock, so that every history can be tried in memory. Nothing is decided by a queue of
past events, only by what is; so a crash at any moment means no more than planning again.
"""

from __future__ import annotations

from collections.abc import Iterator

from misfin.post.sync.base import BaseRow, OperationKind, PendingOperation
from misfin.post.sync.deletions import decide
from misfin.post.sync.folders import folders
from misfin.post.sync.merging import as_far_as_kept, united
from misfin.post.sync.pairing import pair
from misfin.post.sync.planning import UNDONE_AFTER, Planning
from misfin.post.sync.rules import SURE_AFTER, message
from misfin.post.sync.situation import NewThere, Situation
from misfin.post.sync.steps import (
    Append,
    CopyHere,
    EndPending,
    Expire,
    Forget,
    LeaveThere,
    Pair,
    RemoveReplaced,
    Renew,
    Replace,
    Restore,
    Rule,
    SyncPlan,
)
from misfin.post.sync.values import Role


def make_plan(situation: Situation) -> SyncPlan:
    """What to do to bring both sides in sync. If there are folders to create, that is all for now."""
    plan = Planning(situation, pair(situation))
    first = tuple(folders(plan))
    if first:
        return SyncPlan(folders=first, absent=situation.absent)
    plan.creates += (Renew(file) for file in situation.here.odd)
    for row in situation.rows.values():
        if plan.live(row.folder) and row.key:
            message(plan, row)
        elif plan.live(row.folder) and row.id in situation.there.gone:
            plan.deletes.append(Forget(row.id))  # deleted here before, and now there
    _orphans(plan)
    decide(plan)
    _both_new(plan)
    _new_there(plan)
    _new_here(plan)
    _expiring(plan)
    _end_pending(plan)
    _see_again(plan)
    return plan.finished()


def _orphans(plan: Planning) -> None:
    """What an interrupted upload put on the server, and whose file is gone here."""
    for begun, new in plan.pairs.orphans:
        if not plan.live(new.folder):
            continue
        if begun.key in plan.meant and plan.abilities.removes:
            row = BaseRow(0, new.folder, new.listed.id, begun.key, new.listed.flags, new.facts)
            plan.here_lost.append((row, True))
            plan.deletes.append(EndPending(begun.id))
        elif plan.situation.now - begun.begun < UNDONE_AFTER:  # a mover may write it again in a moment
            plan.again_in = SURE_AFTER
            plan.waiting.add(new.folder)
        else:
            plan.fetch(new.folder, new.listed)


def _both_new(plan: Planning) -> None:
    """Rule 3: the same message is new on both sides."""
    followed, resumed = set(plan.pairs.followed), plan.pairs.resumed
    for file, new in (*plan.pairs.both, *plan.pairs.followed):
        folder = plan.folders[new.folder]
        if plan.live(folder.id):
            there = as_far_as_kept(new.listed.flags, file.flags, plan.keeps(folder.id))
            flags = united(file.flags, there)
            resumes = resumed[file.key].id if file.key in resumed else 0
            plan.creates.append(Pair(folder.id, file, new, flags, there, (file, new) in followed, resumes))
    for gone, new in plan.pairs.restored:
        if plan.live(new.folder) and not _too_old(plan, new):
            plan.creates.append(Restore(gone, new))


def _new_there(plan: Planning) -> None:
    """Rule 1, but for what is not to be kept here."""
    largest = plan.situation.largest
    left = {
        (each.folder, each.remote_id) for each in plan.situation.pending if each.kind is OperationKind.FETCH
    }
    replaced = {(each.folder, each.remote_id) for each in _replaced(plan)}
    for new in plan.pairs.there:
        at = (new.folder, new.listed.id)
        if not plan.live(new.folder) or at in replaced or at in left or _too_old(plan, new):
            continue
        if (known := plan.situation.same.get(new.listed.lasting)) and known.facts.size == new.listed.size:
            place = plan.folders[known.folder].local
            plan.creates.append(CopyHere(new.folder, new.listed, known, place))
        elif largest is not None and (new.listed.size or 0) > largest:
            plan.deletes.append(LeaveThere(new.folder, new.listed))
        else:
            plan.fetch(new.folder, new.listed)


def _too_old(plan: Planning, new: NewThere) -> bool:
    oldest = plan.situation.oldest.get(new.folder, 0.0)
    return new.listed.received is not None and new.listed.received < oldest


def _new_here(plan: Planning) -> None:
    """Rule 2: upload what is new here, where that is possible and wanted."""
    for file in plan.pairs.here:
        folder = plan.by_name.get(file.folder)
        if folder is None or not plan.abilities.appends or not plan.writable(folder.id):
            continue
        wanted = folder.remote.uploads and folder.role is not Role.JUNK
        if not wanted or file.key in plan.situation.postponed:
            continue
        if file.key in plan.situation.copies:
            plan.again_in = SURE_AFTER  # a mover may write first and remove later
            continue
        begun = plan.pairs.resumed.get(file.key)
        if begun is not None:
            plan.unsure = True  # moved on the server to a folder we looked at before, perhaps
            if not plan.everything_looked():
                continue
        resumes, older = begun.id if begun else 0, plan.pairs.older.get(file.key)
        rule = Rule.REPLACED_HERE if older else Rule.NEW_HERE
        replaces = (older.folder, older.listed.id) if older else None
        plan.creates.append(
            Append(folder.id, folder.local, file.key, file.flags, rule, file.facts, None, replaces, resumes)
        )


def _expiring(plan: Planning) -> None:
    unchanged = plan.situation.expiring - plan.situation.here.changed.keys()
    for number in sorted(unchanged - plan.situation.here.gone - plan.situation.here.moved.keys()):
        row = plan.situation.rows[number]
        if plan.live(row.folder) and number not in plan.situation.there.gone and row.remote_id:
            plan.deletes.append(Expire(row))


def _see_again(plan: Planning) -> None:
    """What is there of an interrupted upload, and nothing can be done about now, is to be listed again."""
    used = {(step.new.folder, step.new.listed.id) for step in plan.creates if isinstance(step, Replace)}
    used |= {step.replaces for step in plan.creates if isinstance(step, Append) and step.replaces}
    found = [*plan.pairs.older.values(), *(new for _, new in plan.pairs.versions.values())]
    plan.waiting |= {new.folder for new in found if (new.folder, new.listed.id) not in used}


def _replaced(plan: Planning) -> Iterator[PendingOperation]:
    for each in plan.situation.pending:
        if each.kind is OperationKind.DELETE and each.remote_id and not each.key:
            yield each


def _end_pending(plan: Planning) -> None:
    """Finish what a crash interrupted, and forget what needs nothing more."""
    busy = {each.key for each in plan.creates if isinstance(each, Append)}
    busy |= {row.key for row, _ in plan.here_lost}
    busy |= {begun.key for begun in plan.pairs.resumed.values()}
    lost = plan.situation.here.gone - plan.pairs.renamed.keys()
    handled = {row.key for row in plan.situation.rows.values() if row.id in lost}
    plan.deletes += (EndPending(each) for each in sorted(plan.situation.there.left_gone))
    for each in _replaced(plan):
        if plan.writable(each.folder) and plan.abilities.removes:
            plan.deletes.append(RemoveReplaced(each))
    for each in plan.situation.pending:
        if each.kind is OperationKind.STORE and plan.live(each.folder):
            plan.deletes.append(EndPending(each.id))  # it has been found again, or will be fetched
        old = plan.situation.now - each.begun >= UNDONE_AFTER
        if not each.key or not old or not plan.live(each.folder):
            continue
        if each.kind in (OperationKind.FETCH, OperationKind.OPEN) or each.key in busy or each.key in handled:
            continue
        plan.deletes.append(EndPending(each.id))
