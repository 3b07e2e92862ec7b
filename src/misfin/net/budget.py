"""How much of its machine a receiver may use: open files, connections, memory and log lines.

Strangers decide how many connections there are, so each of these has an upper limit that leaves enough for
the work that must not fail: storing a message whose request is complete, and looking up its sender.
"""

from __future__ import annotations

import logging
import os
import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable


_WANTED = 8192
"""Open files to ask the system for: more connections than that would need too much memory anyway."""

_FOR_STORING = 68  # a batch of 64 new files, its folders (misfin/files.py)
_FOR_BOOKS = 36  # standard streams, event loop, listeners, lock, and three SQLite files with their journals
_FOR_ASKING = 16  # hosts that are asked about senders at the same time, and name lookups for them
ACCEPTED_AT_ONCE = 8
"""Connections accepted per iteration of the event loop; those evicted for them are closed in the next."""

RESERVED = _FOR_STORING + _FOR_BOOKS + _FOR_ASKING + ACCEPTED_AT_ONCE
"""Open files that connections may not use."""

_FEWEST = 32
"""With fewer connections, one person's mistake could occupy a receiver completely."""

_PER_CONNECTION = 128 * 1024
"""Bytes one connection can make us hold: 100 KiB of certificates in a handshake, up to 54 KiB for TLS."""

_MEMORY_SHARE = 8
"""Connections may use one part in this many of the machine's memory."""

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class TooFewFilesError(LocalError, OSError):
    """This process may not open enough files to receive mail safely."""

    def __init__(self, limit: int) -> None:
        needed = RESERVED + _FEWEST
        super().__init__(
            f"Receiving mail needs {needed} open files at once, but the system allows this process {limit}.",
            remedy=f"Raise the limit first, for example with `ulimit -n 1024` (at least {needed}).",
        )


def raise_file_limit(wanted: int = _WANTED) -> int | None:
    """Raise the soft limit of open files to ``wanted``, or as close to it as the system allows.

    Returns the resulting limit, or None if there is none. The hard limit does not change. Some systems refuse
    what their hard limit allows (macOS: above ``kern.maxfilesperproc``); then half as many are tried.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    attempt = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    while attempt > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (attempt, hard))
        except (ValueError, OSError):
            attempt //= 2
        else:
            return attempt
    return soft


def file_limit() -> int | None:
    """How many files this process may have open at once; None if there is no limit."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def memory_limit() -> int | None:
    """Bytes of memory this process can use: the machine's, or less under a cgroup or resource limit."""
    limits = []
    with suppress(ValueError, OSError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(ValueError, OSError):  # "max": no limit
        limits.append(int(_CGROUP_LIMIT.read_text()))
    soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min((limit for limit in limits if limit > 0), default=None)


def connections_allowed(files: int | None, memory: int | None, processes: int = 1) -> int:
    """How many connections fit in this many open files and bytes of memory (None: no limit).

    ``processes`` share the memory; each has as many files, and the result is for each.

    Raises :class:`TooFewFilesError` if there are too few files to store incoming mail.
    """
    by_files = _WANTED if files is None else files - RESERVED
    if files is not None and by_files < _FEWEST:
        raise TooFewFilesError(files)
    by_memory = by_files if memory is None else memory // _MEMORY_SHARE // _PER_CONNECTION // processes
    return max(_FEWEST, min(by_files, by_memory))


class LogBudget(logging.Filter):
    """Passes one line a minute per cause; the next one says how many were left out.

    Two lines have the same cause if they come from the same place in the program, regardless of their text.
    """

    def __init__(self, seconds: float = 60.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._said: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line may be written."""
        now = self._clock()
        kind = record.exc_info[0] if record.exc_info else None
        cause = (record.name, record.pathname, record.lineno, kind)
        last, left_out = self._said.get(cause, (-self._seconds, 0))
        if now - last < self._seconds:
            self._said[cause] = (last, left_out + 1)
            return False
        self._said[cause] = (now, 0)
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out:,} more like it before this one)"
            record.args = ()
        return True
