"""Plans deletions, a whole folder at a time so the guards see all (docs/sync.md §2, rules 10 to 12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from misfin.post.sync.base import AskReason, BaseRow, FolderState, SyncedFolder
from misfin.post.sync.guards import ABOUT_SINGLE, Deletion, ask_reasons, count_asked_about
from misfin.post.sync.planning import BINS, Planning
from misfin.post.sync.rules import SURE_AFTER
from misfin.post.sync.steps import (
    Append,
    MoveThere,
    RemoveHere,
    RemoveThere,
    Rule,
    ToAttic,
    Withhold,
)
from misfin.post.sync.values import Listed, Role


def decide(plan: Planning) -> None:
    """Add the deletions that nobody has to decide about, and the questions about the others."""
    lost = [Deletion(row.folder, here=True, meant=meant) for row, meant in plan.here_lost]
    twins = plan.situation.twins
    lost += [Deletion(row.folder, here=False, meant=row.id in twins) for row in plan.there_lost]
    found = dict(ask_reasons(plan.situation, lost))
    renumbered = {folder.id: folder for folder in plan.folders.values() if folder.reason in ABOUT_SINGLE}
    for row in plan.there_lost:
        if row.folder in renumbered and not row.remote_id:
            found.setdefault(row.folder, renumbered[row.folder].reason)
    _ask_missing(plan, found)
    for row, meant in plan.here_lost:
        if row.folder in renumbered and renumbered[row.folder].state is FolderState.OK:
            plan.again_in = SURE_AFTER  # nothing is deleted in the pass that finds the messages again
        else:
            reason = found.get(row.folder, AskReason.NONE)
            _delete_there(plan, row, meant=meant, reason=AskReason.NONE if reason in ABOUT_SINGLE else reason)
    for row in plan.there_lost:
        if row.remote_id and row.folder in renumbered and renumbered[row.folder].state is FolderState.OK:
            plan.again_in = SURE_AFTER
        else:
            reason = found.get(row.folder, AskReason.NONE)
            numbered = row.remote_id and reason in ABOUT_SINGLE
            moved = (
                row.id in twins and reason is not AskReason.OTHER_HERE
            )  # it is not gone: nobody has to decide
            _delete_here(plan, row, AskReason.NONE if numbered or moved else reason)
    for folder in plan.folders.values():
        if not plan.live(folder.id) or folder.id in found or folder.id in plan.states:
            continue
        if folder.state is not FolderState.OK or folder.reason is not AskReason.NONE:
            plan.states[folder.id] = (FolderState.OK, AskReason.NONE)
    for number, reason in found.items():
        if number in plan.states or (
            reason is plan.folders[number].reason
            and plan.folders[number].state in (FolderState.AGREED, FolderState.KEEPING)
        ):
            continue  # done in this pass; the next one finds nothing left to ask about
        plan.states[number] = (FolderState.ASKING, reason)
        plan.asked_about[number] = _asked_about(plan, number, reason, lost)


def _asked_about(plan: Planning, folder: int, reason: AskReason, lost: Iterable[Deletion]) -> int:
    """How many messages a folder asks about."""
    if reason in ABOUT_SINGLE:
        return sum(row.folder == folder and not row.remote_id for row in plan.there_lost)
    undecided = [each for each in lost if each.here or not each.meant]
    return count_asked_about(reason, folder, undecided) or plan.situation.counts.get(folder, 0)


def _ask_missing(plan: Planning, found: dict[int, AskReason]) -> None:
    """Rule 21 asks about a folder even where no single message would be deleted yet."""
    for number in plan.situation.there.missing:
        if plan.live(number) and plan.situation.counts.get(number, 0):
            found[number] = AskReason.GONE_THERE
        elif plan.live(number):
            plan.states[number] = (FolderState.PAUSED, AskReason.GONE_THERE)  # nothing to ask about


def _delete_there(plan: Planning, row: BaseRow, *, meant: bool, reason: AskReason) -> None:
    folder = plan.folders[row.folder]
    answer = plan.answer(folder, reason)
    sure = meant or plan.situation.now - plan.absent[row.id] >= SURE_AFTER
    if answer is FolderState.AGREED and reason is AskReason.MISSING_HERE:
        plan.states[folder.id] = (FolderState.PAUSED, reason)  # rule 20: nothing is deleted there
    elif answer is FolderState.KEEPING:
        plan.forget(row)
        plan.fetch(row.folder, Listed(row.remote_id, row.flags, row.facts.size))
    elif answer is FolderState.ASKING or not sure or not plan.writable(row.folder):
        return
    elif meant or folder.role in BINS:
        _remove_there(plan, row, folder)
    elif (trash := plan.trash()) is not None and plan.abilities.moves and plan.writable(trash.id):
        plan.moves.append(MoveThere(row, trash.id, Rule.LOST_HERE, None))
        plan.notices.append(
            f"A message in {folder.local} was deleted by another program. It is now in {trash.local}."
        )


def _remove_there(plan: Planning, row: BaseRow, folder: SyncedFolder) -> None:
    """Rule 10; without a way to delete exactly one message nothing is deleted there."""
    trash = plan.trash()
    if plan.abilities.removes:
        plan.deletes.append(RemoveThere(row, Rule.DELETED_HERE))
    elif folder.role is not Role.TRASH and trash and plan.abilities.moves and plan.writable(trash.id):
        plan.moves.append(MoveThere(row, trash.id, Rule.DELETED_HERE, None))
    else:
        plan.deletes.append(Withhold(row))


def _delete_here(plan: Planning, row: BaseRow, reason: AskReason) -> None:
    folder = plan.folders[row.folder]
    answer = plan.answer(folder, reason)
    if answer is FolderState.ASKING or (answer is FolderState.KEEPING and not plan.writable(row.folder)):
        return
    if not plan.everything_looked():
        plan.unsure = True  # moved to a folder that was not looked at, perhaps
        return
    plan.unsure = plan.unsure or bool(row.remote_id)
    if answer is FolderState.KEEPING:
        kept = replace(row, remote_id="")
        plan.creates.append(
            Append(folder.id, folder.local, row.key, row.flags, Rule.CHANGED_HERE, row.facts, kept)
        )
    else:
        place = plan.strayed.get(row.id, "")
        plan.deletes.append(RemoveHere(row, place) if folder.role in BINS else ToAttic(row, place))
