"""Copies a message that the server shows in a second folder from the first one, instead of fetching it.

Only where the server gives messages lasting ids (Gmail, whose folders are labels). As with a message that is
fetched, its row is written once its file is on disk; its name says which message on the server it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from misfin.errors import StoreError
from misfin.files import sync_file
from misfin.post.source import Arrival
from misfin.post.sync.base import BaseRow, OperationKind, PendingOperation
from misfin.post.sync.fetching import known_of
from misfin.post.sync.identify import facts_of_file
from misfin.post.sync.journal import begin, ended_there
from misfin.post.sync.keys import key_with, origin
from misfin.post.sync.steps import CopyHere, FetchNew
from misfin.post.sync.work import Work, chars_for


def copy_here(work: Work, steps: Sequence[CopyHere]) -> list[FetchNew]:
    """Copy messages within the account; returns what has to be fetched after all. Blocks.

    Raises :class:`~misfin.errors.StoreError` if the disk does.
    """
    found: list[FetchNew] = []
    for folder in dict.fromkeys(step.folder for step in steps):
        group = [step for step in steps if step.folder == folder]
        copied = dict(_copied(work, group))
        _deliver(work, folder, [(step, copied[step.listed.id]) for step in group if step.listed.id in copied])
        left = tuple(step.listed for step in group if step.listed.id not in copied)
        found += [FetchNew(folder, left)] if left else []
    return found


def _copied(work: Work, steps: Sequence[CopyHere]) -> Iterator[tuple[str, Path]]:
    """Each message as a finished file; those that are gone here by now, or have other bytes, are left out."""
    for step in steps:
        source = work.inbox.find(work.account, step.place, step.row.key)
        if source is None:
            continue
        (path,) = work.inbox.new_paths(work.account, work.folders[step.folder].local)
        try:
            _copy(source, path)
            if facts_of_file(path).digest == step.row.facts.digest:
                yield step.listed.id, path
                continue
        except FileNotFoundError:  # moved or deleted meanwhile
            pass
        except OSError as error:
            path.unlink(missing_ok=True)
            raise StoreError(f"A message could not be copied to {path}: {error.strerror}.") from error
        path.unlink(missing_ok=True)


def _copy(source: Path, path: Path) -> None:
    with (
        source.open("rb") as old,
        os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new,
    ):
        shutil.copyfileobj(old, new)
        new.flush()
        sync_file(new.fileno())
        received = os.fstat(old.fileno()).st_mtime
    with suppress(OSError, OverflowError, ValueError):
        os.utime(path, (received, received))


def _deliver(work: Work, folder: int, copies: Sequence[tuple[CopyHere, Path]]) -> None:
    if not copies:
        return
    local, raw, epoch = work.folders[folder].local, work.folders[folder].remote.raw, work.points[folder].epoch
    tags = {tag for step, _ in copies for tag in step.listed.flags.tags}
    chars = work.inbox.tag_flags(work.account, local, tags) if tags else {}
    arrivals = [
        Arrival(
            work.account,
            local,
            path,
            chars_for(step.listed.flags, chars),
            key_with(path.name, origin(raw, epoch, step.listed.id)),
        )
        for step, path in copies
    ]
    now, ids = work.now(), [step.listed.id for step, _ in copies]
    begun = [
        PendingOperation(
            0, OperationKind.STORE, folder, remote_id=step.listed.id, facts=step.row.facts, begun=now
        )
        for step, _ in copies
    ]
    with work.state.write():
        ended_there(work.state, OperationKind.STORE, folder, ids)
        begin(work.state, begun)
    keys = work.inbox.deliver_many(arrivals)
    rows = [
        BaseRow(0, folder, listed.id, key, listed.flags, known_of(step.row.facts, listed), now)
        for (step, _), key in zip(copies, keys, strict=True)
        for listed in (step.listed,)
    ]
    with work.state.write():
        work.state.add(rows)
        ended_there(work.state, OperationKind.FETCH, folder, ids)
        ended_there(work.state, OperationKind.STORE, folder, ids)
    work.here += len(rows)
