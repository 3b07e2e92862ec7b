"""A temporary folder that is removed however this process ends: another process watches it.

Signals, a closed terminal and ``kill -9`` leave nobody in this process to remove it. The watcher only waits
for a pipe to close, which the system does in every case.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_REMOVED = b"."
"""Sent to the watcher when there is nothing left to do."""
_PATIENCE = 20.0
"""Seconds the other processes of a demo have to end; until then they may still write."""
_PAUSE = 0.2
_QUIET = 15
"""Checks in a row that must find no folder before we believe that it stays away."""


@contextmanager
def throwaway_folder(prefix: str) -> Iterator[Path]:
    """A new folder, mode 0700, removed at the end with all that is in it. Raises :class:`OSError`."""
    folder = Path(tempfile.gettempdir()).absolute() / f"{prefix}{os.urandom(8).hex()}"
    watcher = subprocess.Popen(
        [sys.executable, "-m", "misfin_tui.demo.throwaway", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what ends the terminal does not end it
    )
    assert watcher.stdin is not None
    try:
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        with suppress(OSError):
            watcher.stdin.write(_REMOVED)
            watcher.stdin.close()
        watcher.wait()


def watch(folder: Path) -> None:
    """Wait for the end of the process that started this; remove the folder unless that has been done."""
    for name in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    if sys.stdin.buffer.read() == _REMOVED:
        return
    until = time.monotonic() + _PATIENCE
    quiet = 0
    while quiet < _QUIET and time.monotonic() < until:
        quiet = 0 if os.path.lexists(folder) else quiet + 1
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
