"""``misfin-tui receive``: receive mail until stopped, as a child of the app or alone on a server."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
    import socket
    from argparse import Namespace

    from misfin.post.process_share import ProcessShare
    from misfin.post.reception import ReceptionSettings
    from misfin.post.source import Source, SourceStatus
    from misfin.post.supervisor import ProcessPart


_GMAP = "gmap"
"""The name of a socket from systemd where mailboxes are opened; at any other one mail is received."""


def receive(args: Namespace) -> int:
    """Listen, report the addresses on standard output in one line, and run until SIGTERM or ctrl+c."""
    profile = profile_of(args)
    # Started by the app, ignore unknown names in the settings: the app has already reported them.
    config = load(profile.config, [] if args.until_eof else None)
    log_to_stderr(config.operation.log)
    if args.until_eof:  # the program's own receiver
        return asyncio.run(serve(args, profile, config, ListeningSockets()))
    processes = config.receive.processes if args.processes is None else args.processes
    if processes != 1:
        from misfin_tui.cli.receive_processes import receive_in_processes

        return receive_in_processes(args, profile, config, processes)
    return asyncio.run(serve(args, profile, config, handed_over()))


@dataclass(frozen=True, slots=True)
class ListeningSockets:
    """Sockets that listen already: where mail arrives, mailboxes are opened, and figures are read."""

    mail: tuple[socket.socket, ...] = ()
    mailboxes: tuple[socket.socket, ...] = ()
    figures: tuple[socket.socket, ...] = ()


def handed_over() -> ListeningSockets:
    """The sockets that systemd listens on. Raises :class:`LocalError`."""
    from misfin.net.inherited import inherited_sockets

    found = inherited_sockets()
    mailboxes = tuple(found.pop(_GMAP, ()))
    return ListeningSockets(tuple(each for several in found.values() for each in several), mailboxes)


async def serve(
    args: Namespace,
    profile: Profile,
    config: Config,
    sockets: ListeningSockets,
    part: ProcessPart | None = None,
    share: ProcessShare | None = None,
) -> int:
    """Receive until something ends it; returns the exit status.

    Where several processes receive, ``part`` and ``share`` are those of this one. The first then says what
    one process alone would say, and does what only one may do.
    """
    from misfin.post.inbox import LocalInbox
    from misfin.post.reception import Reception, address_text
    from misfin.post.source import SourceState
    from misfin.store.mail.maildir import MailStore
    from misfin_tui.cli.hosting import mailbox_host, serve_mailboxes, serve_metrics
    from misfin_tui.services.arriving import arrival_filters

    settings = settings_of(profile, config, args.listen or config.receive.listen)
    reception = Reception(replace(settings, sockets=sockets.mail, share=share))
    ended, listening = asyncio.Event(), asyncio.Event()
    first, again = share is None or share.first, part is not None and part.again

    def report(status: SourceStatus) -> None:
        if status.state is SourceState.RUNNING:
            if first and not again:
                addresses = [address_text(each) for each in reception.addresses]
                emit(args, {"listening": addresses}, "Receiving on " + ", ".join(addresses))
            if part is not None:
                part.ready()
            listening.set()

    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    if args.until_eof:
        threading.Thread(target=wait_for_eof, args=(loop, ended), daemon=True).start()
    if part is not None:
        _end_with(part.lifeline, loop, ended)
    source: Source = reception
    host = mailbox_host(profile, config, sockets.mailboxes) if config.gmap.enable and first else None
    store = MailStore(profile.mail)
    filters = arrival_filters(profile, store, resume=first or again)
    metrics = None
    try:
        inbox = LocalInbox(store, report, arrived=filters.arrived, arriving=filters.arriving)
        receiving = source.run(inbox, ended)
        if first:
            metrics = await serve_metrics(config, reception, host, sockets.figures)
        if host is not None:
            mailboxes = partial(serve_mailboxes, None if again else args, host, ended)
            await _with_mailboxes(mailboxes, receiving, listening, ended)
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


def _end_with(lifeline: int, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """End when the other end of this pipe closes."""

    def end() -> None:
        loop.remove_reader(lifeline)  # or it would be called again and again
        ended.set()

    loop.add_reader(lifeline, end)


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
        certificates=profile.certificates,
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
            allow_private=checks.allow_private,
        ),
        aliases=dict(map(split_alias, config.receive.aliases)),
        quota=config.receive.mailbox_quota * 1_000_000,
        hand_over=handing,
        proxy=balancers(config),
    )
