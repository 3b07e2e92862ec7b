"""Memory of the open program: one heap for all threads, and a late first garbage collection."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from typing import Final

SELDOM: Final = 5000
"""Objects made between two collections; a page of rows is some hundreds."""
STARTED: Final = 4.0
"""Seconds after the first frame when everything that works in the background was imported."""
QUIET: Final = 2.0
"""Seconds without a key before there is time for the first collection."""
PATIENCE: Final = 10
"""How often the first collection is put off while somebody types."""

_ARENA_MAX: Final = -8
"""``M_ARENA_MAX`` of glibc's ``malloc.h``."""


def share_one_heap() -> None:
    """Let all threads allocate from the heaps that exist; call it before there are many threads.

    glibc gives each thread a heap of its own, so that threads need not wait for each other. Here one thread
    at a time runs anyway, while each heap keeps what it once needed: a dozen of them hold five megabytes.
    """
    if sys.platform != "linux":
        return
    import ctypes  # late: not for the first frame

    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (OSError, AttributeError):
        return  # another C library


def collect_garbage(later: Callable[[float, Callable[[], None]], object], typed: Callable[[], float]) -> None:
    """Let garbage be collected from now on, the first time in a moment when nobody types.

    ``later`` calls a function on the event loop after so many seconds, ``typed`` is the time of the last key
    on the monotonic clock. The first collection takes some fifty milliseconds, in which no key would be
    answered; what is in use then is not looked at again. Objects older than the receiver's process
    (services/standby.py) are left out: a collection writes to each object, and its page is no longer shared.
    """
    patience = PATIENCE

    def first() -> None:
        nonlocal patience
        if patience and time.monotonic() - typed() < QUIET:
            patience -= 1
            later(QUIET, first)
            return
        gc.collect()
        gc.freeze()
        gc.set_threshold(SELDOM, 10, 10)
        gc.enable()

    if not gc.isenabled():
        later(STARTED, first)
