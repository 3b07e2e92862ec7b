"""Runs a pass over an account: whether anything differs, and if so, a plan for it that is carried out.

Use: open the state with :func:`misfin.post.sync.state.open_state`, hold a
:class:`misfin.post.sync.lock.SyncLock`, connect a remote, and call :func:`run_pass` whenever something may
have changed, again while :attr:`PassResult.again` says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from misfin.post.source import Inbox
from misfin.post.sync.here import HereView, present_view
from misfin.post.sync.linking import link
from misfin.post.sync.remote import Remote
from misfin.post.sync.settings import CLEANED_EVERY, PassResult, SyncMemory, SyncSettings
from misfin.post.sync.state import SyncState
from misfin.post.sync.unchanged import nothing_to_do


async def run_pass(
    remote: Remote,
    state: SyncState,
    inbox: Inbox,
    settings: SyncSettings,
    memory: SyncMemory,
    *,
    only: Collection[bytes] | None = None,
    quiet: Collection[str] = (),
    now: Callable[[], float] = time.time,
    on_arrival: Callable[[int], object] = lambda _count: None,
    on_plan: Callable[[int], object] = lambda _count: None,
) -> PassResult:
    """One pass over all folders, or over those whose raw names are in ``only`` and what changed here.

    ``quiet`` folders (by their names here) are left alone on both sides, and wait for another pass: drafts,
    while one is being written.

    ``on_plan`` is called with the number of messages to fetch, before that begins; ``on_arrival`` in a thread
    with the number of messages whenever some have been stored.

    Raises :class:`~misfin.errors.RemoteError` if the connection or the server fails, and
    :class:`~misfin.errors.StoreError` if the disk does or the account's mail is not there at all; what was
    done until then is written down, and the next pass goes on.
    """
    calm, began = frozenset(quiet), now()
    looking = asyncio.create_task(
        asyncio.to_thread(present_view, state, inbox, settings.account, memory.facts, calm)
    )
    try:
        there = await remote.folders()
    finally:
        (found,) = await asyncio.gather(looking, return_exceptions=True)
    if isinstance(found, BaseException):
        raise found
    here: HereView | None = found
    before = await asyncio.to_thread(state.folders)
    missing = await asyncio.to_thread(link, state, there)
    if await asyncio.to_thread(state.folders) != before:
        here = None  # looked at before there was anything to compare it with
    if (
        here is not None
        and remote.abilities.mirrors
        and not missing
        and await asyncio.to_thread(nothing_to_do, state, settings, memory, here, there, only, calm)
    ):
        await asyncio.to_thread(_note, state, inbox, settings, memory, here, now(), whole=only is None)
        return PassResult()
    from misfin.post.sync.planned import PlannedPass  # late: the rules, for when there is anything to do

    run = PlannedPass(remote, state, inbox, settings, memory, calm, now, on_arrival)
    return await run.run(there, missing, here, only, on_plan, began)


def _note(
    state: SyncState,
    inbox: Inbox,
    settings: SyncSettings,
    memory: SyncMemory,
    here: HereView,
    now: float,
    *,
    whole: bool,
) -> None:
    """Write down which folders need not be listed the next time, and that both sides are in sync."""
    changed = [
        replace(folder, stamp=stamp)
        for folder in state.folders()
        if (stamp := here.stamps.get(folder.id, folder.stamp)) != folder.stamp
    ]
    if changed:
        with state.write():
            for folder in changed:
                state.save_folder(folder)
    if now - memory.cleaned > CLEANED_EVERY and state.has_gone():
        from misfin.post.sync.attic import clean  # late: seldom needed

        clean(state, inbox, settings.account, now)
        memory.cleaned = now
    if whole:
        state.set_in_step(now)
