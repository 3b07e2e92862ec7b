"""What differs from the base on the server, from what a look at each folder found. Blocks: for a thread."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from misfin.post.sync.base import BaseRow, OperationKind, PendingOperation, SyncedFolder
from misfin.post.sync.identify import UNKNOWN, Facts
from misfin.post.sync.merging import Keeps, as_far_as_kept
from misfin.post.sync.situation import NewThere, There
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import FlagSet, Seen, SyncPoint
from misfin.valueclass import dataclass

_MANY: Final = 2000
"""From so many listed messages on, those of the base are read at once and not one by one."""


@dataclass(frozen=True, slots=True)
class FolderView:
    """What differs in one folder; messages of the base by their numbers."""

    changed: Mapping[int, FlagSet]
    gone: frozenset[int]
    new: tuple[NewThere, ...]
    emptied: bool
    keeps: Keeps
    left_gone: frozenset[int]
    lasting: Mapping[tuple[int, str], str]


def look_there(
    state: SyncState, folder: SyncedFolder, seen: Seen, left: Sequence[PendingOperation]
) -> FolderView:
    """Compare what a look found with the base. ``left`` is what is on the server only."""
    keeps = Keeps(seen.flags, seen.tags, seen.known_tags)
    present = seen.present
    if present is not None or len(seen.listed) + len(seen.gone) > _MANY:
        base = state.on_server(folder.id)
    else:
        wanted = [each.id for each in seen.listed] + list(seen.gone)
        rows = state.by_remote_ids(folder.id, wanted)
        base = {remote_id: (row.id, row.flags) for remote_id, row in rows.items()}
    changed: dict[int, FlagSet] = {}
    new: list[NewThere] = []
    seen_ids: set[str] = set()
    for each in seen.listed:
        row = base.get(each.id)
        if row is None:
            if each.id not in seen_ids:
                new.append(NewThere(folder.id, each, UNKNOWN._replace(lasting=each.lasting)))
                seen_ids.add(each.id)
        elif each.flags != row[1]:
            flags = as_far_as_kept(each.flags, row[1], keeps)
            if flags != row[1]:
                changed[row[0]] = flags
            else:
                changed.pop(row[0], None)
    listed = {each.id for each in seen.listed} if seen.gone else ()
    gone = {base[each][0] for each in seen.gone if each in base and each not in listed}
    if present is not None:
        gone |= {row for remote_id, (row, _) in base.items() if remote_id not in present}
    for row_id in gone:
        changed.pop(row_id, None)
    count = len(base) if present is not None else None
    return FolderView(
        changed,
        frozenset(gone),
        tuple(new),
        bool(gone) and _emptied(state, folder, len(gone), count, seen),
        keeps,
        frozenset(_left_gone(folder, left, seen)),
        _lasting(state, folder, seen),
    )


def _lasting(state: SyncState, folder: SyncedFolder, seen: Seen) -> dict[tuple[int, str], str]:
    """The lasting ids of messages of the base that had none, by folder and id on the server."""
    if not any(each.lasting for each in seen.listed):
        return {}
    nameless = state.without_lasting(folder.id)
    return {
        (folder.id, each.id): each.lasting for each in seen.listed if each.lasting and each.id in nameless
    }


def _emptied(state: SyncState, folder: SyncedFolder, gone: int, count: int | None, seen: Seen) -> bool:
    """Whether everything the base knows is gone on the server."""
    if count is None:
        count = (
            len(state.on_server(folder.id)) if gone >= seen.point.count or not seen.point.count else gone + 1
        )
    return gone >= count


def _left_gone(folder: SyncedFolder, left: Sequence[PendingOperation], seen: Seen) -> Iterator[int]:
    for each in left:
        if each.kind is OperationKind.FETCH and each.folder == folder.id:
            here = each.remote_id in seen.present if seen.present is not None else True
            if not here or each.remote_id in seen.gone:
                yield each.id


def joined(
    views: Mapping[int, FolderView],
    looked: Mapping[int, SyncPoint],
    missing: Collection[int],
    refused: Collection[int] = (),
) -> There:
    """All folders together."""
    changed: dict[int, FlagSet] = {}
    gone: set[int] = set()
    new: list[NewThere] = []
    left_gone: set[int] = set()
    lasting: dict[tuple[int, str], str] = {}
    for view in views.values():
        changed |= view.changed
        gone |= view.gone
        new += view.new
        left_gone |= view.left_gone
        lasting |= view.lasting
    return There(
        looked=frozenset(looked),
        changed=changed,
        gone=frozenset(gone),
        new=tuple(new),
        keeps={folder: view.keeps for folder, view in views.items()},
        epochs={folder: point.epoch for folder, point in looked.items()},
        missing=frozenset(missing),
        refused=frozenset(refused),
        emptied=frozenset(folder for folder, view in views.items() if view.emptied),
        left_gone=frozenset(left_gone),
        lasting=lasting,
    )


def mentioned(there: There, state: SyncState, rows: Mapping[int, BaseRow]) -> dict[int, BaseRow]:
    """The messages of the base that the server mentions, but for those in ``rows`` already."""
    return state.rows([row for row in (*there.changed, *there.gone) if row not in rows])


def wants_heads(
    there: There, likely: Sequence[Facts], unlikely: Collection[int], most: int = _MANY
) -> dict[int, list[str]]:
    """The ids, by folder, of new messages whose header block decides whether they are known.

    ``likely`` candidates make every new message worth a look, unless there are many: then those of the same
    size. ``unlikely`` ones are sizes: only messages of the same size are looked at for them.
    """
    sizes = {*unlikely, *(facts.size for facts in likely)}
    all_of_them = bool(likely) and len(there.new) <= most
    wanted: dict[int, list[str]] = {}
    for new in there.new if sizes else ():
        size = new.listed.size
        if all_of_them or size in sizes or (likely and size is None):
            wanted.setdefault(new.folder, []).append(new.listed.id)
    return wanted


def with_facts(there: tuple[NewThere, ...], facts: Mapping[tuple[int, str], Facts]) -> tuple[NewThere, ...]:
    """The new messages with what their headers say."""
    return tuple(
        each._replace(facts=known._replace(lasting=each.listed.lasting))
        if (known := facts.get((each.folder, each.listed.id)))
        else each
        for each in there
    )
