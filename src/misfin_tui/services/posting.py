"""Puts a courier together from a profile and its settings, for the app, the command line and tests alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from misfin_tui.config import HostConfig, split_connect

if TYPE_CHECKING:
    from misfin.net.client import HostOverride
    from misfin.post.courier import Courier
    from misfin.post.events import Event
    from misfin_tui.services import Services


def make_courier(services: Services, on_event: Callable[[Event], object] = lambda _event: None) -> Courier:
    """A courier over the profile's outbox. Blocking: it opens databases."""
    from misfin.post.courier import Courier  # late: it brings TLS along

    config = services.config
    _remember_sender_lines(services)
    return Courier(
        services.outbox_queue,
        services.pin_book,
        services.identity_store,
        services.store,
        hosts=host_overrides(config.hosts),
        on_event=on_event,
        trust_on_first_use=config.trust.first_use == "accept",
        timeout=config.send.timeout,
    )


def host_overrides(hosts: Mapping[str, HostConfig]) -> dict[str, HostOverride]:
    """What ``[hosts."name"]`` means to the client."""
    from misfin.model.gemmail import Version
    from misfin.net.client import HostOverride

    return {
        name: HostOverride(
            connect=split_connect(host.connect),
            version=Version(host.version) if host.version else None,
        )
        for name, host in hosts.items()
    }


def _remember_sender_lines(services: Services) -> None:
    """A host for which the settings ask for the sender line is one that asked for it itself."""
    from misfin.model.address import DEFAULT_PORT

    for name, host in services.config.hosts.items():
        if host.include_sender_line and not services.pin_book.recall(name, DEFAULT_PORT).sender_line:
            services.pin_book.remember(name, DEFAULT_PORT, sender_line=True, now=time.time())
