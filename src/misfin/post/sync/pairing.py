"""Finds, before anything is decided, which new message is one that seems to be gone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from misfin.post.sync.base import BaseRow, FolderState, GoneRow, OperationKind, PendingOperation
from misfin.post.sync.identify import CHANGED, EXACT, SAME, Facts, head_and_size, match
from misfin.post.sync.keys import origin, origin_of
from misfin.post.sync.situation import HereFile, NewThere, Situation
from misfin.post.sync.values import Role
from misfin.valueclass import dataclass

Ways = Sequence[Callable[[Facts], Hashable]]
_SAME_BYTES: Final[Ways] = (lambda facts: facts.digest,)
_T = TypeVar("_T", HereFile, NewThere)
_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class Pairs:
    """What belongs together; messages of the base are given by their numbers.

    ``renamed``: those whose file has another key now. ``moved``: those that have another id on the server,
    in the same folder or another. ``both``: files and messages new on both sides, an interrupted upload among
    them. ``followed``: files fetched just before a crash whose messages were moved on the server since.
    ``restored``: deleted messages that are there again. ``here`` and ``there``: what belongs to nothing.
    Of interrupted uploads: ``resumed``, the files, by their present keys, each with what was recorded then;
    ``versions``, by messages of the base, newer versions of them that are there; ``older``, by the key of a
    file, an older version of it that is there; ``orphans``, what is there and whose file is gone here.
    """

    renamed: Mapping[int, HereFile]
    moved: Mapping[int, NewThere]
    both: tuple[tuple[HereFile, NewThere], ...]
    followed: tuple[tuple[HereFile, NewThere], ...]
    restored: tuple[tuple[GoneRow, NewThere], ...]
    here: tuple[HereFile, ...]
    there: tuple[NewThere, ...]
    resumed: Mapping[str, PendingOperation]
    versions: Mapping[int, tuple[PendingOperation, NewThere]]
    older: Mapping[str, NewThere]
    orphans: tuple[tuple[PendingOperation, NewThere], ...]


def pair(situation: Situation) -> Pairs:
    """Pair what is the same message: the surest way first, one to one, in order of arrival."""
    here: Sequence[HereFile] = situation.here.new
    there: Sequence[NewThere] = situation.there.new
    names = {folder.local: folder.id for folder in situation.folders}
    roles = {folder.id: folder.role for folder in situation.folders}

    fetched_before = list(_fetched(situation, here, there))
    written_into = [
        (file, new)
        for file, new in fetched_before
        if roles[new.folder] is Role.DRAFTS and new.facts.head and not _same(file.facts, new.facts)
    ]
    both = [each for each in fetched_before if each not in written_into]
    here = _without(here, (file for file, _ in both))
    there = _without(there, (new for _, new in fetched_before))

    stored = list(_stored(situation, here, there))
    both += stored
    here = _without(here, (file for file, _ in stored))
    there = _without(there, (new for _, new in stored))

    lost = ((row, row.facts) for row in _rows(situation, situation.here.gone))
    renamed = {row.id: file for row, file in match(lost, _with_facts(here), _SAME_BYTES)}
    here = _without(here, renamed.values())
    uploads = _uploads(situation, here)

    moved: dict[int, NewThere] = {}
    for candidates, ways, same_folder in _lost_there(situation, roles):
        unfound = [row for row in candidates if row.id not in moved]
        for row, new in _found(unfound, there, ways, same_folder=same_folder):
            moved[row.id] = new
        there = _without(there, moved.values())

    # Before what merely looks the same: what an interrupted upload is known to have put there.
    versions = list(_recorded(uploads.rows.items(), there))
    there = _without(there, (new for _, new in versions))
    older = list(_recorded(uploads.edited.items(), there))
    there = _without(there, (new for _, new in older))
    orphans = list(_recorded([(each, each) for each in uploads.lost], there))
    there = _without(there, (new for _, new in orphans))
    files = [file for file in here if file.key in uploads.resumed]
    uploaded = list(match(_with_facts(files), _with_facts(there), EXACT))
    here = _without(here, (file for file, _ in uploaded))
    there = _without(there, (new for _, new in uploaded))

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

    changed = list(_uploaded(uploads.resumed, here, there))
    both += [*uploaded, *same, *changed]
    here = _without(here, (file for file, _ in changed))
    there = _without(there, (new for _, new in changed))
    for rows, same_folder in _known_there(situation, moved):
        for row, new in _found(rows, there, CHANGED, same_folder=same_folder):
            moved[row.id] = new
        there = _without(there, moved.values())

    attic = ((gone, gone.facts) for gone in situation.gone if gone.attic)
    restored = list(match(attic, _with_facts(there), EXACT)) if there else []
    there = _without(there, (new for _, new in restored))
    return Pairs(
        renamed,
        moved,
        tuple(both),
        tuple(followed),
        tuple(restored),
        tuple(here),
        tuple(there),
        uploads.resumed,
        {row: (uploads.rows[row], new) for row, new in versions},
        dict([*older, *((file.key, new) for file, new in written_into)]),
        tuple(orphans),
    )


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


def _stored(
    situation: Situation, here: Sequence[HereFile], there: Sequence[NewThere]
) -> Iterator[tuple[HereFile, NewThere]]:
    """The same where another program has given the file another name since, in whatever folder."""
    begun = [each for each in situation.pending if each.kind is OperationKind.STORE]
    if not begun:
        return
    found = list(match(((each, each.facts) for each in begun), _with_facts(here), _SAME_BYTES))
    places = {(new.folder, new.listed.id): new for new in there}
    left: list[tuple[HereFile, Facts]] = []
    for each, file in found:
        if (new := places.pop((each.folder, each.remote_id), None)) is not None:
            yield file, new
        else:
            left.append((file, each.facts))
    yield from match(left, _with_facts(list(places.values())), EXACT)  # moved on the server, too


class _Uploads(NamedTuple):
    """Interrupted uploads.

    ``resumed``: by the key of the file, which has the same bytes. ``edited``: by the key of a file that has
    others now. ``rows``: by the message of the base whose newer version it was. ``lost``: the file is not
    here any more.
    """

    resumed: Mapping[str, PendingOperation]
    edited: Mapping[str, PendingOperation]
    rows: Mapping[int, PendingOperation]
    lost: Sequence[PendingOperation]


def _uploads(situation: Situation, here: Sequence[HereFile]) -> _Uploads:
    """What was being uploaded when the program stopped, and what has become of its file.

    Another program may have moved a file since by writing it under a new name: it has the same bytes.
    """
    begun = {each.key: each for each in situation.pending if each.kind is OperationKind.APPEND}
    if not begun:
        return _Uploads({}, {}, {}, ())
    files = {file.key: file for file in here if file.key in begun}
    resumed = {key: begun[key] for key, file in files.items() if _same_bytes(file, begun[key])}
    edited = {key: begun[key] for key in files if key not in resumed}
    gone = situation.here.gone
    rows = {row.key: row for row in situation.rows.values() if row.key in begun and row.id not in gone}
    replaced = {row.id: begun[key] for key, row in rows.items() if row.id in situation.here.edited}
    lost = [each for key, each in begun.items() if key not in files and key not in rows]
    others = [file for file in here if file.key not in files]
    renamed = list(match(((each, each.facts) for each in lost), _with_facts(others), _SAME_BYTES))
    resumed |= {file.key: each for each, file in renamed}
    found = {each.id for each, _ in renamed}
    return _Uploads(resumed, edited, replaced, [each for each in lost if each.id not in found])


def _same(one: Facts, other: Facts) -> bool:
    return head_and_size(one) == head_and_size(other)  # no file here knows a lasting id


def _same_bytes(file: HereFile, begun: PendingOperation) -> bool:
    return not begun.facts.digest or begun.facts.digest == file.facts.digest


def _recorded(
    begun: Iterable[tuple[_K, PendingOperation]], there: Sequence[NewThere]
) -> Iterator[tuple[_K, NewThere]]:
    return match(((known, each.facts) for known, each in begun), _with_facts(there), EXACT)


def _uploaded(
    begun: Mapping[str, PendingOperation], here: Sequence[HereFile], there: Sequence[NewThere]
) -> Iterator[tuple[HereFile, NewThere]]:
    """The files of interrupted uploads, each with what it has become; either may have been moved since."""
    known: Sequence[HereFile] = [file for file in here if file.key in begun]
    if not known or not there:
        return
    found = list(match(_with_facts(known), _with_facts(there), SAME))
    yield from found
    known = _without(known, (file for file, _ in found))
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
    paused = _paused(situation)  # what was moved out of such a folder is new where it is now
    gone = [row for row in gone if row.folder not in paused]
    unnumbered = [row for row in unnumbered if row.folder not in paused]
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
    begun = {each.key for each in situation.pending if each.kind is OperationKind.MOVE}
    drafts = {folder.id for folder in situation.folders if folder.role is Role.DRAFTS}
    unnumbered = [row for row in situation.rows.values() if not row.remote_id and row.id not in found]
    yield [row for row in unnumbered if row.folder not in drafts], True
    gone = _rows(situation, situation.there.gone - found.keys())
    paused = _paused(situation)
    yield [row for row in gone if row.key in begun and row.folder not in paused], False


def _paused(situation: Situation) -> frozenset[int]:
    return frozenset(folder.id for folder in situation.folders if folder.state is FolderState.PAUSED)


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
