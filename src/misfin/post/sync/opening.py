"""Fetches messages that are on the server only, when a person opens them there.

Whoever keeps the account in sync does it: a program that is asked writes down what is wanted, and the next
pass fetches it, whatever its size and age.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from misfin.errors import StoreError
from misfin.post.source import Inbox
from misfin.post.sync.base import OperationKind, PendingOperation
from misfin.post.sync.fetching import fetch
from misfin.post.sync.identify import UNKNOWN
from misfin.post.sync.journal import begin, ended, ended_there, pending
from misfin.post.sync.remote import Remote
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import Listed
from misfin.post.sync.work import Work


def ask_for(state: SyncState, local: str, epoch: str, remote_id: str, size: int, now: float) -> None:
    """Have the next pass fetch a message into its folder. Blocks.

    Raises :class:`~misfin.errors.StoreError` if the server numbered the folder again since it was found.
    """
    folder = state.folder(local)
    if folder is None:
        raise StoreError(f"{local} is not in sync with a server.")
    if folder.point.epoch != epoch:
        raise StoreError(f"The server has changed {local} meanwhile.", remedy="Search again.")
    with state.write():
        ended_there(state, OperationKind.OPEN, folder.id, [remote_id])
        facts = UNKNOWN._replace(size=size)
        begin(
            state,
            [PendingOperation(0, OperationKind.OPEN, folder.id, remote_id=remote_id, facts=facts, begun=now)],
        )


def opened(state: SyncState, local: str, remote_id: str) -> str | None:
    """The key of a message that was asked for; empty while it is not here, None if it could not be fetched.

    Blocks.
    """
    folder = state.folder(local)
    if folder is None:
        return None
    row = state.by_remote_ids(folder.id, [remote_id]).get(remote_id)
    if row is not None:
        return row.key
    wanted = pending(state, [OperationKind.OPEN])
    return "" if any((each.folder, each.remote_id) == (folder.id, remote_id) for each in wanted) else None


async def fetch_opened(work: Work) -> None:
    """In a pass: fetch what was asked for, and remember that it stays, however old it is.

    Raises as :func:`misfin.post.sync.fetching.fetch`.
    """
    for each in await asyncio.to_thread(pending, work.state, [OperationKind.OPEN]):
        folder = work.folders.get(each.folder)
        if each.key or folder is None or each.folder not in work.points:
            continue
        known = await asyncio.to_thread(work.state.by_remote_ids, folder.id, [each.remote_id])
        if each.remote_id not in known:
            await fetch(work, folder, [Listed(each.remote_id, size=each.facts.size or None)])
        await asyncio.to_thread(_opened, work, each)


def _opened(work: Work, asked: PendingOperation) -> None:
    row = work.state.by_remote_ids(asked.folder, [asked.remote_id]).get(asked.remote_id)
    with work.state.write():
        ended(work.state, [asked.id])
        if row is not None and row.key:
            kept = PendingOperation(0, OperationKind.OPEN, asked.folder, key=row.key, begun=work.now())
            begin(work.state, [kept])


async def fetch_message(
    remote: Remote,
    state: SyncState,
    inbox: Inbox,
    account: str,
    local: str,
    remote_id: str,
    *,
    now: Callable[[], float] = time.time,
) -> str:
    """Fetch one of them into its folder, whatever its size; returns its key.

    Not while a pass runs. Raises :class:`~misfin.errors.RemoteError`, and
    :class:`~misfin.errors.StoreError` where it is not there any more.
    """
    folder = await asyncio.to_thread(state.folder, local)
    if folder is None:
        raise StoreError(f"{local} is not in sync with a server.")
    work = Work(account, remote, state, inbox, now, {folder.id: folder}, {folder.id: folder.point}, {})
    left = await asyncio.to_thread(pending, state, [OperationKind.FETCH])
    size = next((each.facts.size for each in left if each.remote_id == remote_id), None)
    await fetch(work, folder, [Listed(remote_id, size=size or None)])
    row = (await asyncio.to_thread(state.by_remote_ids, folder.id, [remote_id])).get(remote_id)
    if row is None:
        raise StoreError("This message could not be fetched.", remedy=" ".join(work.problems))
    return row.key
