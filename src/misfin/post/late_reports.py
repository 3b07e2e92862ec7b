"""Reports that wait until what they say is durable.

While messages follow each other on a route, an ending is written at once, but synced only together with the
next mark: one sync for each message instead of two. A power cut in between leaves the message uncertain, as
one before the ending would. So nobody hears of an ending before that mark, or a moment later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from misfin.errors import StoreError

_SOON = 0.1
"""Seconds after which what was written is synced for itself."""


class LateReports:
    """The reports of one route, in their order. ``sync`` makes durable what was written; it blocks."""

    def __init__(self, sync: Callable[[], None], complain: Callable[[Exception], object]) -> None:
        self._sync = sync
        self._complain = complain
        self._waiting: list[Callable[[], object]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, report: Callable[[], object]) -> None:
        """Call ``report`` once what was written before now is durable."""
        self._waiting.append(report)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._later())

    def durable(self) -> None:
        """What was written before the latest :meth:`add` is durable."""
        waiting, self._waiting = self._waiting, []
        for report in waiting:
            report()

    def close(self) -> None:
        """Report what is left; nothing follows on the route."""
        if self._task is not None:
            self._task.cancel()
        self.durable()

    async def _later(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            await asyncio.sleep(_SOON)
            if self._waiting and self._waiting[0] is first:
                count = len(self._waiting)
                try:
                    await asyncio.to_thread(self._sync)
                except StoreError as error:
                    self._complain(error)
                    continue
                if self._waiting and self._waiting[0] is first:
                    done, self._waiting = self._waiting[:count], self._waiting[count:]
                    for report in done:
                        report()
