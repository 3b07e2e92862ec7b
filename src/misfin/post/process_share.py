"""What the processes of one receiver share in memory: limits, figures, room in mailboxes.

The first process does what only one may do: it sends for the lists of the host, serves mailboxes, and answers
for the figures of all. Whatever else they share is on disk, where several processes may always meet: mail,
pins, contacts, the files of a host.
"""

from __future__ import annotations

import mmap
import os
from typing import Final

from misfin.net.figures import CELLS, ReceiverFigures
from misfin.net.limits import Buckets
from misfin.net.shared_table import SharedBuckets, SharedTable, SharedTotals

MOST_PROCESSES: Final = 64
_BUCKETS: Final = {"addresses": 2048, "impatient": 1024, "senders": 2048, "hosts": 512, "questions": 1}
"""Tables of buckets by name, with their sets of eight keys. See :class:`~misfin.net.limits.Limits`."""
_MAILBOXES: Final = 1024
_PID, _ASKING, _NOTES = 0, 1, 2
"""Where the notes of a process are, and how many it has."""
_STARTED_AGAIN, _ENDED_CPU, _STARTED, _TOTALS = 0, 1, 2, 3
"""The same for the numbers of all processes together."""


class ReceiverMemory:
    """The memory itself: make it before the processes are forked. ``started`` is Unix seconds."""

    def __init__(self, processes: int, *, started: float) -> None:
        self.processes = processes
        sizes = [
            *(SharedTable.size(sets) for sets in _BUCKETS.values()),
            SharedTable.size(_MAILBOXES, processes),
            processes * _NOTES * 8,
            processes * CELLS * 8,
            _TOTALS * 8,
        ]
        memory = memoryview(mmap.mmap(-1, sum(sizes)))
        parts = []
        for size in sizes:
            parts.append(memory[:size])
            memory = memory[size:]
        self.buckets = {
            name: SharedTable(part, sets)
            for (name, sets), part in zip(_BUCKETS.items(), parts[:-4], strict=True)
        }
        self.mailboxes = SharedTable(parts[-4], _MAILBOXES, processes)
        self.notes = parts[-3].cast("d")
        figures = parts[-2].cast("d")
        self.figures = [
            ReceiverFigures(figures[number * CELLS : (number + 1) * CELLS]) for number in range(processes)
        ]
        self.totals = parts[-1].cast("d")
        self.totals[_STARTED] = started

    # ---- for the process that starts the others

    def note_end(self, process: int, cpu: float, again: bool) -> None:
        """A process ended after using ``cpu`` seconds; ``again`` if another takes its place."""
        first = process * _NOTES
        self.notes[first : first + _NOTES] = memoryview(bytes(_NOTES * 8)).cast("d")
        self.figures[process].open_now = 0
        self.totals[_ENDED_CPU] += cpu
        self.totals[_STARTED_AGAIN] += again


class ProcessShare:
    """The part of one process, counted from 0, once it runs."""

    def __init__(self, memory: ReceiverMemory, process: int) -> None:
        self._memory = memory
        self._process = process
        self.processes = memory.processes
        self.first = process == 0
        """Whether it does what only one may do."""
        self.figures = memory.figures[process]
        self.given = SharedTotals(memory.mailboxes, process, memory.processes)
        """Bytes that mailboxes were given."""
        memory.notes[process * _NOTES + _PID] = os.getpid()

    def make_buckets(self, name: str, capacity: float, rate: float) -> Buckets:
        """See :data:`misfin.net.limits.MakeBuckets`."""
        return SharedBuckets(self._memory.buckets[name], capacity, rate)

    # ---- questions to senders' hosts, a misfin.net.limits.UnderWay

    def add(self, number: int) -> None:
        """Count questions that this process asks."""
        self._memory.notes[self._process * _NOTES + _ASKING] += number

    def total(self) -> int:
        """How many questions all processes are asking."""
        return int(sum(self._memory.notes[_ASKING::_NOTES]))

    # ---- figures

    def all_figures(self) -> ReceiverFigures:
        """What all processes have counted, those that ended included."""
        return ReceiverFigures.sum_of(self._memory.figures)

    def pids(self) -> list[int]:
        """The processes that run now."""
        return [int(pid) for pid in self._memory.notes[_PID::_NOTES] if pid]

    @property
    def started(self) -> float:
        """When the receiver was started, Unix seconds."""
        return self._memory.totals[_STARTED]

    @property
    def started_again(self) -> int:
        """How many processes ended and were started again."""
        return int(self._memory.totals[_STARTED_AGAIN])

    @property
    def ended_cpu(self) -> float:
        """Seconds of processor time that processes used that have ended."""
        return self._memory.totals[_ENDED_CPU]
