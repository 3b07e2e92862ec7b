"""The server of mailboxes beside the receiver, from the settings (docs/gmap.md §4)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.model.account import Kind
from misfin_tui.cli.output import emit
from misfin_tui.config import split_listen

if TYPE_CHECKING:
    import socket
    from argparse import Namespace
    from collections.abc import Sequence

    from misfin.net.metrics import MetricsServer
    from misfin.net.proxy import ProxyTrust
    from misfin.post.gmap.host import MailboxHost, MailboxHostSettings
    from misfin.post.reception import Reception
    from misfin_tui.config import Config
    from misfin_tui.paths import Profile


logger = logging.getLogger("misfin.reception")


def mailbox_host(profile: Profile, config: Config, sockets: tuple[socket.socket, ...]) -> MailboxHost:
    """The server of mailboxes, not started yet; ``sockets`` listen already. Raises :class:`LocalError`."""
    from misfin.post.gmap.host import MailboxHost  # late: it brings TLS along

    return MailboxHost(replace(mailbox_settings(profile, config), sockets=sockets))


async def serve_mailboxes(args: Namespace | None, host: MailboxHost, ended: asyncio.Event) -> None:
    """Serve until ``ended`` is set; with ``args``, report the addresses in one line.

    Raises :class:`LocalError`.
    """
    if ended.is_set():
        return
    from misfin.post.reception import address_text

    try:
        addresses = [address_text(each) for each in await host.start()]
        if args is not None:
            emit(args, {"gmap": addresses}, "Mailboxes can be opened on " + ", ".join(addresses))
        await ended.wait()
    finally:
        await host.stop()


async def serve_metrics(
    config: Config, reception: Reception, host: MailboxHost | None, listening: Sequence[socket.socket]
) -> MetricsServer | None:
    """Let Prometheus read figures, where the settings say so; ``listening`` may do that already.

    Raises :class:`LocalError`.
    """
    from misfin_tui.config.values import split_local

    if (where := split_local(config.operation.metrics)) is None:
        return None
    from misfin.net.figures import gmap_text
    from misfin.net.metrics import MetricsServer
    from misfin.post.reception import address_text

    def read() -> list[str]:
        return [*reception.figures(), *(gmap_text(host.answers) if host is not None else ())]

    server = MetricsServer(read)
    found = await server.start(*where, listening)
    logger.info("Figures for Prometheus are at http://%s/metrics", address_text(found))
    return server


def mailbox_settings(profile: Profile, config: Config) -> MailboxHostSettings:
    """What the settings mean for the server. Raises :class:`LocalError`."""
    from misfin.net.limits import LimitSettings
    from misfin.post.gmap.host import MailboxHostSettings

    gmap = config.gmap
    try:
        listen = tuple(split_listen(text) for text in gmap.listen)
    except ValueError as error:
        raise LocalError(f"Cannot listen: {error}.", remedy="Write 0.0.0.0:1960 or [::]:1960.") from error
    return MailboxHostSettings(
        listen=listen,
        identities=profile.identities,
        certificates=profile.certificates,
        mail=profile.mail,
        lists=profile.hosting_db,
        remote=[each.identity for each in config.accounts.values() if each.kind == Kind.GMAP],
        limits=LimitSettings(
            enable=config.rate_limit.enable,
            capacity=gmap.capacity,
            refill_rate=gmap.refill_rate,
            retry_after=config.rate_limit.retry_after,
        ),
        proxy=balancers(config),
    )


def balancers(config: Config) -> ProxyTrust | None:
    """Which connections have to begin with a PROXY header; None if none has."""
    said = config.proxy_protocol
    if not said.enable:
        return None
    from misfin.net.proxy import ProxyTrust
    from misfin_tui.config.values import network

    if not said.trusted_sources:
        raise LocalError(
            "[proxy_protocol] is enabled, and no balancer is trusted.",
            remedy='Name their addresses, trusted_sources = ["192.0.2.10"], or turn it off.',
        )
    return ProxyTrust(tuple(map(network, said.trusted_sources)), said.header_timeout)
