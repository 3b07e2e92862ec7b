"""Who holds something: a name for a running process that stays true after its process id was reused."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PROC = Path("/proc")


def process_token(pid: int | None = None) -> str:
    """What names a process for good: its id, when it started, and the boot it started in.

    Without ``pid``, this process. Empty where there is no such process, or only its corpse.
    """
    pid = os.getpid() if pid is None else pid
    if not (_PROC / "self/stat").exists():
        # Systems without /proc: their ps knows the second a process started.
        asked = subprocess.run(
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        started = "-".join(asked.stdout.split())
        return f"{pid}.{started}.-" if started else ""
    try:
        # The program's name, in brackets, may itself hold brackets and spaces: count after the last one.
        stat = (_PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    state, started = stat[0], stat[19]
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return "" if state in "ZX" else f"{pid}.{started}.{boot}"


def is_alive(token: str) -> bool:
    """Whether the very process named by this token still runs."""
    pid = token.partition(".")[0]
    return pid.isdecimal() and process_token(int(pid)) == token
