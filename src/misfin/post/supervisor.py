"""Starts the processes of a receiver, starts again what ends, and ends them all.

They are forks, so all of them run the same program with the same settings, even after a file was changed on
the disk, and they inherit what listens and the memory they share. One thread and no event loop: a process
that has more must not be forked.

A process ends when this one does, even by ``kill -9``: its ``lifeline`` is the end of a pipe whose other end
is here alone.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, NoReturn

logger = logging.getLogger("misfin.reception")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a process that ended is started again; doubled each time it ends soon."""
_SOON: Final = 60.0
_PATIENCE: Final = 18.0
"""Seconds that processes get to end: a little less than systemd waits (``TimeoutStopSec``)."""
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)
_CHILD: Final = (*_ENDING, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True, slots=True)
class ProcessPart:
    """What a process gets when it starts."""

    number: int
    """From 0."""
    again: bool
    """Whether it takes the place of one that ended."""
    ready: Callable[[], None]
    """To be called once it receives."""
    lifeline: int
    """A file descriptor that can be read, and is at its end, once this process has to end."""


@dataclass(slots=True)
class _Process:
    number: int
    pid: int = 0
    ready: int = -1
    """What it writes to once it receives; -1 afterwards."""
    began: float = 0.0
    failures: int = 0
    due: float = 0.0
    starts: int = 0


class Supervisor:
    """Runs ``work`` in ``count`` processes; what it returns is the exit status of its process.

    ``ended`` is called for each that ended: with its number, the seconds of processor time it used, and
    whether it is started again. A process that ends with one of the statuses in ``final`` ends all: starting
    it again would change nothing. So does the first process, if it never gets ready.
    """

    def __init__(
        self,
        count: int,
        work: Callable[[ProcessPart], int],
        ended: Callable[[int, float, bool], object] = lambda _number, _cpu, _again: None,
        final: Collection[int] = (),
    ) -> None:
        self._processes = [_Process(number) for number in range(count)]
        self._work = work
        self._ended = ended
        self._final = final
        self._receiving = False
        self._stopping = False
        self._failed: int | None = None
        self._wake: tuple[int, int] = (-1, -1)
        self._life: tuple[int, int] = (-1, -1)

    def run(self) -> int:
        """Return once all have ended: 0 after SIGTERM or SIGINT, else the status of one that failed."""
        gc.freeze()  # a collection would touch everything, and then nothing is shared
        self._wake, self._life = _pipe(), _pipe()
        try:
            with self._signals():
                while not self._stopping and self._failed is None:
                    self._start_due()
                    self._wait(self._next_due())
                    self._reap()
                self._end_all()
        finally:
            for handle in (*self._wake, *self._life):
                os.close(handle)
        return self._failed or 0

    # ---- waiting

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals only wake :meth:`_wait`, and say there that it is time to end."""
        before = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGCHLD)}
        woken = signal.set_wakeup_fd(self._wake[1])
        for number in before:
            signal.signal(number, self._note)
        try:
            yield
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: object) -> None:
        if number in _ENDING:
            self._stopping = True

    def _wait(self, until: float | None) -> None:
        """Wait for a signal, for a process to get ready, or for a moment."""
        seconds = None if until is None else max(0.0, until - time.monotonic())
        starting = {each.ready: each for each in self._processes if each.ready >= 0}
        able, _, _ = select.select([self._wake[0], *starting], [], [], seconds)
        for handle in able:
            if handle == self._wake[0]:
                os.read(handle, 4096)
                continue
            said = os.read(handle, 1)
            os.close(handle)
            starting[handle].ready = -1
            self._receiving = self._receiving or bool(said)

    def _next_due(self) -> float | None:
        return min((each.due for each in self._processes if not each.pid and self._may(each)), default=None)

    def _may(self, process: _Process) -> bool:
        """The first one goes ahead: what has to be made or upgraded, it does undisturbed."""
        return self._receiving or process.number == 0

    # ---- processes

    def _start_due(self) -> None:
        for each in self._processes:
            if not each.pid and self._may(each) and each.due <= time.monotonic():
                try:
                    self._start(each)
                except OSError as error:
                    logger.error("Process %d could not be started: %s.", each.number + 1, error.strerror)
                    self._put_off(each)

    def _start(self, process: _Process) -> None:
        ready, said = _pipe()
        process.began = time.monotonic()
        try:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD)
            try:
                pid = os.fork()
                if pid == 0:
                    self._run(process, said)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        except OSError:
            os.close(ready)
            raise
        finally:
            os.close(said)
        process.pid, process.ready = pid, ready
        process.starts += 1

    def _run(self, process: _Process, said: int) -> NoReturn:
        """All that the new process does; it never returns into the program it was forked from."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _CHILD:  # as in a program that has just been started
                if signal.getsignal(number) is not signal.SIG_IGN:
                    interrupt = number is signal.SIGINT
                    signal.signal(number, signal.default_int_handler if interrupt else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _CHILD)
            for handle in (*self._wake, self._life[1], *(each.ready for each in self._processes)):
                if handle >= 0:
                    os.close(handle)

            def ready() -> None:
                with suppress(OSError):
                    os.write(said, b"\n")

            status = self._work(ProcessPart(process.number, process.starts > 0, ready, self._life[0]))
            sys.stdout.flush()
        except BaseException:
            with suppress(BaseException):
                traceback.print_exc()
        finally:
            os._exit(status)

    def _reap(self) -> None:
        for each in self._processes:
            if not each.pid:
                continue
            pid, status, used = os.wait4(each.pid, os.WNOHANG)
            if pid:
                self._note_end(each, os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime)

    def _note_end(self, process: _Process, status: int, cpu: float) -> None:
        process.pid = 0
        if process.ready >= 0:  # it was ready in its last moment, or never
            self._receiving = bool(os.read(process.ready, 1)) or self._receiving
            os.close(process.ready)
            process.ready = -1
        if not self._stopping and self._failed is None and (not self._receiving or status in self._final):
            self._failed = status if status > 0 else 1
        again = not self._stopping and self._failed is None
        self._ended(process.number, cpu, again)
        if again:
            if time.monotonic() - process.began >= _SOON:
                process.failures = 0
            pause = self._put_off(process)
            logger.error(
                "Process %d ended (%s); it is started again in %g s.",
                process.number + 1,
                f"status {status}" if status >= 0 else f"signal {-status}",
                pause,
            )

    def _put_off(self, process: _Process) -> float:
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(process.failures, 30))
        process.failures += 1
        process.due = time.monotonic() + pause
        return pause

    def _end_all(self) -> None:
        """Let every process finish what it has begun; what takes too long is killed."""
        self._stopping = True
        self._signal(signal.SIGTERM)
        ends = time.monotonic() + _PATIENCE
        while any(each.pid for each in self._processes):
            self._wait(ends)
            self._reap()
            if time.monotonic() >= ends and any(each.pid for each in self._processes):
                logger.error("Not every process ended in time; those that are left are killed.")
                self._signal(signal.SIGKILL)
                ends += _PATIENCE

    def _signal(self, number: signal.Signals) -> None:
        for each in self._processes:
            if each.pid:
                with suppress(ProcessLookupError):
                    os.kill(each.pid, number)


def _pipe() -> tuple[int, int]:
    """Ends of a pipe that do not wait."""
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends
