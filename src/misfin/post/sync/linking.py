"""Pairs each folder here with one on the server, once and for all; a renamed folder is followed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from misfin.errors import StoreError
from misfin.model.folders import FOLDERS, HELD, OUTBOX
from misfin.post.sync.base import AskReason, FolderState, SyncedFolder
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import LOCAL_NAMES, RemoteFolder, Role

_LONGEST: Final = 100
"""Characters of a folder's name here; a longer one is cut, and told from others by a hash."""
_NOT_IN_NAME: Final = re.compile(r"[\x00-\x1f\x7f-\x9f.\\~\u2028\u2029\ud800-\udfff]")
_RESERVED: Final = frozenset(name.lower() for name in (*FOLDERS, HELD, OUTBOX, "INBOX"))


def link(state: SyncState, there: Sequence[RemoteFolder]) -> list[SyncedFolder]:
    """Bring the list of synced folders up to date; returns those that the server has no longer.

    A folder is known by its name on the server, else by its id there, which survives renaming, else by its
    role, which only one folder has. Blocks.
    """
    known = state.folders()
    by_raw = {folder.remote.raw: folder for folder in known}
    there = _one_inbox(there)
    raws = {remote.raw for remote in there}
    by_id = {folder.remote.id: folder for folder in known if folder.remote.id}
    lost: dict[Role, SyncedFolder] = {
        folder.role: folder
        for folder in known
        if folder.role is not Role.NONE and folder.remote.raw not in raws
    }
    taken = {folder.local.lower() for folder in known}
    roles: set[Role] = {folder.role for folder in known if folder.role is not Role.NONE}
    changed: list[SyncedFolder] = []
    added: list[tuple[str, RemoteFolder]] = []
    present: set[int] = set()
    for remote in sorted(there, key=lambda each: (each.role is Role.NONE, each.raw)):
        folder = by_raw.get(remote.raw)
        if folder is None and remote.id and (other := by_id.get(remote.id)) and other.remote.raw not in raws:
            folder = other  # renamed on the server
        if folder is None and (other := lost.pop(remote.role, None)):
            folder = other  # the folder with this role has another name now
        if folder is not None:
            present.add(folder.id)
            now = replace(folder, remote=replace(remote, role=folder.role, status=None))
            if folder.state is FolderState.PAUSED and folder.reason is AskReason.GONE_THERE:
                now = replace(now, state=FolderState.OK, reason=AskReason.NONE)
            if now != folder:
                changed.append(now)
            continue
        role = Role.NONE if remote.role in roles else remote.role
        local = local_name(remote, role, taken)
        roles.add(role)
        taken.add(local.lower())
        added.append((local, replace(remote, role=role, status=None)))
    if changed or added:
        with state.write():
            for folder in changed:
                state.save_folder(folder)
            for local, remote in added:
                present.add(state.add_folder(local, remote).id)
    return [folder for folder in known if folder.id not in present]


def _one_inbox(there: Sequence[RemoteFolder]) -> Sequence[RemoteFolder]:
    """The folders, in which INBOX in any case has its role (RFC 3501 §5.1)."""
    return [
        replace(each, role=Role.INBOX) if each.raw.upper() == b"INBOX" and each.role is Role.NONE else each
        for each in there
    ]


def local_name(remote: RemoteFolder, role: Role, taken: Collection[str]) -> str:
    """What a folder is called here: by its role, else by its name as far as a Maildir can hold it."""
    if role is not Role.NONE and LOCAL_NAMES[role].lower() not in taken:
        return LOCAL_NAMES[role]
    parts = [_NOT_IN_NAME.sub("_", part).strip() for part in remote.name.split("/")]
    name = "/".join(parts)
    whole = all(parts) and name == remote.name and len(name) <= _LONGEST
    if whole and name.lower() not in taken and name.lower() not in _RESERVED:
        return name
    short = "/".join(part or "_" for part in parts)[:_LONGEST].rstrip("/ ") or "_"
    return f"{short}~{hashlib.sha256(remote.raw).hexdigest()[:8]}"


def rename_here(state: SyncState, folder: SyncedFolder, local: str) -> None:
    """A folder is called ``local`` from now on; its messages are found there by their keys. Blocks."""
    if state.folder(local) is not None:
        raise StoreError(f"A folder named {local} already exists.")
    with state.write():
        state.save_folder(replace(folder, local=local, stamp=""))
