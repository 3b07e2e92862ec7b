"""Plans for a maildrop (POP3), which only hands out messages: fetch what is new, delete by policy.

Filing, flags and deletions stay here. A message that the server no longer lists is forgotten, not removed
here; one that was deleted here is remembered as long as the server lists it, so it does not come back.
"""

from __future__ import annotations

from dataclasses import replace

from misfin.post.sync.base import AskReason, FolderState, OperationKind
from misfin.post.sync.guards import Deletion, ask_reasons, count_asked_about
from misfin.post.sync.pairing import pair
from misfin.post.sync.situation import Situation
from misfin.post.sync.steps import (
    Adopt,
    Create,
    Delete,
    EndPending,
    FetchNew,
    Forget,
    LeaveThere,
    Pair,
    RemoveThere,
    Rule,
    SyncPlan,
    Withhold,
)
from misfin.post.sync.values import Listed


def make_drop_plan(situation: Situation, due: frozenset[int]) -> SyncPlan:
    """What to do. ``due`` messages are to be deleted on the server because of the account's policy.

    Guards count only those of them whose file is gone here for no known reason; if they set off, nothing is
    deleted.
    """
    pairs = pair(situation)
    meant = {each.key: each for each in situation.pending if each.kind is OperationKind.DELETE and each.key}
    deletes: list[Delete] = [EndPending(each) for each in situation.there.left_gone]
    deletes += (Forget(row) for row in situation.there.gone)
    gone_keys = {situation.rows[row].key for row in situation.there.gone}
    deletes += (EndPending(each.id) for key, each in meant.items() if key in gone_keys)
    left = due - situation.there.gone
    gone_here = situation.here.gone - pairs.renamed.keys() - situation.there.gone
    lost = [
        Deletion(situation.rows[row].folder, here=True, meant=situation.rows[row].key in meant)
        for row in left & gone_here
    ]
    found = ask_reasons(situation, lost)
    states: dict[int, tuple[FolderState, AskReason]] = {}
    asked_about: dict[int, int] = {}
    fetches: dict[int, list[Listed]] = {}
    for folder in situation.folders:
        if folder.state is FolderState.PAUSED:
            continue
        reason = found.get(folder.id, AskReason.NONE)
        if folder.state is FolderState.KEEPING:
            for row in (situation.rows[number] for number in sorted(gone_here)):
                if row.folder == folder.id and row.key not in meant:
                    deletes.append(Forget(row.id))
                    fetches.setdefault(folder.id, []).append(Listed(row.remote_id, size=row.facts.size))
            reason = AskReason.NONE
        elif reason is AskReason.NONE or folder.state is FolderState.AGREED:
            rows = [situation.rows[row] for row in sorted(left) if situation.rows[row].folder == folder.id]
            deletes += (RemoveThere(row, Rule.NONE) for row in rows)
        if reason is AskReason.NONE and folder.state is not FolderState.OK:
            states[folder.id] = (FolderState.OK, AskReason.NONE)
        elif reason is not AskReason.NONE and folder.state in (FolderState.OK, FolderState.ASKING):
            states[folder.id] = (FolderState.ASKING, reason)
            asked_about[folder.id] = count_asked_about(reason, folder.id, lost)
    for number in sorted(gone_here - left):
        if situation.rows[number].key in meant:
            deletes.append(Withhold(situation.rows[number]))
    on_server_only = {
        (each.folder, each.remote_id) for each in situation.pending if each.kind is OperationKind.FETCH
    }
    creates: list[Create] = [Pair(new.folder, file, new, file.flags, file.flags) for file, new in pairs.both]
    paused = {folder.id for folder in situation.folders if folder.state is FolderState.PAUSED}
    for new in pairs.there:
        listed = new.listed
        if (new.folder, listed.id) in on_server_only or new.folder in paused:
            continue
        if situation.largest is not None and (listed.size or 0) > situation.largest:
            deletes.append(LeaveThere(new.folder, listed))
        else:
            fetches.setdefault(new.folder, []).append(listed)
    creates += (FetchNew(folder, tuple(reversed(each))) for folder, each in fetches.items())
    renamed = [replace(situation.rows[row], key=file.key) for row, file in pairs.renamed.items()]
    return SyncPlan(
        creates=tuple(creates),
        moves=tuple(Adopt(row) for row in renamed if row.id not in situation.there.gone),
        deletes=tuple(deletes),
        states=states,
        asked_about=asked_about,
    )
