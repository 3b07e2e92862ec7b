"""Ports for servers that are started a moment later, or again, and for tests in which nobody listens."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import BinaryIO

_FROM, _TO = 10_000, 32_000
"""Below those that a system gives to connections, of which other tests make many meanwhile."""
_given: set[int] = set()
_claims: BinaryIO | None = None


def free_port() -> int:
    """A port of loopback that nobody listens on now, and that no other test process gets meanwhile."""
    while True:
        port = random.SystemRandom().randrange(_FROM, _TO)
        if port in _given or not _claimed(port):
            continue
        _given.add(port)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def free_ports(count: int) -> list[int]:
    """Several of them, no two the same."""
    return [free_port() for _ in range(count)]


def _claimed(port: int) -> bool:
    """Whether this process has the port to itself until it ends: it locks a byte of a file."""
    global _claims
    if _claims is None:
        path = Path(tempfile.gettempdir(), f"misfin-test-ports-{os.getuid()}")
        _claims = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.lockf(_claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True
