"""The rules for one message that both sides had (docs/sync.md §2, rules 4 to 17)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from misfin.post.sync.base import BaseRow, Doubt
from misfin.post.sync.merging import as_far_as_kept, difference, merged, pushable
from misfin.post.sync.planning import UNDONE_AFTER, Planning
from misfin.post.sync.situation import HereFile, NewThere
from misfin.post.sync.steps import Adopt, Append, MoveHere, MoveThere, Reflag, Rule
from misfin.post.sync.values import FlagSet, Listed

SURE_AFTER: Final = 10.0
"""Seconds a message has to be gone here before that counts: a mover may write first and remove later, or the
reverse."""


def message(plan: Planning, row: BaseRow) -> None:
    """Add what one message needs: rules 4 to 17 for one message that both sides had."""
    here, there = plan.situation.here, plan.situation.there
    file = here.moved.get(row.id) or plan.pairs.renamed.get(row.id)
    new = plan.pairs.moved.get(row.id)
    gone_here = row.id in here.gone and file is None
    gone_there = row.id in there.gone and new is None
    if not row.remote_id and new is None:
        _unnumbered(plan, row, file, gone_here=gone_here)
    elif gone_here and gone_there:
        plan.forget(row)  # rule 14
    elif gone_here:
        _gone_here(plan, row, new)
    elif gone_there:
        _gone_there(plan, row, file)
    elif row.id in here.edited:
        _edited(plan, row, here.edited[row.id], new)
    else:
        _places(plan, row, file, new)


def _places(plan: Planning, row: BaseRow, file: HereFile | None, new: NewThere | None) -> None:
    """Rules 4 to 9: the message is on both sides, perhaps elsewhere or with other flags."""
    flags_here = file.flags if file else plan.situation.here.changed.get(row.id, row.flags)
    now = replace(row, folder=new.folder, remote_id=new.listed.id) if new else row
    flags_there = _flags_there(plan, row, new)
    goal = plan.by_name.get(file.folder) if file else plan.folders[row.folder]
    key = file.key if file else row.key
    if file and goal is None:
        return  # filed where the server has no folder: it stays as it is there
    assert goal is not None
    placed = replace(now, key=key)
    if file and goal.id not in (row.folder, now.folder):  # rules 7 and 9: moved here
        if not (plan.abilities.moves and plan.writable(goal.id) and plan.writable(now.folder)):
            return
        placed = replace(placed, folder=goal.id, remote_id="")
        plan.moves.append(MoveThere(now, goal.id, Rule.MOVED_HERE, placed))
    elif now.folder != row.folder and goal.id == row.folder:  # rule 8: moved on the server
        if not plan.live(now.folder):
            return
        plan.moves.append(MoveHere(replace(row, key=key), placed, flags_here))
    elif placed != row:
        plan.moves.append(Adopt(placed))
    unnamed = file.unnamed if file else frozenset()
    _reflag(plan, row, flags_here, flags_there, placed.folder, unnamed)


def _flags_there(plan: Planning, row: BaseRow, new: NewThere | None) -> FlagSet:
    if new is None:
        return plan.situation.there.changed.get(row.id, row.flags)
    return as_far_as_kept(new.listed.flags, row.flags, plan.keeps(new.folder))


def _reflag(
    plan: Planning, row: BaseRow, here: FlagSet, there: FlagSet, folder: int, unnamed: frozenset[str]
) -> None:
    """Rules 4 to 6. ``unnamed`` tags have no flag in the folder the file was moved to: it is given them."""
    goal = merged(row.flags, here, there)
    here = here._replace(tags=here.tags - unnamed)
    if goal == here == there == row.flags:
        return
    keeps = plan.keeps(folder)
    add, remove = difference(there, goal)
    pushed = (pushable(add, keeps), pushable(remove, keeps))
    _say_left_out(plan, folder, add.tags - pushed[0].tags)
    plan.flags.append(Reflag(row.id, difference(here, goal), pushed, goal))


def _say_left_out(plan: Planning, folder: int, tags: Iterable[str]) -> None:
    for tag in sorted(tags):
        name = plan.folders[folder].local
        plan.notices.append(f"The server cannot keep the tag {tag} in {name}: it stays on this computer.")


def _gone_here(plan: Planning, row: BaseRow, new: NewThere | None) -> None:
    """Rules 10 and 11; decided with all others of their folder."""
    if row.key in plan.expired:
        plan.forget(row)
        return
    if new is not None:
        if new.folder != row.folder and row.key not in plan.meant:
            plan.forget(row)  # somebody moved it on the server: it is wanted
            plan.fetch(new.folder, new.listed)
            return
        row = replace(row, folder=new.folder, remote_id=new.listed.id)
        plan.moves.append(Adopt(row))
    if row.key in plan.meant:
        plan.here_lost.append((row, True))
    else:
        now = plan.situation.now
        since = min(plan.situation.absent.get(row.id, now), now)  # the clock may have been set back
        plan.absent[row.id] = since
        if now - since < SURE_AFTER:
            plan.again_in = SURE_AFTER
        plan.here_lost.append((row, False))


def _gone_there(plan: Planning, row: BaseRow, file: HereFile | None) -> None:
    """Rules 12, 13 and 15."""
    goal = plan.by_name.get(file.folder) if file else plan.folders[row.folder]
    if file and goal is None:
        plan.forget(row)  # it is only here, where it was filed
        return
    assert goal is not None
    edited = plan.situation.here.edited.get(row.id)
    flags = file.flags if file else plan.situation.here.changed.get(row.id, row.flags)
    changed = flags != row.flags or edited is not None or (file is not None and goal.id != row.folder)
    if not changed or row.id in plan.situation.twins:
        at_home = file is not None and goal.id == row.folder
        plan.there_lost.append(replace(row, key=file.key) if file and at_home else row)
    elif plan.abilities.appends and plan.writable(goal.id):
        key = file.key if file else row.key
        facts = edited.facts if edited else row.facts
        kept = replace(row, folder=goal.id, remote_id="", key=key, flags=flags, facts=facts)
        plan.creates.append(Append(goal.id, goal.local, key, flags, Rule.CHANGED_HERE, facts, kept))
        plan.notices.append(
            f"A message in {goal.local} was deleted on the server but changed here. It was kept."
        )


def _edited(plan: Planning, row: BaseRow, file: HereFile, new: NewThere | None) -> None:
    """Rules 16 and 17: the file has other bytes."""
    folder = plan.folders[row.folder]
    if not (plan.abilities.appends and plan.writable(folder.id)):
        return
    if new is None and row.id not in plan.situation.there.changed:
        kept = replace(row, remote_id="", flags=file.flags, facts=file.facts)
        plan.creates.append(
            Append(
                folder.id,
                folder.local,
                row.key,
                file.flags,
                Rule.REPLACED_HERE,
                file.facts,
                kept,
                row.remote_id,
            )
        )
        return
    old = new.listed if new else Listed(row.remote_id, plan.situation.there.changed[row.id])
    plan.fetch(new.folder if new else row.folder, old)
    plan.creates.append(Append(folder.id, folder.local, row.key, file.flags, Rule.NEW_HERE, file.facts))


def _unnumbered(plan: Planning, row: BaseRow, file: HereFile | None, *, gone_here: bool) -> None:
    """A message whose id on the server is not known, and which is not among what is new there.

    Where the server did not say the id of what we put there, and it cannot be found after a while, it was
    deleted there, or is so different that it is fetched as another message.
    """
    folder = plan.folders[row.folder]
    if gone_here:
        plan.forget(row)
    elif file is None and folder.doubt in (Doubt.RENUMBERED, Doubt.WENT_BACK):
        plan.there_lost.append(row)
    elif row.key in plan.placing:
        plan.again_in = plan.again_in or UNDONE_AFTER
    else:
        _gone_there(plan, row, file)
