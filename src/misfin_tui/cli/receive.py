"""``misfin-tui receive``: receive mail until stopped, as a child of the app or alone on a server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin_tui.cli import Exit
from misfin_tui.cli.output import emit, profile_of
from misfin_tui.config import Config, load, split_listen
from misfin_tui.paths import Profile
from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from argparse import Namespace

    from misfin.post.reception import ReceptionSettings
    from misfin.post.source import Source, SourceStatus


def receive(args: Namespace) -> int:
    """Listen, report the addresses on standard output in one line, and run until SIGTERM or ctrl+c."""
    profile = profile_of(args)
    # Started by the app, ignore unknown names in the settings: the app has already reported them.
    config = load(profile.config, [] if args.until_eof else None)
    log_to_stderr()
    return asyncio.run(_serve(args, profile, config))


async def _serve(args: Namespace, profile: Profile, config: Config) -> int:
    from misfin.post.inbox import LocalInbox
    from misfin.post.reception import Reception, address_text
    from misfin.post.source import SourceState
    from misfin.store.mail.maildir import MailStore

    reception = Reception(settings_of(profile, config, args.listen or config.receive.listen))
    ended = asyncio.Event()

    def report(status: SourceStatus) -> None:
        if status.state is SourceState.RUNNING:
            addresses = [address_text(each) for each in reception.addresses]
            emit(args, {"listening": addresses}, "Receiving on " + ", ".join(addresses))

    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    if args.until_eof:
        threading.Thread(target=wait_for_eof, args=(loop, ended), daemon=True).start()
    source: Source = reception
    await source.run(LocalInbox(MailStore(profile.mail), report), ended)
    return Exit.DONE


def wait_for_eof(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Standard input closes when the process at its other end ends, even by ``kill -9``."""
    while os.read(0, 65536):
        pass
    with suppress(RuntimeError):  # the loop has ended by itself meanwhile
        loop.call_soon_threadsafe(ended.set)


def settings_of(profile: Profile, config: Config, listen: Sequence[str]) -> ReceptionSettings:
    """What the settings mean for a receiver.

    Raises :class:`LocalError` for an invalid address to listen on.
    """
    from misfin.net.limits import LimitSettings
    from misfin.net.verification import SenderChange, VerificationMethod, VerificationMode
    from misfin.post.reception import ReceptionSettings
    from misfin_tui.services.posting import host_overrides

    checks = config.verification
    try:
        pairs = tuple(split_listen(text) for text in listen)
    except ValueError as error:
        raise LocalError(f"Cannot listen: {error}.", remedy="Write 0.0.0.0:1958 or [::]:1958.") from error
    return ReceptionSettings(
        listen=pairs,
        identities=profile.identities,
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
        hosts=host_overrides(config.hosts),
        trust_on_first_use=config.trust.first_use == "accept",
    )


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record), one_line=True)


def log_to_stderr() -> None:
    """One line per event, at most one a minute per cause, because strangers decide how many there are."""
    from misfin.net.budget import LogBudget

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LogBudget())
    for name, level in (("misfin", logging.INFO), ("asyncio", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
