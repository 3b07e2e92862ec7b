"""Fetches one message that was left on the server, when it is opened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from misfin.errors import StoreError
from misfin.post.source import Inbox
from misfin.post.sync.base import DoingKind
from misfin.post.sync.fetching import fetch
from misfin.post.sync.journal import doing
from misfin.post.sync.remote import Remote
from misfin.post.sync.state import SyncState
from misfin.post.sync.values import Listed
from misfin.post.sync.work import Work


def left_on_server(state: SyncState) -> dict[str, list[str]]:
    """The ids of messages that are on the server only, by the name of their folder here. Blocks."""
    names = {folder.id: folder.local for folder in state.folders()}
    found: dict[str, list[str]] = {}
    for each in doing(state, [DoingKind.FETCH]):
        found.setdefault(names[each.folder], []).append(each.remote_id)
    return found


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
    left = await asyncio.to_thread(doing, state, [DoingKind.FETCH])
    size = next((each.facts.size for each in left if each.remote_id == remote_id), None)
    await fetch(work, folder, [Listed(remote_id, size=size or None)])
    row = (await asyncio.to_thread(state.by_remote_ids, folder.id, [remote_id])).get(remote_id)
    if row is None:
        raise StoreError("This message could not be fetched.", remedy=" ".join(work.problems))
    return row.key
