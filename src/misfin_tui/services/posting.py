"""Builds transports and courier from a profile and its settings, for app and command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin_tui.config import HostConfig, split_connect

if TYPE_CHECKING:
    from misfin.email.account import EmailAccount, MailServer
    from misfin.email.sasl import Credentials
    from misfin.model.account import AddressKind
    from misfin.net.client import HostOverride
    from misfin.post.courier import Courier
    from misfin.post.events import Event
    from misfin.post.transport import Transport
    from misfin_tui.services import Services


def make_courier(services: Services, on_event: Callable[[Event], object] = lambda _event: None) -> Courier:
    """A courier over the profile's outbox. Blocking: it opens databases."""
    from misfin.post.courier import Courier  # late: the first frame needs none of it

    _remember_sender_lines(services)
    return Courier(services.outbox_queue, services.transports.values(), services.store, on_event=on_event)


def make_transports(services: Services) -> dict[AddressKind, Transport]:
    """A transport for every kind of address. Blocking: it opens databases."""
    from misfin.post.email import EmailTransport
    from misfin.post.misfin import MisfinTransport

    config = services.config
    misfin = MisfinTransport(
        services.identity_store,
        services.pin_book,
        address_of=services.account_book.address_at,
        hosts=host_overrides(config.hosts),
        sender_lines=[name for name, host in config.hosts.items() if host.include_sender_line],
        trust_on_first_use=config.trust.first_use == "accept",
        timeout=config.send.timeout,
        now=_clock,
    )
    # Also where there is no e-mail account yet: one can be added at any time, and the courier goes on.
    email = EmailTransport(
        services.email_accounts.account,
        _credentials,
        services.pin_book,
        services.draft_box.files,
        now=_clock,
        smime=services.profile.smime,
    )
    return {transport.kind: transport for transport in (misfin, email)}


async def _credentials(account: EmailAccount, server: MailServer) -> Credentials | None:
    from misfin.email.secrets import credentials  # late: it brings the log-in mechanisms along

    return await credentials(account, server)


def _clock() -> float:
    return time.time()  # looked up at each call, as everywhere in the services


def host_overrides(hosts: Mapping[str, HostConfig]) -> dict[str, HostOverride]:
    """What ``[hosts."name"]`` means to the client."""
    if not hosts:
        return {}
    from misfin.model.gemmail import Version
    from misfin.net.client import HostOverride  # late: it brings TLS along

    return {
        name: HostOverride(
            connect=split_connect(host.connect),
            version=Version(host.version) if host.version else None,
        )
        for name, host in hosts.items()
    }


def sweep_attachments(services: Services) -> None:
    """Delete attached files that no draft and no queued message needs any more. Blocking, maybe for long."""
    box, outbox = services.draft_box, services.outbox_queue
    with suppress(StoreError):  # another time
        # Drafts twice: a message moving from one to the other is in one of them at any moment.
        box.files.sweep(lambda: box.attachments() | outbox.attachments() | box.attachments(), time.time())


def _remember_sender_lines(services: Services) -> None:
    """A host for which the settings ask for the sender line is one that asked for it itself."""
    from misfin.model.address import DEFAULT_PORT

    for name, host in services.config.hosts.items():
        if host.include_sender_line and not services.pin_book.recall(name, DEFAULT_PORT).sender_line:
            services.pin_book.remember(name, DEFAULT_PORT, sender_line=True, now=time.time())
