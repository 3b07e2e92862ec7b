"""Misfin as a transport: one message, one recipient and one connection at a time."""

from misfin.post.misfin.addresses import recipient_of
from misfin.post.misfin.transport import MisfinTransport

__all__ = ["MisfinTransport", "recipient_of"]
