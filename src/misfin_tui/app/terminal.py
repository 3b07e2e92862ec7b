"""The driver: Textual's for terminals, with our own reading of bytes, ends by signals, and suspending.

What is different from Textual's, and why:

- bytes are read by :class:`TerminalInput`; a terminal that went away ends the program instead of keeping one
  processor busy; an error in the reading thread has an exit status;
- a write that fails ends nothing: the drafts are saved first, and the end comes by SIGHUP or end of file;
- SIGTERM, SIGHUP and SIGINT end the program as ``ctrl+q`` does;
- to suspend is to stop the whole job by SIGTSTP, from the loop and never in the middle of a drawing. Textual
  stops its own process only, and by SIGSTOP, after which a job of several processes (``make``) hangs.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from textual.drivers.linux_driver import LinuxDriver

from misfin_tui.app.terminal_input import TerminalInput

if TYPE_CHECKING:
    from types import FrameType

    from misfin_tui.app.ending import Ending

READ = 4096
"""Bytes of one read: what a terminal's buffer holds."""
STOPPING = 0.05
"""Seconds until a process that was sent a stop signal has stopped; counting continues when it resumes."""
MAY_BLOCK = 0.5
"""Seconds the last sequences may take to be written to a terminal that accepts no output."""

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_KEYS = (signal.SIGINT, signal.SIGQUIT)  # sent by a key where the terminal is not ours
_STOPPING = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
LEAVE = (
    "\x1b[?2026l"  # synchronized output
    "\x1b[?2004l"  # bracketed paste
    "\x1b[?7h"  # wrapping
    "\x1b[?2048l"  # reports of the window's size
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # the mouse
    "\x1b[?1004l"  # reports of the focus
    "\x1b[<u"  # the keyboard protocol of kitty
    "\x1b[?1049l"  # the alternate screen
    "\x1b[0m"
    "\x1b[?25h"  # the cursor
)
"""Everything that is switched on is switched off, whatever is on."""


class TerminalDriver(LinuxDriver):
    """One terminal, from the first byte to the last."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.in_charge = False
        """Whether the terminal is set up for us."""
        self._before = {number: signal.getsignal(number) for number in (*ENDING, *_STOPPING)}
        super().__init__(app, **options)
        self._output = sys.__stderr__.fileno()  # type: ignore[union-attr]  # Textual takes it for granted too
        self._file = cast("Any", _Output(self._output))
        for number in ENDING:
            if self._before[number] is not signal.SIG_IGN:  # nohup
                signal.signal(number, self._signalled)

    @property
    def _ending(self) -> Ending:
        app: Any = self._app
        ending: Ending = app.ending
        return ending

    def _soon(self, call: Any, *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call, *arguments)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if number in _KEYS and not self._auto_restart:
            return  # the terminal is an editor's, and ctrl+c there is for the editor
        self._ending.end_by(number, self._soon)

    def hand_back(self) -> None:
        """The end: the terminal as it was, whatever happened, and the signals as they were.

        After a signal only the first counts, until the process is gone: a second one would change its status.
        """
        if self.in_charge:
            self.restore()
        ended = bool(self._ending.ended_by)
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if ended and number in ENDING else handler)

    # ---- what comes in

    def run_input_thread(self) -> None:
        """Read until the program ends or the terminal goes away."""
        terminal = TerminalInput()
        while not self.exit_event.is_set():
            if not select.select([self.fileno], [], [], terminal.patience)[0]:
                found = terminal.idle()
            else:
                try:
                    data = os.read(self.fileno, READ)
                except BlockingIOError:  # another program left it so
                    continue
                except OSError:
                    data = b""
                if not data:
                    self._hung_up()
                    return
                found = terminal.feed(data)
            for message in found:
                self.process_message(message)

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as error:
            self._soon(self._app._handle_exception, error)

    def _hung_up(self) -> None:
        """The terminal is gone: what is still written to it goes nowhere, instead of raising everywhere."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            with suppress(OSError):
                if os.fstat(stream).st_rdev == os.fstat(self.fileno).st_rdev and stream != self.fileno:
                    os.dup2(nowhere, stream)
        os.dup2(nowhere, self.fileno)
        os.close(nowhere)
        self._soon(self._ending.end_by, signal.SIGHUP, self._soon)

    # ---- the modes of the terminal

    def start_application_mode(self) -> None:
        """Set the terminal up."""
        self.in_charge = True
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual left it so

    def stop_application_mode(self) -> None:
        """Leave the terminal as it was."""
        if self._mouse_pixels:  # Textual forgets these
            self.write("\x1b[?1016l")
            self._mouse_pixels = False
        super().stop_application_mode()
        self.in_charge = False

    def restore(self) -> None:
        """The same at once, past the thread that writes: for an end that cannot wait for it."""
        self.in_charge = False
        with suppress(OSError, termios.error, ValueError):
            if select.select([], [self._output], [], MAY_BLOCK)[1]:
                os.write(self._output, LEAVE.encode())
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    # ---- to suspend

    def _sigtstp_application(self, *_: Any) -> None:
        if self._auto_restart:
            self._soon(self._ending.action_suspend_process)
        else:
            self._stop(os.getpid())  # the terminal is an editor's, which was stopped too

    def _sigcont_application(self, *_: Any) -> None:
        if self._auto_restart:
            self._soon(self._go_on)

    def _go_on(self) -> None:
        """The program was stopped by SIGSTOP, which cannot be caught, and others used the terminal."""
        if self._auto_restart and self.in_charge and self._in_foreground():
            self.suspend_application_mode()
            self.resume_application_mode()
            self._app.refresh(layout=True)

    def may_stop(self) -> bool:
        """Whether there is a shell to return to; without one the program could never be continued."""
        with suppress(OSError):
            parent = os.getppid()
            group = os.getpgrp()
            while parent > 0 and os.getsid(parent) == os.getsid(0):
                if os.getpgid(parent) != group:
                    return True
                parent = _parent_of(parent)
        return False

    def stop_until_continued(self) -> None:
        """Stop the job until it is in the foreground again. The terminal has to be given back already."""
        self._stop(0)
        while not self._in_foreground() and not self._ending.ended_by:
            self._stop(0, signal.SIGTTOU)

    def _stop(self, pid: int, number: int = signal.SIGTSTP) -> None:
        handler = signal.signal(number, signal.SIG_DFL)
        try:
            os.kill(pid, number)
            time.sleep(STOPPING)
        finally:
            signal.signal(number, handler)

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:
            return True  # no terminal to be in the background of


class _Output:
    """Where the screen is drawn, for Textual's thread that writes: UTF-8, as what it reads is."""

    def __init__(self, fileno: int) -> None:
        self._fileno = fileno

    def fileno(self) -> int:
        return self._fileno

    def write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            try:
                data = data[os.write(self._fileno, data) :]
            except BlockingIOError:
                select.select([], [self._fileno], [])
            except OSError:
                return  # it is gone; whoever reads from it notices

    def flush(self) -> None:
        pass


def _parent_of(pid: int) -> int:
    """The parent of a process, 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - not to import pathlib for it
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
