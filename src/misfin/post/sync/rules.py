"""The rules for one message that both sides had (docs/sync.md §2, rules 4 to 17)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from misfin.post.sync.base import AskReason, BaseRow
from misfin.post.sync.merging import as_far_as_kept, difference, merged, pushable
from misfin.post.sync.planning import UNDONE_AFTER, Planning
from misfin.post.sync.situation import HereFile, NewThere
from misfin.post.sync.steps import Adopt, Append, MoveHere, MoveThere, Refile, Reflag, Replace, Rule
from misfin.post.sync.values import NO_FLAGS, FlagSet, Listed

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
    replaced = row.id in here.edited and row.id in plan.pairs.versions
    if not row.remote_id and new is None and not replaced:
        _unnumbered(plan, row, file, gone_here=gone_here)
    elif gone_here and gone_there:
        plan.forget(row)  # rule 14
    elif gone_here:
        _gone_here(plan, row, new)
    elif gone_there and not replaced:
        _gone_there(plan, row, file)
    elif row.id in here.edited:
        _edited(plan, row, here.edited[row.id], new)
    else:
        _places(plan, row, file, new)


def _places(plan: Planning, row: BaseRow, file: HereFile | None, new: NewThere | None) -> None:
    """Rules 4 to 9: the message is on both sides, perhaps elsewhere or with other flags."""
    flags_here = file.flags if file else plan.situation.here.changed.get(row.id, row.flags)
    now = _now_there(row, new) if new else row
    flags_there = _flags_there(plan, row, new)
    wanted, place = _done_before(plan, row, flags_here)
    if place and not (file or new):  # moved on the server when everything is planned again
        plan.moves.append(Refile(row, place, wanted))
        return
    goal = plan.by_name.get(file.folder) if file else plan.folders[row.folder]
    key = file.key if file else row.key
    if file and goal is None:
        _later(plan, row, new)  # filed where the server has no folder: it stays as it is there
        return
    assert goal is not None
    placed = replace(now, key=key)
    if file and goal.id not in (row.folder, now.folder):  # rules 7 and 9: moved here
        if not (plan.abilities.moves and plan.writable(goal.id) and plan.writable(now.folder)):
            _later(plan, row, new)
            return
        placed = replace(placed, folder=goal.id, remote_id="")
        plan.moves.append(MoveThere(now, goal.id, Rule.MOVED_HERE, placed))
    elif now.folder != row.folder and goal.id == row.folder:  # rule 8: moved on the server
        if not plan.live(now.folder):
            _later(plan, row, new)
            return
        plan.moves.append(MoveHere(replace(row, key=key), placed, flags_here))
    elif placed != row:
        plan.moves.append(Adopt(placed))
    unnamed = file.unnamed if file else plan.situation.here.unnamed.get(row.id, frozenset())
    _reflag(plan, row, (flags_here, wanted, flags_there), placed.folder, unnamed)


def _later(plan: Planning, row: BaseRow, new: NewThere | None) -> None:
    """Nothing can be done now: where the message is on the server has to be seen again by the next pass."""
    if new is not None:
        plan.waiting |= {row.folder, new.folder}


def _now_there(row: BaseRow, new: NewThere) -> BaseRow:
    """A message where it is on the server now."""
    lasting = new.listed.lasting or row.facts.lasting
    return replace(row, folder=new.folder, remote_id=new.listed.id, facts=row.facts._replace(lasting=lasting))


def _done_before(plan: Planning, row: BaseRow, flags: FlagSet) -> tuple[FlagSet, str]:
    """What a person did to the older copy of a message that was moved on the server while we looked.

    The flags it is to have here, and the folder here into which the older copy was moved (empty: into none).
    """
    if row.id not in plan.older:
        return flags, ""
    old, here = plan.situation.rows[plan.older[row.id]], plan.situation.here
    file = here.moved.get(old.id) or plan.pairs.renamed.get(old.id)
    was = file.flags if file else here.changed.get(old.id, old.flags)
    goal = plan.by_name.get(file.folder) if file else None
    moved = goal is not None and goal.id not in (old.folder, row.folder) and plan.writable(goal.id)
    moved = moved and not old.facts.lasting  # else it is in several folders, and given another
    return merged(old.flags, was, flags), goal.local if goal and moved else ""


def _flags_there(plan: Planning, row: BaseRow, new: NewThere | None) -> FlagSet:
    if new is None:
        return plan.situation.there.changed.get(row.id, row.flags)
    return as_far_as_kept(new.listed.flags, row.flags, plan.keeps(new.folder))


def _reflag(
    plan: Planning,
    row: BaseRow,
    flags: tuple[FlagSet, FlagSet, FlagSet],
    folder: int,
    unnamed: frozenset[str],
) -> None:
    """Rules 4 to 6. ``flags`` are those here, those it shall have here, and those there.

    ``unnamed`` tags have no flag in the folder the file was moved to: it is given them.
    """
    here, wanted, there = flags
    goal = merged(row.flags, wanted, there)
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
        row = _now_there(row, new)
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
    moved = row.id in plan.situation.twins and edited is None
    if moved and row.facts.lasting and file and goal.id != row.folder:
        moved = False  # in several folders there (Gmail's labels): it is given the one it was moved to
    if not changed or moved:
        plan.there_lost.append(replace(row, key=file.key) if file else row)
        if file and goal.id != row.folder:
            plan.strayed[row.id] = file.folder
    elif plan.abilities.appends and plan.writable(goal.id):
        plan.unsure = True  # moved to a folder that was looked at before, perhaps
        if not plan.everything_looked():
            return
        key = file.key if file else row.key
        facts = edited.facts if edited else row.facts
        kept = replace(row, folder=goal.id, remote_id="", key=key, flags=flags, facts=facts)
        plan.creates.append(Append(goal.id, goal.local, key, flags, Rule.CHANGED_HERE, facts, kept))
        if file and file.unnamed:  # its folder here has no flag for them yet
            plan.flags.append(Reflag(row.id, (FlagSet("", file.unnamed), NO_FLAGS), (NO_FLAGS,) * 2, flags))
        plan.notices.append(
            f"A message in {goal.local} was deleted on the server but changed here. It was kept."
        )


def _edited(plan: Planning, row: BaseRow, file: HereFile, new: NewThere | None) -> None:
    """Rules 16 and 17: the file has other bytes."""
    folder = plan.by_name.get(file.folder)
    if folder is None or not (plan.abilities.appends and plan.writable(folder.id)):
        _later(plan, row, new)  # filed where the server has no folder, perhaps
        return
    if version := plan.pairs.versions.get(row.id):
        older = row
        if new is not None and new.folder == row.folder:  # under another number
            older = _now_there(row, new)
        elif new is not None:  # somebody moved it: it is another message now
            plan.fetch(new.folder, new.listed)
        plan.creates.append(Replace(older, *version))
        return
    if new is not None and not row.remote_id:  # first written down where it is; then replaced
        plan.moves.append(Adopt(_now_there(row, new)))
        plan.again_in = SURE_AFTER
        return
    if new is None and row.id not in plan.situation.there.changed:
        kept = replace(row, folder=folder.id, remote_id="", flags=file.flags, facts=file.facts)
        plan.creates.append(
            Append(
                folder.id,
                folder.local,
                row.key,
                file.flags,
                Rule.REPLACED_HERE,
                file.facts,
                kept,
                (row.folder, row.remote_id),
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
    elif file is None and folder.reason in (AskReason.RENUMBERED, AskReason.WENT_BACK):
        plan.there_lost.append(row)
    elif row.key in plan.placing:
        plan.again_in = plan.again_in or UNDONE_AFTER
    else:
        _gone_there(plan, row, file)
