"""Misfin on the wire without any I/O: bytes in, events out, and back (protocol.md §1, §2)."""

from misfin.wire.client import ClientProtocol
from misfin.wire.request import MisfinRequest
from misfin.wire.response import MisfinResponse
from misfin.wire.server import ServerProtocol
from misfin.wire.states import State

__all__ = ["ClientProtocol", "MisfinRequest", "MisfinResponse", "ServerProtocol", "State"]
