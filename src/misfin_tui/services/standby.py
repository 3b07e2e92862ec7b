"""A process forked while the program is still small, which waits to become the receiver.

Two programs started separately would each hold the same Python and the same libraries. What is imported
before the fork stays in memory once, as long as neither of the two changes it.
"""

from __future__ import annotations

import asyncio
import gc
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

_MOST_FILES: Final = 256
_SHARED: Final = (
    "concurrent.futures.thread",
    "json",
    "misfin.files",
    "misfin.model.folders",
    "misfin.model.gemtext",
    "misfin.sqlite",
    "misfin.store.search.folding",
)
"""What both import anyway, the program before its first frame."""
_ENDS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Standby:
    """A process that waits, with our ends of its standard input, output and error."""

    root: Path
    pid: int
    stdin: int
    stdout: int
    stderr: int

    def dismiss(self) -> None:
        """End it: it is not needed. It ends because its standard input closes."""
        for handle in (self.stdin, self.stdout, self.stderr):
            os.close(handle)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


_waiting: list[Standby] = []


def split_off(root: Path, work: Callable[[], int]) -> None:
    """Fork a process that will do ``work`` for the profile at ``root`` once it is taken.

    Only on Linux, and before there is a second thread, an open database or Textual. Elsewhere, and whenever
    the system refuses, nothing happens, and the receiver is started like any other program.
    """
    if sys.platform != "linux" or threading.active_count() > 1 or _waiting:
        return
    for name in _SHARED:
        __import__(name)
    gc.freeze()  # a collection would touch everything, and then nothing is shared
    handles: list[int] = []
    try:
        for _ in range(3):
            handles += os.pipe()
        with _no_signals():
            pid = os.fork()
            if pid == 0:
                _wait_and_work(work, (handles[0], handles[3], handles[5]))
    except OSError:
        for handle in handles:
            os.close(handle)
        return
    for handle in (handles[0], handles[3], handles[5]):
        os.close(handle)
    _waiting.append(Standby(root, pid, handles[1], handles[2], handles[4]))


@contextmanager
def _no_signals() -> Iterator[None]:
    """What ends the program waits: its handlers must never run in the new process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def dismiss() -> None:
    """End the process that still waits, if there is one."""
    while _waiting:
        _waiting.pop().dismiss()


def _wait_and_work(work: Callable[[], int], files: tuple[int, int, int]) -> NoReturn:
    """All that the new process does; it never returns into the program it was forked from."""
    status = 1
    try:
        os.setsid()  # ctrl+c and the hang-up of the terminal are for the program
        for number in _ENDS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as another program inherits them
                interrupt = number is signal.SIGINT
                signal.signal(number, signal.default_int_handler if interrupt else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
        for target, handle in enumerate(files):
            os.dup2(handle, target)
        os.closerange(3, _MOST_FILES)
        if os.read(0, 1):
            sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.FileIO(0, closefd=False))  # type: ignore[misc]  # this process has its own
            sys.stdout = sys.__stdout__ = _writer(1)  # type: ignore[misc]  # as above
            sys.stderr = sys.__stderr__ = _writer(2)  # type: ignore[misc]  # as above
            gc.enable()
            status = work()
            sys.stdout.flush()
    except BaseException:
        with suppress(BaseException):
            traceback.print_exc()
    finally:
        os._exit(status)


def _writer(handle: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.FileIO(handle, "w", closefd=False), encoding="utf-8", errors="replace", write_through=True
    )


# ---- on the app's loop


class StandbyProcess:
    """One that was taken, with the part of :class:`asyncio.subprocess.Process` that is used here."""

    def __init__(self, standby: Standby, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader) -> None:
        self.pid = standby.pid
        self.returncode: int | None = None
        self.stdout = stdout
        self.stderr = stderr
        self.stdin = _Input(standby.stdin)
        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._reap, args=(loop,), name="reap", daemon=True).start()

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            status = 255  # as asyncio reports a child that something else waited for
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._end, status)

    def _end(self, status: int) -> None:
        self.returncode = status
        self._ended.set()

    async def wait(self) -> int:
        """The exit status, negative for a signal, once it has ended."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end. Raises :class:`ProcessLookupError` when it has."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it. Raises :class:`ProcessLookupError` when it has ended."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is not None:
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, number)


class _Input:
    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    def close(self) -> None:
        """Close it, once."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    async def wait_closed(self) -> None:
        """Return at once: nothing is written to it that could still be on its way."""


async def take(root: Path) -> StandbyProcess | None:
    """Let the process work that waits for the profile at ``root``; None when there is none."""
    if not _waiting or _waiting[0].root != root:
        return None
    standby = _waiting.pop()
    try:
        os.write(standby.stdin, b"\n")
    except OSError:  # it has ended meanwhile
        await asyncio.to_thread(standby.dismiss)
        return None
    readers = [await _reader(handle) for handle in (standby.stdout, standby.stderr)]
    return StandbyProcess(standby, *readers)


async def _reader(handle: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(handle, "rb", buffering=0)
    )
    return reader
