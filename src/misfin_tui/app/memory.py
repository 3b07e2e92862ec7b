"""Memory of the open program: one heap for all threads, and garbage collected while nobody types."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from misfin_tui.services.heap import release_memory, share_one_heap

if TYPE_CHECKING:
    from misfin_tui.services import Services

__all__ = ["GarbageCollection", "forget_closed_widgets", "keep_small", "share_one_heap"]

SELDOM: Final = 5000
"""Objects made between two collections; a page of rows is some hundreds."""
STARTED: Final = 4.0
"""Seconds after the first frame when everything that works in the background was imported."""
QUIET: Final = 2.0
"""Seconds without a key before there is time for the first collection."""
PATIENCE: Final = 10
"""How often a collection is put off while somebody types."""

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function on the event loop after so many seconds."""


def forget_closed_widgets() -> None:
    """Let go of what Textual remembers of widgets that are closed.

    It caches the result of a method together with the object, which holds every line its widget has drawn:
    after a thousand widgets, some thirty megabytes.
    """
    from textual._styles_cache import StylesCache

    with suppress(AttributeError):  # another version of Textual
        StylesCache.get_inner_outer.cache_clear()


class GarbageCollection:
    """Collects garbage while nobody is typing.

    ``later`` calls a function on the event loop after a number of seconds, ``typed`` is the time of the
    last key on the monotonic clock, ``collected`` is called after each collection, in a thread. Use it on
    the event loop.
    """

    def __init__(
        self, later: Later, typed: Callable[[], float], collected: Callable[[], object] = lambda: None
    ) -> None:
        self._later = later
        self._typed = typed
        self._collected = collected
        self._begun = False
        self._planned = False

    def begin(self) -> None:
        """Let garbage be collected from now on, unless it is already; the first time when all has started.

        The first collection takes some fifty milliseconds, in which no key would be answered; what is in use
        then is not looked at again. Objects older than the receiver's process (services/standby.py) are left
        out: a collection writes to each object, and its page is no longer shared.
        """
        if not gc.isenabled():
            self._plan(STARTED)

    def screen_closed(self) -> None:
        """Collect soon: a screen is thousands of objects in cycles, which Python would keep for very long."""
        if self._begun:
            self._plan(QUIET * 1.25)  # the key that closed it must be longer ago than QUIET

    def _plan(self, seconds: float) -> None:
        if not self._planned:
            self._planned = True
            self._later(seconds, lambda: self._look(PATIENCE))

    def _look(self, patience: int) -> None:
        if patience and time.monotonic() - self._typed() < QUIET:
            self._later(QUIET, lambda: self._look(patience - 1))
            return
        self._planned = False
        forget_closed_widgets()
        gc.collect()
        if not self._begun:
            self._begun = True
            gc.freeze()
            gc.set_threshold(SELDOM, 10, 2)
            gc.enable()
        threading.Thread(target=self._collected, name="release-memory", daemon=True).start()


def keep_small(later: Later, typed: Callable[[], float], services: Services) -> GarbageCollection:
    """Do all of this for the app from now on, once its first frame is painted."""
    share_one_heap()
    garbage = GarbageCollection(later, typed, lambda: release_memory(services))
    garbage.begin()
    return garbage
