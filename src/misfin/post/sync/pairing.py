"""Finds, before anything is decided, which new message is one that seems to be gone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from misfin.post.sync.base import BaseRow, DoingKind, GoneRow
from misfin.post.sync.identify import CHANGED, EXACT, SAME, Facts, match
from misfin.post.sync.keys import origin, origin_of
from misfin.post.sync.situation import HereFile, NewThere, Situation
from misfin.post.sync.values import Role

Ways = Sequence[Callable[[Facts], Hashable]]
_SAME_BYTES: Final[Ways] = (lambda facts: facts.digest,)
_T = TypeVar("_T", HereFile, NewThere)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What belongs together; messages of the base are given by their numbers.

    ``renamed``: those whose file has another key now. ``moved``: those that have another id on the server,
    in the same folder or another. ``both``: files and messages new on both sides, an interrupted upload among
    them. ``followed``: files fetched just before a crash whose messages were moved on the server since.
    ``restored``: deleted messages that are there again. ``here`` and ``there``: what belongs to nothing.
    """

    renamed: Mapping[int, HereFile]
    moved: Mapping[int, NewThere]
    both: tuple[tuple[HereFile, NewThere], ...]
    followed: tuple[tuple[HereFile, NewThere], ...]
    restored: tuple[tuple[GoneRow, NewThere], ...]
    here: tuple[HereFile, ...]
    there: tuple[NewThere, ...]


def pair(situation: Situation) -> Pairs:
    """Pair what is the same message: the surest way first, one to one, in order of arrival."""
    here: Sequence[HereFile] = situation.here.new
    there: Sequence[NewThere] = situation.there.new
    names = {folder.local: folder.id for folder in situation.folders}
    roles = {folder.id: folder.role for folder in situation.folders}

    both = list(_fetched(situation, here, there))
    here = _without(here, (file for file, _ in both))
    there = _without(there, (new for _, new in both))

    lost = ((row, row.facts) for row in _rows(situation, situation.here.gone))
    renamed = {row.id: file for row, file in match(lost, _with_facts(here), _SAME_BYTES)}
    here = _without(here, renamed.values())

    moved: dict[int, NewThere] = {}
    for candidates, ways, same_folder in _lost_there(situation, roles):
        unfound = [row for row in candidates if row.id not in moved]
        for row, new in _found(unfound, there, ways, same_folder=same_folder):
            moved[row.id] = new
        there = _without(there, moved.values())

    same: list[tuple[HereFile, NewThere]] = []
    for folder in sorted({names[file.folder] for file in here if file.folder in names}):
        ours = _with_facts([file for file in here if names.get(file.folder) == folder])
        theirs = _with_facts([new for new in there if new.folder == folder])
        same += match(ours, theirs, EXACT if roles[folder] is Role.DRAFTS else SAME)
    here = _without(here, (file for file, _ in same))
    there = _without(there, (new for _, new in same))

    fetched = [file for file in here if origin_of(file.key)]  # and moved on the server since
    followed = list(match(_with_facts(fetched), _with_facts(there), SAME))
    here = _without(here, (file for file, _ in followed))
    there = _without(there, (new for _, new in followed))

    uploads = list(_uploaded(situation, here, there))
    both += [*same, *uploads]
    here = _without(here, (file for file, _ in uploads))
    there = _without(there, (new for _, new in uploads))
    for rows, same_folder in _known_there(situation, moved):
        for row, new in _found(rows, there, CHANGED, same_folder=same_folder):
            moved[row.id] = new
        there = _without(there, moved.values())

    attic = ((gone, gone.facts) for gone in situation.gone if gone.attic)
    restored = list(match(attic, _with_facts(there), EXACT)) if there else []
    there = _without(there, (new for _, new in restored))
    return Pairs(renamed, moved, tuple(both), tuple(followed), tuple(restored), tuple(here), tuple(there))


