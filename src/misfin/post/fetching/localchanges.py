"""Notices changes of an account's mail on this machine, some seconds after the last of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

QUIET: Final = 3.0
"""Seconds without a change after which the changes are pushed: undoing one meanwhile makes no traffic."""


class LocalChanges:
    """Calls ``changed`` on the event loop, :data:`QUIET` seconds after the last change below ``folder``.

    For ``with``. It works in a thread, and sleeps while nothing changes.
    """

    def __init__(self, folder: Path, changed: Callable[[], object]) -> None:
        self._folder = folder
        self._changed = changed
        self._stop = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._watch, name="local-changes", daemon=True)

    def __enter__(self) -> LocalChanges:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._timer is not None:
            self._timer.cancel()

    def _watch(self) -> None:
        from misfin.store.index.watch import watch  # late: a compiled library

        changes = watch(self._folder, self._stop)
        next(changes, None)  # watching has begun: the pass that follows sees what was before
        for _ in changes:
            if self._stop.is_set():
                return
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._again)

    def _again(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._stop.is_set():
            self._timer = self._loop.call_later(QUIET, self._changed)
