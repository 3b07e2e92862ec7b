"""Unique names for running processes, which stay unique when a process id is reused."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PROC = Path("/proc")


def process_token(pid: int | None = None) -> str:
    """A unique name for a process: its id, its start time, and the boot it started in.

    ``pid`` defaults to this process. Empty if there is no such process, or only a zombie.
    """
    pid = os.getpid() if pid is None else pid
    if not (_PROC / "self/stat").exists():
        # Systems without /proc: ps reports the second in which a process started.
        asked = subprocess.run(
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        started = "-".join(asked.stdout.split())
        return f"{pid}.{started}.-" if started else ""
    try:
        # The program's name, in brackets, may contain brackets and spaces: count after the last bracket.
        stat = (_PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    state, started = stat[0], stat[19]
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return "" if state in "ZX" else f"{pid}.{started}.{boot}"


def is_alive(token: str) -> bool:
    """Whether the process with this token is still running."""
    pid = token.partition(".")[0]
    return pid.isdecimal() and process_token(int(pid)) == token
