"""Misfin addresses as the outbox keeps them, and the routes that lead to them. Pure."""

from __future__ import annotations

from misfin.model.address import MisfinAddress
from misfin.model.recipient import Recipient
from misfin.trust.tofu import pin_name


def recipient_of(address: MisfinAddress) -> Recipient:
    """``mailbox@host``, with the port where that is unusual; the route is the name of the host's pin."""
    return Recipient(address.with_port, pin_name(address.hostname, address.server_port), address.blurb)
