"""Misfin addresses as the outbox keeps them, and the routes that lead to them. Pure."""

from __future__ import annotations

from misfin.model.address import DEFAULT_PORT, MisfinAddress
from misfin.model.recipient import Recipient
from misfin.trust.tofu import pin_name


def recipient_of(address: MisfinAddress) -> Recipient:
    """``mailbox@host``, with the port where that is unusual; the route is the name of the host's pin."""
    port = f":{address.port}" if address.port not in (None, DEFAULT_PORT) else ""
    route = pin_name(address.hostname, address.port or DEFAULT_PORT)
    return Recipient(f"{address.address}{port}", route, address.blurb)
