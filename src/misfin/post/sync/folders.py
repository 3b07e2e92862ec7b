"""Plans for folders that were created, renamed or removed on one side (docs/sync.md §2, rules 19 to 21)."""

from __future__ import annotations

from collections.abc import Iterator

from misfin.model.folders import FOLDERS, HELD
from misfin.post.sync.base import AskReason, FolderState, SyncedFolder
from misfin.post.sync.planning import Planning
from misfin.post.sync.steps import CreateThere, RenameThere
from misfin.post.sync.values import LOCAL_NAMES, Role


def folders(plan: Planning) -> Iterator[CreateThere | RenameThere]:
    """What is to be done on the server before anything else can be planned."""
    if not plan.abilities.folders:
        return
    situation = plan.situation
    used = {file.folder for file in situation.here.new}
    moved_from: dict[str, set[int]] = {}
    for row, file in situation.here.moved.items():
        used.add(file.folder)
        moved_from.setdefault(file.folder, set()).add(situation.rows[row].folder)
    unknown = [
        local
        for local in situation.here_folders
        if local not in plan.by_name
        and local not in situation.refused
        and local != HELD
        and (local not in FOLDERS or local in used)
    ]
    renames = {
        local: folder
        for local in unknown
        if (folder := _renamed(plan, local, moved_from.get(local, set()))) is not None
    }
    before = [plan.folders[folder].local for folder in renames.values()]
    for local in unknown:
        if local not in renames:
            yield CreateThere(local, _role_of(local))
        elif not any(plan.folders[renames[local]].local.startswith(f"{each}/") for each in before):
            yield RenameThere(renames[local], local)  # what is inside it follows on the server
    for number in situation.there.missing:
        lost = plan.folders[number]
        if lost.state is FolderState.KEEPING or (lost.local in used and _forgotten(plan, lost)):
            yield CreateThere(lost.local, lost.role)
    if _needs_trash(plan) and LOCAL_NAMES[Role.TRASH] not in unknown:
        yield CreateThere(LOCAL_NAMES[Role.TRASH], Role.TRASH)


def _forgotten(plan: Planning, folder: SyncedFolder) -> bool:
    """Whether a folder was gone there with nothing in it, so that nobody was asked about it."""
    gone = folder.state is FolderState.PAUSED and folder.reason is AskReason.GONE_THERE
    return gone and not plan.situation.counts.get(folder.id, 0)


def _renamed(plan: Planning, local: str, sources: set[int]) -> int | None:
    """The folder that this one was: its directories are the same, or else all its messages are here."""
    same = plan.situation.here.renamed.get(local)
    found = {same} if same is not None else sources & plan.situation.here.missing
    own = [each for each in found if plan.folders[each].role is Role.NONE and plan.live(each)]
    if len(own) == 1 and (same is not None or (sources == {own[0]} and _all_in(plan, own[0], local))):
        return own[0]
    return None


def _all_in(plan: Planning, folder: int, local: str) -> bool:
    files = plan.situation.here.moved.items()
    found = sum(file.folder == local and plan.situation.rows[row].folder == folder for row, file in files)
    return found == plan.situation.counts.get(folder, 0)


def _needs_trash(plan: Planning) -> bool:
    """Whether rule 11 has nowhere to move to."""
    if plan.abilities.removes and not any(row not in plan.pairs.renamed for row in plan.situation.here.gone):
        return False
    refused = LOCAL_NAMES[Role.TRASH] in plan.situation.refused
    return bool(plan.situation.here.gone) and plan.abilities.moves and not (refused or plan.trash())


def _role_of(local: str) -> Role:
    return next((role for role, name in LOCAL_NAMES.items() if name == local), Role.NONE)
