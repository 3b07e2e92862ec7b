"""Memory that several processes hold together: every page of the machine's memory counted once.

The usual figure (pss) divides a page by the number of processes that hold it, so a program seems to need less
while other Pythons run beside it. The numbers of the pages are the same whatever else runs; Linux shows them
to root only.
"""

from __future__ import annotations

import array
import os
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PRESENT: Final = 1 << 63
_FRAME: Final = (1 << 55) - 1
_ZERO_PAGE: Final = 1 << 24
"""In ``/proc/kpageflags``: the page of zeros that all processes share and that costs nothing."""
_OF_THE_KERNEL: Final = ("[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]")


@dataclass(frozen=True, slots=True)
class Held:
    """Memory in MB: what each process holds alone, in the order given, and what at least two of them hold."""

    alone: tuple[float, ...]
    shared: float

    @property
    def together(self) -> float:
        """All of it."""
        return sum(self.alone) + self.shared


def held_by(pids: Sequence[int]) -> Held | None:
    """The memory of some processes; None where this process may not see page numbers (not root)."""
    try:
        frames = [set(_frames(pid)) for pid in pids]
        if not all(frames):
            return None
        zero = _zero_pages(set().union(*frames))
    except PermissionError:
        return None
    holders = Counter(frame for each in frames for frame in each - zero)
    alone = tuple(sum(holders[frame] == 1 for frame in each - zero) * _PAGE / 1e6 for each in frames)
    return Held(alone, sum(count > 1 for count in holders.values()) * _PAGE / 1e6)


def _frames(pid: int) -> Iterator[int]:
    """The numbers of the pages that a process has in memory."""
    with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as pagemap:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if line.endswith(_OF_THE_KERNEL):
                continue
            begin, end = (int(word, 16) // _PAGE for word in line.split()[0].split("-"))
            pagemap.seek(begin * 8)
            entries = array.array("Q", pagemap.read((end - begin) * 8))
            yield from (entry & _FRAME for entry in entries if entry & _PRESENT and entry & _FRAME)


def _zero_pages(frames: set[int]) -> set[int]:
    with Path("/proc/kpageflags").open("rb", buffering=0) as flags:
        return {
            frame
            for frame in frames
            if struct.unpack("Q", os.pread(flags.fileno(), 8, frame * 8))[0] & _ZERO_PAGE
        }
