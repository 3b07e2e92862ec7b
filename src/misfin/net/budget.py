"""What a receiver may take of its machine: open files, connections, memory and log lines.

Strangers decide how many connections there are, so each of these has an upper bound that leaves enough of it
for the work that must not fail: storing a message whose request is complete, and looking up its sender.
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
"""Open files to ask the system for: more connections than that would take too much memory anyway."""

_FOR_STORING = 68  # a batch of 64 new files, its folders (store/durable.py, store/files.py)
_FOR_BOOKS = 36  # standard streams, event loop, listeners, lock, and three SQLite files with their journals
_FOR_ASKING = 16  # hosts that are asked about senders at the same time, and name lookups for them
ACCEPTED_AT_ONCE = 8
"""Connections accepted in one turn of the event loop; those that give way to them are closed in the next."""

RESERVED = _FOR_STORING + _FOR_BOOKS + _FOR_ASKING + ACCEPTED_AT_ONCE
"""Open files that no connection gets."""

_FEWEST = 32
"""Connections below which a receiver could be kept busy by a single person's mistake."""

_PER_CONNECTION = 128 * 1024
"""Bytes one connection can make us hold: 100 KiB of certificates in a handshake, and TLS itself up to 54."""

_MEMORY_SHARE = 8
"""One part in so many of the machine's memory may be held by connections."""

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class TooFewFilesError(LocalError, OSError):
    """The system lets this process open too few files to receive mail safely."""

    def __init__(self, limit: int) -> None:
        needed = RESERVED + _FEWEST
        super().__init__(
            f"Receiving needs {needed} open files at the same time; the system allows this process {limit}.",
            remedy=f"Raise the limit first, for example with `ulimit -n 1024` (at least {needed}).",
        )


def raise_file_limit(wanted: int = _WANTED) -> int | None:
    """Raise the soft limit of open files to ``wanted``, or as near to it as the system allows.

    Returns the limit now in force; None where there is none. The hard limit stays as it is. Some systems
    refuse what their hard limit allows (macOS: above ``kern.maxfilesperproc``); then half as many are tried.
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
    """How many files this process may have open at the same time; None where there is no limit."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def memory_limit() -> int | None:
    """Bytes of memory this process can count on: the machine's, or less where a group or a limit says so."""
    limits = []
    with suppress(ValueError, OSError, AttributeError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(ValueError, OSError):  # "max": no limit
        limits.append(int(_CGROUP_LIMIT.read_text()))
    soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min((limit for limit in limits if limit > 0), default=None)


def connections_allowed(files: int | None, memory: int | None) -> int:
    """How many connections fit into so many open files and so many bytes of memory (None: no limit).

    Raises :class:`TooFewFilesError` where the files would not do for storing what comes in.
    """
    by_files = _WANTED if files is None else files - RESERVED
    if files is not None and by_files < _FEWEST:
        raise TooFewFilesError(files)
    by_memory = by_files if memory is None else memory // _MEMORY_SHARE // _PER_CONNECTION
    return max(_FEWEST, min(by_files, by_memory))


class LogBudget(logging.Filter):
    """Lets one line a minute through per cause; the next one then says how many were left out.

    Two lines have the same cause when they come from the same place in the program, whatever they name.
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
