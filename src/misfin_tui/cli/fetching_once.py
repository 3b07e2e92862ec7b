"""Fetches once: syncs e-mail accounts with their servers, updates the index, and reports what changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from misfin.errors import MisfinError, RemoteError
from misfin_tui.cli import Exit, complain
from misfin_tui.cli.email_sources import sources_of
from misfin_tui.cli.output import emit, open_services, say

if TYPE_CHECKING:
    from argparse import Namespace

    from misfin.net.head_start import HeadStart
    from misfin.post.fetching.syncsource import SyncSource
    from misfin.post.source import Report, SourceStatus
    from misfin_tui.services import Services


def fetch_once(args: Namespace, begun: Mapping[str, HeadStart]) -> int:
    """Fetch until both sides are in sync, then bring the index up to date and report what changed.

    ``begun`` are connections that are being made already, by account.
    """
    status = Exit.DONE
    with open_services(args) as services:
        sources = sources_of(services, args.account, begun)
        if sources:
            status = asyncio.run(_once(args, services, sources))
        added, removed, flagged = _indexed(services)
    record = {"added": added, "removed": removed, "flagged": flagged}
    emit(args, record, f"{added} new, {removed} gone, {flagged} changed")
    return status


def _indexed(services: Services) -> tuple[int, int, int]:
    """Bring the index up to date; how many messages were added, removed and flagged."""
    from misfin.store.index.up_to_date import is_up_to_date

    profile = services.profile
    if is_up_to_date(profile.index_db, profile.mail, time.time()):
        return 0, 0, 0
    changes = services.index.scan()
    return changes.added, changes.removed, changes.flagged


async def _once(args: Namespace, services: Services, sources: Sequence[SyncSource]) -> Exit:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_account(args, services, each)) for each in sources]
    found = {task.result() for task in tasks}
    order = (Exit.FAILED, Exit.HELD, Exit.DEFERRED)
    return next((each for each in order if each in found), Exit.DONE)


async def _account(args: Namespace, services: Services, source: SyncSource) -> Exit:
    from misfin.post.inbox import LocalInbox
    from misfin.post.source import Report
    from misfin.post.sync.lock import AlreadySyncingError
    from misfin_tui.services.arriving import arrival_filters

    name = source.account.name

    def progress(status: SourceStatus) -> None:
        if not args.json:
            say(f"{name}: {status.sentence}")

    filters = arrival_filters(services.profile, services.store)
    inbox = LocalInbox(services.store, progress, arrived=filters.arrived, arriving=filters.arriving)
    try:
        report = await source.once(inbox)
    except AlreadySyncingError as error:
        if not await asyncio.to_thread(_asked, services, name):
            _print(args, source, Report(problems=(f"{error} {error.remedy}",)))
            return Exit.DEFERRED
        notice = "The open program, or another process, keeps it in sync and is checking now."
        _print(args, source, Report(notices=(notice,)))
        return Exit.DONE
    except MisfinError as error:
        _print(args, source, Report(problems=(f"{error} {error.remedy}".strip(),)))
        return status_of(error)
    finally:
        await asyncio.to_thread(filters.close)
    _print(args, source, report)
    if report.asking:
        return Exit.HELD
    return Exit.DEFERRED if report.problems else Exit.DONE


def _asked(services: Services, name: str) -> bool:
    """Have the process that fetches all the time look now; False where there is none, or it is in trouble."""
    from misfin.post.fetching.lock import fetcher, look_now
    from misfin.post.source import SourceState

    found = fetcher(services.profile.runtime)
    if found is None or not look_now(found):
        return False
    states = {each.account: each.state for each in found.statuses}
    return states.get(name) is SourceState.RUNNING


def _print(args: Namespace, source: SyncSource, report: Report) -> None:
    account = source.account
    record = {
        "account": account.address,
        "account_name": account.name,
        "arrived": report.arrived,
        "changed": report.changed,
        "asking": list(report.asking),
        "notices": list(report.notices),
        "problems": list(report.problems),
    }
    emit(args, record, f"{account.name}: {report.arrived:,} fetched, {report.changed:,} changed")
    if args.json:
        return
    for notice in report.notices:
        say(f"{account.name}: {notice}")
    for problem in report.problems:
        complain(f"{account.name}: {problem}", "")
    for folder in report.asking:
        complain(
            f"{account.name}: {folder} needs your decision: many messages, or all, are missing here"
            " or on the server.",
            "Nothing was deleted.",
        )


def status_of(error: MisfinError) -> Exit:
    """What an error means for a script: a person has to decide, try again later, or it does not work."""
    from misfin.email.mailline import LoginRefusedError
    from misfin.email.sasl import SASLError
    from misfin.post.sync.lock import AlreadySyncingError
    from misfin.trust.refusal import TrustError

    if isinstance(error, TrustError):
        return Exit.HELD
    if isinstance(error, LoginRefusedError | SASLError):
        return Exit.FAILED
    return Exit.DEFERRED if isinstance(error, RemoteError | AlreadySyncingError) else Exit.FAILED
