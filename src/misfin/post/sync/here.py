"""Finds what differs from the base on this side by listing folders; only new files are read.

A folder whose directories have not changed since it last was equal to the base is not even listed. All of it
blocks on the disk: for a thread.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from typing import Final

from misfin.errors import StoreError
from misfin.model.folders import HELD
from misfin.post.source import Inbox
from misfin.post.sync.base import BaseRow, SyncedFolder
from misfin.post.sync.identify import UNKNOWN, Facts, facts_of_file
from misfin.post.sync.merging import flag_set
from misfin.post.sync.situation import Here, HereFile
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import FLAG_CHARS, FlagSet, Role
from misfin.store.mail.filenames import INFO, is_local_only, split_name
from misfin.store.mail.keywords import FLAGS
from misfin.store.mail.plain_folders import ON_DISK
from misfin.store.mail.snapshot import Snapshot, identity_in
from misfin.valueclass import dataclass

_UNSYNCED: Final = frozenset({HELD})
_CHARS: Final = frozenset(FLAG_CHARS)
_NO_NAME: Final = "\0"
"""No file has it in its name."""


@dataclass(frozen=True, slots=True)
class HereView:
    """What was found: ``here``, the messages of the base it mentions, and the folders there are.

    ``stamps`` are those of the folders that are equal to the base.
    """

    here: Here
    rows: Mapping[int, BaseRow]
    folders: tuple[str, ...]
    stamps: Mapping[int, str]


@dataclass(slots=True)
class _Found:
    """The differences of all folders, while they are collected."""

    present: dict[int, HereFile] = field(default_factory=dict)
    elsewhere: dict[int, HereFile] = field(default_factory=dict)
    new: list[HereFile] = field(default_factory=list)
    odd: list[HereFile] = field(default_factory=list)


def look_here(state: SyncState, inbox: Inbox, account: str, known_facts: dict[str, Facts]) -> HereView:
    """Compare this side with the base. ``known_facts`` saves reading new files again at every pass.

    Raises :class:`~misfin.errors.StoreError`.
    """
    view = _look(state, inbox, account, known_facts)
    if view.here.gone:  # renamed from one folder to another between the two listings, perhaps
        view = _look(state, inbox, account, known_facts)
    return view


def _look(state: SyncState, inbox: Inbox, account: str, known_facts: dict[str, Facts]) -> HereView:
    names = tuple(
        name for name in inbox.folders(account) if name not in _UNSYNCED and not name.startswith(ON_DISK)
    )
    synced = {folder.local: folder for folder in state.folders()}
    home, identity = state.home(), inbox.identity(account)
    snapshots: dict[str, Snapshot] = {}
    unknown: list[tuple[str, str]] = []
    missing_keys: list[str] = []
    for name in dict.fromkeys((*names, *synced)):
        folder = synced.get(name)
        snapshot = inbox.snapshot(account, name, folder.stamp if folder else "")
        if snapshot is None:
            continue
        snapshots[name] = snapshot
        gone, names_here = _compare(state, folder, snapshot)
        missing_keys += gone
        unknown += ((name, each) for each in names_here)
    found, missing_rows = _sorted_out(state, synced, snapshots, unknown, missing_keys)
    here_now = found.present.keys() | found.elsewhere.keys()
    rows = {row.id: row for row in missing_rows}
    gone_rows = frozenset(rows.keys() - here_now)
    unnamed = {row: file.unnamed for row, file in found.present.items() if file.unnamed}
    changed = {
        row: file.flags
        for row, file in found.present.items()
        if row in unnamed or file.flags != rows[row].flags
    }
    edited = _edited(inbox, account, synced, state, known_facts, found.elsewhere)
    rows |= state.rows([row for row in edited if row not in rows])
    here = Here(
        changed=changed,
        moved=found.elsewhere,
        edited=edited,
        gone=gone_rows,
        new=tuple(_with_facts(inbox, account, found.new, known_facts)),
        missing=frozenset(
            folder.id
            for name, folder in synced.items()
            if name in snapshots and not snapshots[name].exists and state.has_messages(folder.id)
        ),
        empty=frozenset(
            folder.id
            for name, folder in synced.items()
            if name in snapshots and not len(snapshots[name]) and state.has_messages(folder.id)
        ),
        other=bool(home) and identity != home,
        odd=tuple(found.odd),
        renamed=_renamed(synced, snapshots),
        unnamed=unnamed,
    )
    busy = {file.folder for file in (*here.new, *here.moved.values(), *here.odd)}
    busy |= {folder.local for folder in synced.values() if folder.id in _folders_of(rows, here)}
    # Where a stamp cannot be relied upon, the identity alone: no stamp is equal to it, and a folder that is
    # renamed before both sides are equal again, as one that needs a decision may be, is still recognized.
    stamps = {
        folder.id: (snapshots[name].stamp if name not in busy else "") or snapshots[name].identity
        for name, folder in synced.items()
        if name in snapshots and (name not in busy or snapshots[name].identity)
    }
    touched = gone_rows | here.moved.keys() | changed.keys() | edited.keys()
    return HereView(here, {row: rows[row] for row in touched}, names, stamps)


def present_view(
    state: SyncState, inbox: Inbox, account: str, known_facts: dict[str, Facts], quiet: Collection[str]
) -> HereView:
    """:func:`look_here`, without what differs in ``quiet`` folders.

    Raises :class:`~misfin.errors.StoreError`, also if the account's mail is not there at all.
    """
    if state.home() and not inbox.identity(account):
        raise StoreError(
            f"The mail folder of {account} is missing. Nothing was changed.", remedy="Is its disk mounted?"
        )
    return without(look_here(state, inbox, account, known_facts), quiet, state.folders())


def _renamed(synced: Mapping[str, SyncedFolder], snapshots: Mapping[str, Snapshot]) -> dict[str, int]:
    """Folders that are missing here and whose directories have another name now."""
    missing = {
        identity_in(folder.stamp): folder.id
        for name, folder in synced.items()
        if folder.stamp and name in snapshots and not snapshots[name].exists
    }
    names = [name for name in snapshots if name not in synced] if missing else []
    return {name: missing[snapshots[name].identity] for name in names if snapshots[name].identity in missing}


def without(view: HereView, quiet: Collection[str], folders: Iterable[SyncedFolder]) -> HereView:
    """The same without what differs in ``quiet`` folders, as if nothing had been changed there."""
    if not quiet:
        return view
    waiting = {folder.id for folder in folders if folder.local in quiet}
    here, rows = view.here, view.rows

    def kept(row: int, to: str = "") -> bool:
        return rows[row].folder not in waiting and to not in quiet

    calm = replace(
        here,
        changed={row: flags for row, flags in here.changed.items() if kept(row)},
        moved={row: file for row, file in here.moved.items() if kept(row, file.folder)},
        edited={row: file for row, file in here.edited.items() if kept(row)},
        gone=frozenset(row for row in here.gone if kept(row)),
        new=tuple(file for file in here.new if file.folder not in quiet),
        odd=tuple(file for file in here.odd if file.folder not in quiet),
        unnamed={row: tags for row, tags in here.unnamed.items() if kept(row)},
    )
    stamps = {folder: stamp for folder, stamp in view.stamps.items() if folder not in waiting}
    return replace(view, here=calm, stamps=stamps)


def _folders_of(rows: Mapping[int, BaseRow], here: Here) -> set[int]:
    touched = here.gone | here.moved.keys() | here.changed.keys() | here.edited.keys()
    return {rows[row].folder for row in touched}


def _compare(
    state: SyncState, folder: SyncedFolder | None, snapshot: Snapshot
) -> tuple[list[str], list[str]]:
    """Keys the base expects and that are not there under their name, and names it does not expect.

    A file whose message has a tag for which the folder has no flag is among them, unless it has none to give.
    """
    if folder is None:
        return [], [*map("cur/{}".format, snapshot.cur), *map("new/{}".format, snapshot.new)]
    expected = state.plain_names(folder.id)
    chars = {tag: char for char, tag in snapshot.tags.items()}
    other = "" if len(chars) == len(FLAGS) else _NO_NAME
    tagged = {
        f"{key}{INFO}{''.join(sorted((*flags, *(chars.get(tag, other) for tag in tags))))}"
        for key, flags, tags in state.tagged(folder.id)
    }
    if tagged:
        expected |= tagged
    unknown = snapshot.cur - expected
    missing = expected - snapshot.cur
    if not missing and not snapshot.new and not unknown:
        return [], []
    fresh = {name for name in snapshot.new if name + INFO in missing}  # as delivered, without flags
    gone = [split_name(name)[0] for name in missing.difference(name + INFO for name in fresh)]
    return gone, [f"cur/{name}" for name in unknown] + [f"new/{name}" for name in snapshot.new - fresh]


def _sorted_out(
    state: SyncState,
    synced: Mapping[str, SyncedFolder],
    snapshots: Mapping[str, Snapshot],
    unknown: Iterable[tuple[str, str]],
    missing_keys: Collection[str],
) -> tuple[_Found, list[BaseRow]]:
    """Which of the unexpected names belong to messages of the base, and which are new."""
    found = _Found()
    files: dict[str, list[tuple[str, str]]] = {}
    for folder, name in unknown:
        key = split_name(name[4:])[0]
        if is_local_only(key):
            continue
        if key.isprintable() and key.isascii() and len(key) <= 200:
            files.setdefault(key, []).append((folder, name))
        else:  # the base could not hold it
            found.odd.append(HereFile(folder, name, key))
    missing = state.by_keys(missing_keys)
    others = state.by_keys([key for key in files if key not in missing])
    local = {folder.id: name for name, folder in synced.items()}
    for key, places in files.items():
        row = missing.get(key)
        home = local[row.folder] if row else None
        places.sort(key=lambda place: place[0] != home)  # its own folder first
        for at, (folder, name) in enumerate(places):
            if at or key in others:
                found.odd.append(HereFile(folder, name, key))  # a second file of this key
                continue
            base = row.flags if row else FlagSet()
            tags = snapshots[folder].tags
            unnamed = base.tags.difference(tags.values())
            file = HereFile(folder, name, key, _flags_of(name, tags, unnamed), unnamed=unnamed)
            if row is None:
                found.new.append(file)
            elif folder == home:
                found.present[row.id] = file
            else:
                found.elsewhere[row.id] = file
    return found, list(missing.values())


def _flags_of(name: str, tags: Mapping[str, str], unnamed: frozenset[str]) -> FlagSet:
    """The flags of a file; a tag for which its folder has no flag is as it was."""
    flags = split_name(name[4:])[1]
    return flag_set(_CHARS.intersection(flags), unnamed.union(tags[char] for char in flags if char in tags))


def _edited(
    inbox: Inbox,
    account: str,
    synced: Mapping[str, SyncedFolder],
    state: SyncState,
    known_facts: dict[str, Facts],
    elsewhere: Mapping[int, HereFile],
) -> dict[int, HereFile]:
    """Drafts whose file holds other bytes than at the last pass: some programs write into the same file.

    ``elsewhere`` are files that were moved, perhaps after that.
    """
    found = {}
    for folder in synced.values():
        if folder.role is not Role.DRAFTS or not state.has_messages(folder.id):
            continue
        for row in state.of_folder(folder.id):
            moved = elsewhere.get(row.id)
            local = moved.folder if moved else folder.local
            path = inbox.find(account, local, row.key) if row.key else None
            with suppress(OSError):
                if path is None or path.stat().st_mtime <= folder.synced_at:
                    continue
                facts = _facts(path, row.key, known_facts)
                if row.facts.digest and facts.digest != row.facts.digest:
                    name = f"{path.parent.name}/{path.name}"
                    flags = moved.flags if moved else row.flags
                    found[row.id] = HereFile(local, name, row.key, flags, facts)
    return found


def _with_facts(
    inbox: Inbox, account: str, files: Iterable[HereFile], known: dict[str, Facts]
) -> Iterable[HereFile]:
    for file in files:
        path = inbox.find(account, file.folder, file.key)
        if path is None:
            continue  # gone already
        with suppress(OSError):
            yield file._replace(facts=_facts(path, file.key, known))


def _facts(path: Path, key: str, known: dict[str, Facts]) -> Facts:
    facts = os.stat(path)  # noqa: PTH116 - as below
    seen = f"{key} {facts.st_size} {facts.st_mtime_ns} {facts.st_ino}"
    if seen not in known:
        known[seen] = facts_of_file(path)
    return known.get(seen, UNKNOWN)
