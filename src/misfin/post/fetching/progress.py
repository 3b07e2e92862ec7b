"""The progress of fetching: messages done and in all, how fast, and the time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from misfin.post.source import SourceState, SourceStatus

_WORTH_SAYING: Final = 50
"""Messages below which nothing is said."""
_EVERY: Final = 0.5
"""Seconds between two reports."""


class Progress:
    """Counts what arrives for one account, and reports it. ``arrived`` may be called in any thread."""

    def __init__(
        self,
        account: str,
        report: Callable[[SourceStatus], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()
        self._total = self._done = 0
        self._began = self._said = 0.0

    def begin(self, total: int) -> None:
        """So many messages are about to be fetched."""
        with self._lock:
            self._total, self._done = total, 0
            self._began, self._said = self._clock(), 0.0

    def arrived(self, count: int) -> None:
        """So many have been stored."""
        with self._lock:
            self._done += count
            now = self._clock()
            if self._total < _WORTH_SAYING or now - self._said < _EVERY:
                return
            self._said = now
            text = sentence(self._done, self._total, now - self._began)
        self._report(SourceStatus(self._account, SourceState.RUNNING, text))


def sentence(done: int, total: int, seconds: float) -> str:
    """``fetching 1,200 of 5,400, 400 a second, 11 s left``."""
    text = f"fetching {done:,} of {total:,}"
    rate = done / seconds if seconds > 0 else 0.0
    if done >= total or rate <= 0:
        return text
    left = (total - done) / rate
    shown = f"{left / 60:.0f} min" if left >= 90 else f"{max(1, round(left))} s"
    return f"{text}, {rate:,.0f} a second, {shown} left"
