"""Noticing at once what other programs do to the mail: one thread that sleeps until the system wakes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.errors import StoreError
from misfin.store.index.listing import look
from misfin.store.rows import Changes

if TYPE_CHECKING:
    from misfin.store.index.mailindex import MailIndex

STEP_MS: Final = 25
"""A burst of changes is over when so long nothing followed."""

DEBOUNCE_MS: Final = 400
"""A burst that does not end is looked at so often."""

LOOK_ANYWAY: Final = 30.0
"""Seconds after which the folders are looked at unasked: file systems of other machines tell nothing."""

POLL: Final = 2.0
"""Seconds between two looks where the system cannot tell of changes at all."""


class Watcher:
    """Scans now, and again whenever something below ``root`` changes, until stopped.

    ``changed`` is called in the watching thread after each scan whose result is true, ``failed`` with what
    kept a scan from working. Neither may raise.
    """

    def __init__(
        self,
        index: MailIndex,
        root: Path,
        changed: Callable[[Changes], object],
        failed: Callable[[StoreError], object] = lambda error: None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._index = index
        self._root = root
        self._changed = changed
        self._failed = failed
        self._progress = progress
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mail-watch", daemon=True)

    def start(self) -> Watcher:
        self._thread.start()
        return self

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread; a scan it is in the middle of is waited for up to ``timeout`` seconds."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except (OSError, RuntimeError):  # no such folder yet, or no watches left in the system
                self._look()
                self._stop.wait(POLL)

    def _follow(self) -> None:
        """Look whenever the system says that something changed."""
        from watchfiles._rust_notify import RustNotify  # a compiled library: not for the first frame

        # Watching begins before the first look, so nothing that happens during that is missed.
        root = look(self._root, 0.0).identity
        with RustNotify([str(self._root)], False, False, 0, True, True) as watcher:
            self._look()
            while not self._stop.is_set() and look(self._root, 0.0).identity == root:
                happened = watcher.watch(DEBOUNCE_MS, STEP_MS, int(LOOK_ANYWAY * 1000), self._stop)
                if happened == "signal":  # the interpreter is being ended
                    return
                if happened != "stop":
                    self._look()

    def _look(self) -> None:
        if self._stop.is_set():
            return
        try:
            changes = self._index.scan(self._progress)
        except StoreError as error:
            self._failed(error)
            return
        if changes:
            self._changed(changes)
