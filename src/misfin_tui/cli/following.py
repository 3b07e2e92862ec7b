"""``misfin-tui fetch --follow``: keep e-mail accounts in sync, as a child of the app or alone."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from misfin.errors import LocalError
from misfin_tui.cli import Exit
from misfin_tui.cli.email_sources import sources_of
from misfin_tui.cli.logs import log_to_stderr
from misfin_tui.cli.output import emit, open_services
from misfin_tui.cli.receive import wait_for_eof
from misfin_tui.config.accounts import mail_directory

if TYPE_CHECKING:
    from argparse import Namespace

    from misfin.net.head_start import HeadStart
    from misfin.post.fetching.lock import FetchLock
    from misfin.post.fetching.syncsource import SyncSource
    from misfin.post.source import SourceStatus
    from misfin_tui.services import Services

_AT_REST: Final = 2.0
"""Seconds after the state of an account has changed when memory is tidied."""


def follow(args: Namespace, begun: Mapping[str, HeadStart]) -> int:
    """Report the state of each account on standard output as it changes, and run until SIGTERM or ctrl+c.

    ``begun`` are connections that are being made already, by account.
    """
    from misfin.post.fetching.lock import FetchLock  # late: not for fetching once
    from misfin_tui.services.heap import share_one_heap

    share_one_heap()
    with open_services(args) as services:
        sources = sources_of(services, args.account, begun)
        if not sources:
            raise LocalError(
                "No account fetches mail.", remedy="Add one: misfin-tui account add NAME --address ADDRESS"
            )
        log_to_stderr()
        lock = FetchLock(services.profile.runtime)
        try:
            asyncio.run(_run(args, services, sources, lock))
        finally:
            lock.release()
    return Exit.DONE


async def _run(args: Namespace, services: Services, sources: Sequence[SyncSource], lock: FetchLock) -> None:
    from misfin.post.fetching.lock import LOOK_NOW
    from misfin.post.inbox import LocalInbox
    from misfin_tui.services.arriving import arrival_filters
    from misfin_tui.services.heap import return_unused

    known: dict[str, SourceStatus] = {}
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def report(status: SourceStatus) -> None:
        loop.call_soon_threadsafe(noted, status)

    def noted(status: SourceStatus) -> None:
        if known.get(status.account) == status:
            return
        known[status.account] = status
        lock.note(known.values())
        directory = mail_directory(status.account, services.config.accounts[status.account])
        record = {
            "account": services.address_of(directory),
            "account_name": status.account,
            "state": status.state.value,
            "sentence": status.sentence,
        }
        emit(args, record, f"{status.account}: {status.sentence}")
        loop.call_later(_AT_REST, tidy)

    def tidy() -> None:
        gc.collect()
        return_unused()

    def look_now() -> None:
        for source in sources:
            source.look_now()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(LOOK_NOW, look_now)
    if args.until_eof:
        threading.Thread(target=wait_for_eof, args=(loop, stop), daemon=True).start()
    filters = arrival_filters(services.profile, services.store)
    inbox = LocalInbox(services.store, report, arrived=filters.arrived, arriving=filters.arriving)
    try:
        async with asyncio.TaskGroup() as group:
            for source in sources:
                group.create_task(source.run(inbox, stop))
    finally:
        await asyncio.to_thread(filters.close)
