"""How long to wait before trying a server again, and whether the machine has slept meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FIRST: Final = 1.0
LONGEST: Final = 300.0
"""Seconds before the first and between later tries."""
CROWDED: Final = 300.0
"""Seconds at least after a server said that there are too many connections."""
HEALTHY: Final = 60.0
"""Seconds after which a connection counts as good, and the next failure as the first."""
JUMP: Final = 30.0
"""Seconds by which the clock on the wall may run away from the other before that means: we slept."""


class Backoff:
    """Waits that grow and differ: each is between one second and three times the last (decorrelated jitter).

    ``uniform`` gives a random number between two.
    """

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self._last = FIRST

    def reset(self) -> None:
        """All went well for a while."""
        self._last = FIRST

    def next(self, *, crowded: bool = False) -> float:
        """Seconds to wait now."""
        self._last = min(LONGEST, self._uniform(FIRST, self._last * 3))
        return self._uniform(CROWDED, CROWDED * 1.5) if crowded else self._last


class SleepDetector:
    """Notices that the machine slept, or that its clock was set, by comparing two clocks (in seconds)."""

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._difference = wall() - monotonic()

    def jumped(self) -> bool:
        """Whether the clocks have run apart since the last call."""
        before, self._difference = self._difference, self._wall() - self._monotonic()
        return abs(self._difference - before) > JUMP
