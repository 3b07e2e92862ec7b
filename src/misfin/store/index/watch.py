"""Noticing at once that other programs touched the mail: an iterator that sleeps until there is news."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from misfin.store.index.listing import look

STEP_MS: Final = 25
"""A burst of changes is over when so long nothing followed."""

DEBOUNCE_MS: Final = 400
"""A burst that does not end is told so often."""

LOOK_ANYWAY: Final = 30.0
"""Seconds after which it is time to look unasked: file systems of other machines tell nothing."""

POLL: Final = 2.0
"""Seconds between two looks where the system cannot tell of changes at all."""


def watch(root: Path, stop: threading.Event) -> Iterator[None]:
    """Yields whenever it is time to scan, until ``stop`` is set; for a thread of its own.

    The first time comes when watching has begun, so a scan then misses nothing. While ``root`` does not
    exist, or the system has no watches left, it is time every ``POLL`` seconds. A ``root`` put in the place
    of another is watched instead of it.
    """
    while not stop.is_set():
        try:
            yield from _told(root, stop)
        except (OSError, RuntimeError):  # what watchfiles raises for both
            yield
            stop.wait(POLL)


def _told(root: Path, stop: threading.Event) -> Iterator[None]:
    """Yields whenever the system says that something changed, as long as ``root`` itself does not."""
    import_module("watchfiles")  # the whole before its part: threads that enter at both ends block each other
    from watchfiles._rust_notify import RustNotify  # a compiled library: not for the first frame

    if not root.exists():
        raise FileNotFoundError(root)  # it would be watched for ever, and never seen to come
    identity = look(root, 0.0).identity
    with RustNotify([str(root)], False, False, 0, True, True) as watcher:
        yield
        while not stop.is_set() and look(root, 0.0).identity == identity:
            happened = watcher.watch(DEBOUNCE_MS, STEP_MS, int(LOOK_ANYWAY * 1000), stop)
            if happened == "signal":  # the interpreter is being ended
                stop.set()
            elif happened != "stop":
                yield
                if happened != "timeout" and any(path == str(root) for _, path in happened):
                    return  # it went away: made again, it may bear the identity of the old one