def _fetched(
    situation: Situation, here: Sequence[HereFile], there: Sequence[NewThere]
) -> Iterator[tuple[HereFile, NewThere]]:
    """Files that were stored just before a crash, each with the message it is."""
    files = {found: file for file in here if (found := origin_of(file.key))}
    if not files:
        return
    epochs = situation.there.epochs
    raws = {folder.id: folder.remote.raw for folder in situation.folders}
    for new in there:
        place = raws[new.folder], epochs.get(new.folder, ""), new.listed.id
        if file := files.pop(origin(*place), None):
            yield file, new


def _uploaded(
    situation: Situation, here: Sequence[HereFile], there: Sequence[NewThere]
) -> Iterator[tuple[HereFile, NewThere]]:
    """The files of interrupted uploads, each with what it has become; either may have been moved since."""
    files = {file.key: file for file in here}
    begun = {each.key: each for each in situation.doing if each.kind is DoingKind.APPEND}
    known = [files[key] for key in begun if key in files]
    if not known or not there:
        return
    found = list(match(_with_facts(known), _with_facts(there), SAME))
    yield from found
    known = list(_without(known, (file for file, _ in found)))
    there = _without(there, (new for _, new in found))
    for folder in sorted({begun[file.key].folder for file in known}):
        ours = [file for file in known if begun[file.key].folder == folder]
        theirs = [new for new in there if new.folder == folder]
        yield from match(_with_facts(ours), _with_facts(theirs), CHANGED)


def _lost_there(
    situation: Situation, roles: Mapping[int, Role]
) -> Iterator[tuple[Sequence[BaseRow], Ways, bool]]:
    """Messages whose id on the server is gone, how to know them, and whether only in their own folder."""
    gone = _rows(situation, situation.there.gone)
    unnumbered = [row for row in situation.rows.values() if not row.remote_id]
    yield [row for row in unnumbered if roles[row.folder] is not Role.DRAFTS], SAME, True
    yield [row for row in unnumbered if roles[row.folder] is Role.DRAFTS], EXACT, True
    # First those in their own folder: what else is the same there was copied.
    gone = [*gone, *unnumbered]
    yield [row for row in gone if roles[row.folder] is not Role.DRAFTS], SAME, False
    yield [row for row in gone if roles[row.folder] is Role.DRAFTS], EXACT, False


def _known_there(
    situation: Situation, found: Mapping[int, NewThere]
) -> Iterator[tuple[Sequence[BaseRow], bool]]:
    """Messages still not found that are on this server all the same, and whether in their own folder."""
    begun = {each.key for each in situation.doing if each.kind is DoingKind.MOVE}
    drafts = {folder.id for folder in situation.folders if folder.role is Role.DRAFTS}
    unnumbered = [row for row in situation.rows.values() if not row.remote_id and row.id not in found]
    yield [row for row in unnumbered if row.folder not in drafts], True
    gone = _rows(situation, situation.there.gone - found.keys())
    yield [row for row in gone if row.key in begun], False


def _found(
    rows: Sequence[BaseRow], there: Sequence[NewThere], ways: Ways, *, same_folder: bool
) -> Iterator[tuple[BaseRow, NewThere]]:
    if not rows or not there:
        return
    if not same_folder:
        yield from match(((row, row.facts) for row in rows), _with_facts(there), ways)
        return
    for folder in sorted({row.folder for row in rows}):
        ours = ((row, row.facts) for row in rows if row.folder == folder)
        yield from match(ours, _with_facts([new for new in there if new.folder == folder]), ways)


def _rows(situation: Situation, ids: Iterable[int]) -> list[BaseRow]:
    return [situation.rows[row] for row in sorted(ids)]


def _with_facts(items: Sequence[_T]) -> Iterator[tuple[_T, Facts]]:
    return ((item, item.facts) for item in items)


def _without(items: Sequence[_T], taken: Iterable[_T]) -> Sequence[_T]:
    gone = set(taken)
    return [item for item in items if item not in gone] if gone else items
