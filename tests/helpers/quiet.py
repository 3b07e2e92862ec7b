"""When an app under test has nothing left to do, told by its state.

Textual's pilot takes a process that burns little CPU for an idle one: each key then costs two waits of 20 ms
here, and on a busy machine, where the app was merely not given the CPU, the test goes on too early.
"""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Any

import textual.app
import textual.constants
import textual.pilot
import textual.screen
from textual._context import active_app
from textual.notifications import Notification

from misfin_tui.screens import inbox_news

SOON = 0.02
"""A timer that is due within so many seconds belongs to what is being done: a repaint, a second look."""
ENOUGH = 10.0
"""Seconds of work, and of waiting for threads, after which a test goes on although the app never rests.

Processor time of other programs does not count: a busy machine is no reason to go on.
"""
THREADS = 0.001
"""Seconds from one look at the threads to the next."""
TICKS = 1.0
"""Seconds spent waiting for timers: some tick without end."""
STAYS = 120.0
"""Seconds a notice stays: longer than any test takes to look for it, however busy the machine is."""

_in_threads: set[asyncio.Future[Any]] = set()
_watching = 0
"""How many wait here for their next turn: one around the app, and one inside it if a test works there."""


async def until_quiet(_least: float = 0, _most: float = 1, *, soon: float = SOON) -> None:
    """Wait until no task is ready, no thread works for one, and no timer is about to wake one.

    The first two arguments are what Textual hands over; only ``soon`` counts.
    """
    global _watching
    loop: Any = asyncio.get_running_loop()
    began, waited, ticks = time.process_time(), 0.0, TICKS
    while time.process_time() - began + waited < ENOUGH and ticks > 0:
        _watching += 1
        try:
            await asyncio.sleep(0)  # one round of the loop: whatever is ready has its turn
        finally:
            _watching -= 1
        if len(loop._ready) > _watching:
            continue
        if any(future.get_loop() is loop for future in _in_threads):
            await asyncio.sleep(THREADS)
            waited += THREADS
            continue
        if active_app.get()._exit:
            return  # its timers tick, and do nothing any more
        due = min((timer.when() for timer in loop._scheduled if not timer.cancelled()), default=None)
        if due is None or due - loop.time() > soon:
            return
        pause = max(0.0, due - loop.time())
        await asyncio.sleep(pause)
        ticks -= pause


def install() -> None:
    """Make every pilot wait that way, finish repaints and animations at once, and let notices stay."""
    textual.app.wait_for_idle = textual.pilot.wait_for_idle = until_quiet  # type: ignore[attr-defined]
    textual.screen.UPDATE_PERIOD = 0.001  # type: ignore[misc]
    textual.constants.TEXTUAL_ANIMATIONS = "none"  # type: ignore[misc]  # looked up before a test can say so
    inbox_news.RELOAD_PAUSE = 0.01
    Notification.time_left = property(  # type: ignore[assignment]
        lambda notice: notice.raised_at + max(notice.timeout, STAYS) - time.time()
    )
    run_in_executor = asyncio.BaseEventLoop.run_in_executor

    @functools.wraps(run_in_executor)
    def counted(*args: Any) -> asyncio.Future[Any]:
        future = run_in_executor(*args)
        _in_threads.add(future)
        future.add_done_callback(_in_threads.discard)
        return future

    asyncio.BaseEventLoop.run_in_executor = counted  # type: ignore[method-assign,assignment]
