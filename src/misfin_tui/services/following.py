"""Following a file or a folder: an iterator on the event loop that yields whenever it was written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchfiles import _rust_notify

STEP_MS = 50
"""Milliseconds without a change after which a burst of changes is over."""
DEBOUNCE_MS = 1600
"""Milliseconds after which a burst that does not end is reported."""


async def changes(file: Path) -> AsyncIterator[None]:
    """Yield after each change of ``file``, which need not exist; its folder must.

    A change counts from the first call on, even one made while watching begins.

    Raises:
        OSError: the folder is missing, or the system has no watches left.
        RuntimeError: this file system reports no changes.
    """
    name, before = str(file), await asyncio.to_thread(_stamp, file)
    watched = False
    async for _ in _changes(file.parent, lambda path: path == name):
        if watched or await asyncio.to_thread(_stamp, file) != before:
            yield
        watched = True


async def changes_in(folder: Path) -> AsyncIterator[None]:
    """Yield once a folder is watched, and after each change in it. Raises as :func:`changes`."""
    async for _ in _changes(folder, lambda _path: True):
        yield


async def _changes(folder: Path, counts: Callable[[str], bool]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    changed, failures = asyncio.Event(), list[BaseException]()
    stop = threading.Event()
    watcher = await asyncio.to_thread(_watcher, folder)

    def wake(failure: BaseException | None) -> None:
        if failure is not None:
            failures.append(failure)
        changed.set()

    def report(failure: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(wake, failure)

    # A thread of its own: it waits as long as the program runs, and the pool has few.
    work = partial(_watch, watcher, counts, stop, report)
    threading.Thread(target=work, name="follow", daemon=True).start()
    try:
        yield
        while True:
            await changed.wait()
            changed.clear()
            if failures:
                raise failures[0]
            yield
    finally:
        stop.set()


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _watcher(folder: Path) -> _rust_notify.RustNotify:
    from misfin.store.index.watch import load_notifier  # late: a compiled library

    if not folder.exists():
        raise FileNotFoundError(folder)  # watching it would never report anything
    return load_notifier()([str(folder)], False, False, 0, False, False)


def _watch(
    watcher: _rust_notify.RustNotify,
    counts: Callable[[str], bool],
    stop: threading.Event,
    report: Callable[[BaseException | None], None],
) -> None:
    with watcher:
        while not stop.is_set():
            try:
                happened = watcher.watch(DEBOUNCE_MS, STEP_MS, 0, stop)
            except (OSError, RuntimeError) as error:
                report(error)
                return
            if happened == "signal":  # the interpreter is being ended
                return
            if not isinstance(happened, str) and any(counts(path) for _, path in happened):
                report(None)
