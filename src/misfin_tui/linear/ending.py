"""How a session ends other than by a command: signals and a lost terminal. What is being written is kept."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from misfin_tui.linear.desk import Desk

SIGNALLED = 128
"""The exit status after a signal is this and its number, as in every shell."""
AT_MOST = 8.0
"""Seconds after a signal when the program ends although it is still busy; the draft is saved then too."""


class LineEnding:
    """Ends a session by a signal; ``stop`` is called on the loop when one came."""

    def __init__(self, desk: Desk, stop: Callable[[], object]) -> None:
        self._desk = desk
        self._stop = stop
        self._over = threading.Event()
        self.ended_by = 0
        """The signal that ends the program; 0 while none does."""
        self.last_words = ""
        """What to print once the program has ended."""

    def listen(self) -> None:
        """Answer signals from now on."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.end_by, number)

    def end_by(self, number: int) -> None:
        """End because of this signal; only the first counts."""
        if not self.ended_by:
            self.ended_by = number
            threading.Thread(target=self._end_at_last, name="end-at-last", daemon=True).start()
            self.keep()
            self._stop()

    def keep(self) -> None:
        """Hand what is being written to its keeper, as it is at this moment."""
        if self._desk.keep_writing is not None:
            self._desk.keep_writing()

    async def save(self) -> None:
        """Save what is being written, and remember what to say if that fails."""
        with suppress(Exception):  # whatever is broken: what was kept before stays
            self.keep()
        try:
            await self._desk.services.sending.flush()
        except MisfinError as error:
            self.last_words = f"The message you were writing could not be saved: {error}"

    def over(self) -> None:
        """The program has ended."""
        self._over.set()
        if self.last_words:
            with suppress(OSError):
                print(f"misfin-tui: {plain(self.last_words, one_line=True)}", file=sys.stderr)

    def _end_at_last(self) -> None:
        """In a thread: end the program when its loop does not."""
        if self._over.wait(AT_MOST):
            return
        with suppress(Exception):
            self.keep()
        with suppress(Exception):
            self._desk.services.sending.save_at_once()
        self._desk.terminal.close()
        os._exit(SIGNALLED + self.ended_by)
