"""Ports for servers that are started a moment later, or again."""

from __future__ import annotations

import contextlib
import random
import socket

_FROM, _TO = 10_000, 32_000
"""Below those that a system gives to connections, of which other tests make many meanwhile."""


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    while True:
        port = random.SystemRandom().randrange(_FROM, _TO)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def free_ports(count: int) -> list[int]:
    """Several of them, no two the same."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)
