"""Decides when deletions look like an accident: the signs of a lost disk, a restored server, a mistake.

Each sign comes from a documented data loss in another program (docs/sync.md §5). They look only at messages
found nowhere, so filing, emptying the inbox and emptying the trash never set them off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from misfin.post.sync.base import AskReason
from misfin.post.sync.situation import Situation
from misfin.post.sync.values import Role

MANY: Final = 20
"""So many deletions in a folder are never many."""
MANY_SHARE: Final = 0.1
"""The share of a folder above which deletions are many."""
_BINS: Final = frozenset({Role.TRASH, Role.JUNK})
"""Deleting many messages there, or all, is what people do."""
_MAY_BE_EMPTIED: Final = _BINS | {Role.DRAFTS}
"""Sending the only draft empties its folder."""


ABOUT_SINGLE: Final = frozenset({AskReason.RENUMBERED, AskReason.WENT_BACK})
"""The reasons to ask about single messages, those without an id, and not about all deletions in a folder."""


THERE: Final = ABOUT_SINGLE | {AskReason.MANY_THERE, AskReason.GONE_THERE}
"""Those about what is gone on the server; the others are about what is gone here."""


class Deletion(NamedTuple):
    """A message found nowhere on one side, so that it would be deleted on the other.

    ``here``: that it is gone here is the reason. ``meant``: it is written down that a person deleted it, or
    it was moved and is in its new folder already.
    """

    folder: int
    here: bool
    meant: bool


def ask_reasons(situation: Situation, deletions: Iterable[Deletion]) -> Mapping[int, AskReason]:
    """Each folder in which nothing may be deleted, with the reason."""
    found: dict[int, AskReason] = {}
    by_folder: dict[int, list[Deletion]] = {}
    for each in deletions:
        by_folder.setdefault(each.folder, []).append(each)
    roles = {folder.id: folder.role for folder in situation.folders}
    before = {folder.id: folder.reason for folder in situation.folders}
    for folder, theirs in by_folder.items():
        # A folder that asks stays so until a person has answered, or nothing would be deleted any more: what
        # is fetched meanwhile may hide the sign.
        reason = _ask_reason(situation, folder, roles[folder], theirs)
        if reason is AskReason.NONE and before[folder] not in ABOUT_SINGLE:
            reason = before[folder]
        if reason is not AskReason.NONE:
            found[folder] = reason
    return found


def count_asked_about(reason: AskReason, folder: int, deletions: Iterable[Deletion]) -> int:
    """How many of these deletions a folder asks about: for people."""
    here = reason not in THERE
    return sum(each.folder == folder and each.here is here for each in deletions)


def _ask_reason(situation: Situation, folder: int, role: Role, deletions: list[Deletion]) -> AskReason:
    here, there = situation.here, situation.there
    unmeant = [each for each in deletions if not each.meant]
    if here.other:
        return AskReason.OTHER_HERE
    if folder in here.missing:
        return AskReason.MISSING_HERE
    if folder in there.missing:
        return AskReason.GONE_THERE
    if role not in _MAY_BE_EMPTIED and unmeant:
        if folder in here.empty:
            return AskReason.EMPTY_HERE
        if folder in there.emptied:
            return AskReason.GONE_THERE
    count = situation.counts.get(folder, 0)
    if role not in _BINS and count > MANY:
        sides = Counter(each.here for each in unmeant)
        for side, reason in ((True, AskReason.MANY_HERE), (False, AskReason.MANY_THERE)):
            if sides[side] > max(MANY, MANY_SHARE * count):
                return reason
    return AskReason.NONE
