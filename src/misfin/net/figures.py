"""What a receiver counts, and how Prometheus reads it (its text format, version 0.0.4).

Counting is adding to a number. There are as many numbers as there are statuses, whatever strangers do: no
address and no name is ever part of one.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from misfin.net.limits import Admission

SLOWEST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds, in seconds, by which the time to keep a message is counted."""


_STATUSES: Final = 100
_ADMISSIONS: Final = tuple(Admission)
_ADMITTED: Final = _STATUSES
_KEPT: Final = _ADMITTED + len(_ADMISSIONS)
_WAITED: Final = _KEPT + len(SLOWEST) + 1
_OPEN: Final = _WAITED + 1
CELLS: Final = _OPEN + 1
"""How many numbers there are."""


class Cells(Protocol):
    """Numbers that are zero in the beginning: an array, or a part of shared memory."""

    def __getitem__(self, number: int, /) -> float: ...
    def __setitem__(self, number: int, value: float, /) -> None: ...
    def __iter__(self) -> Iterator[float]: ...


class ReceiverFigures:
    """The numbers of one receiver since it started; for one thread.

    They are in ``cells``, of which there are :data:`CELLS`, so that they can be in memory that several
    processes share.
    """

    __slots__ = ("_cells",)

    def __init__(self, cells: Cells | None = None) -> None:
        self._cells: Cells = array("d", bytes(8 * CELLS)) if cells is None else cells

    @classmethod
    def sum_of(cls, several: Iterable[ReceiverFigures]) -> ReceiverFigures:
        """The figures of several processes together, as they are now."""
        return cls([sum(column) for column in zip(*(each._cells for each in several), strict=True)])

    def answered(self, status: int) -> None:
        """Count an answer; probes count too."""
        self._cells[status] += 1

    def admitted(self, admission: Admission) -> None:
        """Count a connection."""
        self._cells[_ADMITTED + _ADMISSIONS.index(admission)] += 1

    def took(self, seconds: float) -> None:
        """Count a message that its keeper answered for after so many seconds."""
        self._cells[_WAITED] += seconds
        self._cells[_KEPT + bisect_left(SLOWEST, seconds)] += 1

    @property
    def open_now(self) -> int:
        """How many connections are open."""
        return int(self._cells[_OPEN])

    @open_now.setter
    def open_now(self, number: int) -> None:
        self._cells[_OPEN] = number

    @property
    def answers(self) -> dict[int, int]:
        """Answers sent, by status."""
        return {status: int(count) for status in range(_STATUSES) if (count := self._cells[status])}

    @property
    def connections(self) -> dict[str, int]:
        """Connections by how they were admitted."""
        counts = ((each, self._cells[_ADMITTED + number]) for number, each in enumerate(_ADMISSIONS))
        return {each.value: int(count) for each, count in counts if count}

    @property
    def kept(self) -> list[int]:
        """Messages for whose keeper the receiver waited, by the bounds; the last ones took longer."""
        return [int(self._cells[number]) for number in range(_KEPT, _WAITED)]

    @property
    def waited(self) -> float:
        """Seconds for all of them."""
        return self._cells[_WAITED]


def receiver_text(found: ReceiverFigures) -> Iterator[str]:
    """The lines about a receiver."""
    yield from _counter(
        "misfin_answers_total", "Answers to senders, by Misfin status.", "status", found.answers
    )
    yield from _counter(
        "misfin_connections_total", "Connections, by how they were admitted.", "admission", found.connections
    )
    yield from gauge("misfin_connections_open", "Connections that are open.", found.open_now)
    name = "misfin_keeping_seconds"
    yield f"# HELP {name} Time until a message was kept, or could not be."
    yield f"# TYPE {name} histogram"
    total = 0
    for bound, count in zip((*map(str, SLOWEST), "+Inf"), found.kept, strict=True):
        total += count
        yield f'{name}_bucket{{le="{bound}"}} {total}'
    yield f"{name}_sum {found.waited:.6f}"
    yield f"{name}_count {total}"


def gmap_text(answers: Mapping[int, int]) -> Iterator[str]:
    """The lines about the server of mailboxes."""
    yield from _counter("misfin_gmap_answers_total", "Answers to owners of mailboxes.", "status", answers)


def process_text(started: float, pids: Sequence[int] = (), ended_cpu: float = 0.0) -> Iterator[str]:
    """The lines about this process; ``started`` is Unix seconds.

    Where several receive, ``pids`` are all of them, and ``ended_cpu`` is the processor time, in seconds, of
    those that were started again. Memory that they share counts for each.
    """
    yield from gauge("process_start_time_seconds", "When the receiver started, Unix seconds.", started)
    if not pids:
        spent = os.times()
        pids, cpu = (os.getpid(),), spent.user + spent.system
    else:
        cpu = ended_cpu + sum(map(_cpu_of, pids))
    name = "process_cpu_seconds_total"
    yield f"# HELP {name} Processor time used."
    yield f"# TYPE {name} counter"
    yield f"{name} {cpu:.2f}"
    found = [facts for pid in pids if (facts := _memory_and_files(pid)) is not None]
    if not found:  # not Linux
        return
    memory, files = map(sum, zip(*found, strict=True))
    yield from gauge("process_resident_memory_bytes", "Memory in use, bytes.", memory)
    yield from gauge("process_open_fds", "Open files and connections.", files)


def processes_text(running: int, started_again: int) -> Iterator[str]:
    """The lines about the processes of a receiver that has several."""
    yield from gauge("misfin_processes", "Processes that receive.", running)
    name = "misfin_processes_started_again_total"
    yield f"# HELP {name} Processes that ended and were started again."
    yield f"# TYPE {name} counter"
    yield f"{name} {started_again}"


def _cpu_of(pid: int) -> float:
    """Seconds; 0 where it has just ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - a Path costs more than reading it
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_and_files(pid: int) -> tuple[int, int] | None:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - as above
            pages = int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - as above
    except (OSError, ValueError, IndexError):
        return None


def gauge(name: str, about: str, value: float) -> Iterator[str]:
    """The lines of one number that goes up and down."""
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} gauge"
    yield f"{name} {value}"


def _counter(
    name: str, about: str, label: str, counts: Mapping[int, int] | Mapping[str, int]
) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} counter"
    for value, count in sorted(counts.items()):
        yield f'{name}{{{label}="{value}"}} {count}'
