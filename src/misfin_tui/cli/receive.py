"""``misfin-tui receive``: receive mail until stopped, as a child of the app or alone on a server."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin_tui.cli import Exit
from misfin_tui.cli.logs import log_to_stderr
from misfin_tui.cli.output import emit, profile_of
from misfin_tui.config import Config, load, split_alias, split_listen
from misfin_tui.paths import Profile

if TYPE_CHECKING:
    from argparse import Namespace

    from misfin.post.reception import ReceptionSettings
    from misfin.post.source import Source, SourceStatus


_GMAP = "gmap"
"""The name of a socket from systemd where mailboxes are opened; at any other one mail is received."""


def receive(args: Namespace) -> int:
    """Listen, report the addresses on standard output in one line, and run until SIGTERM or ctrl+c."""
    profile = profile_of(args)
    # Started by the app, ignore unknown names in the settings: the app has already reported them.
    config = load(profile.config, [] if args.until_eof else None)
    log_to_stderr(config.operation.log)
    return asyncio.run(_serve(args, profile, config))


async def _serve(args: Namespace, profile: Profile, config: Config) -> int:
    from misfin.net.inherited import inherited_sockets
    from misfin.post.inbox import LocalInbox
    from misfin.post.reception import Reception, address_text
    from misfin.post.source import SourceState
    from misfin.store.mail.maildir import MailStore
    from misfin_tui.cli.hosting import mailbox_host, serve_mailboxes, serve_metrics
    from misfin_tui.services.arriving import arrival_filters

    handed = {} if args.until_eof else inherited_sockets()
    mailboxes = handed.pop(_GMAP, [])
    settings = settings_of(profile, config, args.listen or config.receive.listen)
    sockets = tuple(each for several in handed.values() for each in several)
    reception = Reception(replace(settings, sockets=sockets))
    ended, listening = asyncio.Event(), asyncio.Event()

    def report(status: SourceStatus) -> None:
        if status.state is SourceState.RUNNING:
            addresses = [address_text(each) for each in reception.addresses]
            emit(args, {"listening": addresses}, "Receiving on " + ", ".join(addresses))
            listening.set()

    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    if args.until_eof:
        threading.Thread(target=wait_for_eof, args=(loop, ended), daemon=True).start()
    source: Source = reception
    host = None
    if config.gmap.enable:
        host = mailbox_host(profile, config, tuple(mailboxes))
    store = MailStore(profile.mail)
    filters = arrival_filters(profile, store)
    metrics = None
    try:
        inbox = LocalInbox(store, report, arrived=filters.arrived, arriving=filters.arriving)
        receiving = source.run(inbox, ended)
        metrics = await serve_metrics(config, reception, host)
        if host is not None:
            serve = partial(serve_mailboxes, args, config, host, ended)
            await _with_mailboxes(serve, receiving, listening, ended)
        else:
            await receiving
    finally:
        if metrics is not None:
            await metrics.stop()
        await asyncio.to_thread(filters.close)
    return Exit.DONE


async def _with_mailboxes(
    serve_mailboxes: Callable[[], Coroutine[None, None, None]],
    receiving: Coroutine[None, None, None],
    listening: asyncio.Event,
    ended: asyncio.Event,
) -> None:
    """Receive, and once that has begun let owners open their mailboxes too, until either ends."""

    async def serve() -> None:
        await listening.wait()
        await serve_mailboxes()

    tasks = [asyncio.create_task(receiving), asyncio.create_task(serve())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        ended.set()
        listening.set()  # or what waits for it would never end
        await asyncio.wait(tasks)
    for task in tasks:
        task.result()


def wait_for_eof(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Standard input closes when the process at its other end ends, even by ``kill -9``."""
    while os.read(0, 1024):  # a read that waits holds its whole buffer
        pass
    with suppress(RuntimeError):  # the loop has ended by itself meanwhile
        loop.call_soon_threadsafe(ended.set)


def settings_of(profile: Profile, config: Config, listen: Sequence[str]) -> ReceptionSettings:
    """What the settings mean for a receiver.

    Raises :class:`LocalError` for an invalid address to listen on.
    """
    from misfin.net.limits import LimitSettings
    from misfin.net.policies import SenderChange, VerificationMethod, VerificationMode
    from misfin.post.hosting.settings import HostingSettings
    from misfin.post.reception import HandOverSettings, ReceptionSettings
    from misfin_tui.cli.hosting import balancers
    from misfin_tui.config.values import split_lmtp
    from misfin_tui.services.posting import host_overrides

    where = split_lmtp(config.deliver.lmtp)
    handing = None if where is None else HandOverSettings(where, config.deliver.timeout)
    checks = config.verification
    try:
        pairs = tuple(split_listen(text) for text in listen)
    except ValueError as error:
        raise LocalError(f"Cannot listen: {error}.", remedy="Write 0.0.0.0:1958 or [::]:1958.") from error
    hosts, first_use = host_overrides(config.hosts), config.trust.first_use == "accept"
    return ReceptionSettings(
        listen=pairs,
        identities=profile.identities,
        remembered=profile.cache / "identities.json",
        mail=profile.mail,
        trust_db=profile.trust_db,
        contacts_db=profile.contacts_db,
        runtime=profile.runtime,
        require_certificate=config.receive.require_certificate,
        on_sender_change=SenderChange(config.receive.on_sender_change),
        limits=LimitSettings(
            enable=config.rate_limit.enable,
            capacity=config.rate_limit.capacity,
            refill_rate=config.rate_limit.refill_rate,
            retry_after=config.rate_limit.retry_after,
        ),
        verification=VerificationMode(checks.mode),
        methods=tuple(VerificationMethod(method) for method in checks.method),
        cache=Path(checks.cache_path).expanduser()
        if checks.cache_path
        else profile.cache / "verification.db",
        cache_ttl=float(checks.cache_ttl),
        probe_timeout=checks.probe_timeout,
        spki_on_change=checks.spki_on_change,
        allow_private=checks.allow_private,
        hosts=hosts,
        trust_on_first_use=first_use,
        hosting=HostingSettings(
            file=profile.hosting_db,
            outbox=profile.hosting_outbox_db,
            timeout=config.send.timeout,
            hosts=hosts,
            trust_on_first_use=first_use,
        ),
        aliases=dict(map(split_alias, config.receive.aliases)),
        quota=config.receive.mailbox_quota * 1_000_000,
        hand_over=handing,
        proxy=balancers(config),
    )
