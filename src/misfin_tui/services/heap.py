"""Memory of a process that stays: one heap for all threads, and what is unused given back to the system."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from misfin.errors import MisfinError

if TYPE_CHECKING:
    from misfin_tui.services import Services

_ARENA_MAX: Final = -8
_MMAP_THRESHOLD: Final = -3
"""``M_ARENA_MAX`` and ``M_MMAP_THRESHOLD`` of glibc's ``malloc.h``."""
_LARGE: Final = 256 * 1024
"""Bytes from which a block is given back as soon as it is freed. Otherwise glibc raises this as it goes, and
the pieces of a large message leave holes."""


def share_one_heap() -> None:
    """Let all threads allocate from the heaps that exist; call it before there are many threads.

    glibc gives each thread a heap of its own, so that threads need not wait for each other. Here one thread
    at a time runs anyway, while each heap keeps what it once needed: a dozen of them hold five megabytes.
    """
    _of_glibc("mallopt", _ARENA_MAX, 1)
    _of_glibc("mallopt", _MMAP_THRESHOLD, _LARGE)


def return_unused() -> None:
    """Give the system back whole pages that were freed; glibc only does so at the end of a heap."""
    _of_glibc("malloc_trim", 0)


def release_memory(services: Services) -> None:
    """Give back what the app keeps of its databases, and then what is unused. In a thread."""
    with suppress(MisfinError):  # one that cannot be opened is reported where it is read
        services.index.release_memory()
        services.contact_book.release_memory()
    return_unused()


def _of_glibc(function: str, *arguments: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes  # late: not for the first frame

    with suppress(OSError, AttributeError):  # another C library
        getattr(ctypes.CDLL(None), function)(*arguments)
