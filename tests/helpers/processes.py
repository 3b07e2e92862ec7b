"""Processes of the program under test, as Linux lists them."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that one started and that were not waited for yet."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def command(pid: int) -> bytes:
    """Its command line, empty if it is gone; a process that was only forked has that of its parent."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def forked(pid: int) -> list[int]:
    """The children that run the same program as their parent, or have not started another one yet."""
    return [child for child in children(pid) if command(child) == command(pid)]


def alive(pid: int) -> bool:
    """Whether it still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pending(pid: int, number: int) -> bool:
    """Whether a signal was sent to it and has not reached it yet."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = [
        int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))
    ]
    return any(mask >> (number - 1) & 1 for mask in masks)


def busy(pid: int) -> bool:
    """Whether a thread of it or of a process below it runs, waits for a processor, or for the disk."""
    try:
        below = children(pid)
        states = [
            (task / "stat").read_text().rpartition(")")[2].split()[0]
            for task in Path(f"/proc/{pid}/task").iterdir()
        ]
    except OSError:  # it ended, or one of its threads did; and systems without /proc
        return False
    return "R" in states or "D" in states or any(map(busy, below))


def ends(pid: int, patience: float = 30.0) -> bool:
    """Whether it is gone within so many seconds."""
    end = time.monotonic() + patience
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)
