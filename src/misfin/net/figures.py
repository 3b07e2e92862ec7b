"""What a receiver counts, and how Prometheus reads it (its text format, version 0.0.4).

Counting is adding to a number. There are as many numbers as there are statuses, whatever strangers do: no
address and no name is ever part of one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

SLOWEST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds, in seconds, by which the time to keep a message is counted."""


@dataclass(slots=True)
class ReceiverFigures:
    """The numbers of one receiver since it started; for one thread."""

    answers: Counter[int] = field(default_factory=Counter)
    """Answers sent, by status; probes count too."""
    connections: Counter[str] = field(default_factory=Counter)
    """Connections by how they were admitted: ``serve``, ``slow down``, ``refuse``."""
    kept: list[int] = field(default_factory=lambda: [0] * (len(SLOWEST) + 1))
    """Messages for whose keeper the receiver waited, by the bounds; the last ones took longer."""
    waited: float = 0.0
    """Seconds for all of them."""

    def took(self, seconds: float) -> None:
        """Count a message that its keeper answered for after so many seconds."""
        self.waited += seconds
        for number, bound in enumerate(SLOWEST):
            if seconds <= bound:
                self.kept[number] += 1
                return
        self.kept[-1] += 1


def receiver_text(found: ReceiverFigures, open_now: int) -> Iterator[str]:
    """The lines about a receiver, with ``open_now`` connections."""
    yield from _counter(
        "misfin_answers_total", "Answers to senders, by Misfin status.", "status", found.answers
    )
    yield from _counter(
        "misfin_connections_total", "Connections, by how they were admitted.", "admission", found.connections
    )
    yield from gauge("misfin_connections_open", "Connections that are open.", open_now)
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


def process_text(started: float) -> Iterator[str]:
    """The lines about this process; ``started`` is Unix seconds."""
    spent = os.times()
    yield from gauge("process_start_time_seconds", "When the receiver started, Unix seconds.", started)
    name = "process_cpu_seconds_total"
    yield f"# HELP {name} Processor time used."
    yield f"# TYPE {name} counter"
    yield f"{name} {spent.user + spent.system:.2f}"
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - a Path costs more than reading it
            pages = int(file.read().split()[1])
        files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as above
    except (OSError, ValueError, IndexError):  # not Linux
        return
    yield from gauge(
        "process_resident_memory_bytes", "Memory in use, bytes.", pages * os.sysconf("SC_PAGE_SIZE")
    )
    yield from gauge("process_open_fds", "Open files and connections.", files)


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
