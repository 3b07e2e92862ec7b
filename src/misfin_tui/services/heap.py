"""Memory of a process that stays: one heap for all threads, and what is unused given back to the system."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

_ARENA_MAX: Final = -8
"""``M_ARENA_MAX`` of glibc's ``malloc.h``."""


def share_one_heap() -> None:
    """Let all threads allocate from the heaps that exist; call it before there are many threads.

    glibc gives each thread a heap of its own, so that threads need not wait for each other. Here one thread
    at a time runs anyway, while each heap keeps what it once needed: a dozen of them hold five megabytes.
    """
    _of_glibc("mallopt", _ARENA_MAX, 1)


def return_unused() -> None:
    """Give the system back whole pages that were freed; glibc only does so at the end of a heap."""
    _of_glibc("malloc_trim", 0)


def _of_glibc(function: str, *arguments: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes  # late: not for the first frame

    with suppress(OSError, AttributeError):  # another C library
        getattr(ctypes.CDLL(None), function)(*arguments)
