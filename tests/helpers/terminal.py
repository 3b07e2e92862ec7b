"""The real program on a real terminal: bytes in, the screen out through an emulator, signals, size, the end.

``pyte`` draws what the program writes; modes and the keyboard protocol it does not know are kept here.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping
from contextlib import suppress

import pyte
from processes import busy

SIZE = (100, 30)
PATIENCE = float(os.environ.get("TERMINAL_PATIENCE", "60"))
"""Seconds until what a test waits for must have come; no test that passes waits so long."""
QUIET = 0.12
"""Seconds without a byte after which the program has taken up even an escape, whose rest it waits for."""
DONE = 0.05
"""Seconds without a byte after which a program that sleeps counts as done with what it was doing."""
PASTE_START, PASTE_END = b"\x1b[200~", b"\x1b[201~"

_MODE = re.compile(r"\x1b\[\?([\d;]+)([hl])")
_KITTY = re.compile(r"\x1b\[([<>])\d*u")
_UNKNOWN = re.compile(r"\x1b\[[<>=][\d;]*[a-zA-Z]|\x1b\[\?[\d;]*\$p|\x1b\[[\d;]*[ !\"'$*][a-zA-Z]")
_CUT = re.compile(r"\x1b(?:\[[^@-~]*)?\Z")

OFF = {
    1049: "alternate screen",
    1000: "mouse",
    1003: "mouse movements",
    1006: "mouse, SGR",
    1015: "mouse, urxvt",
    1016: "mouse, pixels",
    1004: "focus reports",
    2004: "bracketed paste",
    2026: "synchronized output",
    2048: "size reports",
}
ON = {7: "wrapping", 25: "cursor"}


class Terminal:
    """One program on a terminal of its own, as the leader of its session."""

    def __init__(
        self,
        *command: str,
        size: tuple[int, int] = SIZE,
        environ: Mapping[str, str | None] | None = None,
    ) -> None:
        wanted = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": None, "LINES": None}
        wanted |= environ or {}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # nohup, and shells for jobs in the background, let their children ignore these.
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)
            _set_size(0, size)
            there = {**os.environ, **wanted}
            os.execvpe(
                command[0], command, {name: value for name, value in there.items() if value is not None}
            )
        os.set_inheritable(self.fd, False)  # or a later program would keep this terminal open
        self.screen = pyte.Screen(*size)
        self._stream = pyte.Stream(self.screen)
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self.written = b""
        """Everything the program wrote."""
        self.modes: dict[int, bool] = {}
        self.kitty = 0
        """How often the keyboard protocol of kitty was switched on more than off."""
        self.status: int | None = None
        self._rest = ""
        self._shown = ""
        self.open = True
        self._gone = False

    # ---- out

    def read(self, seconds: float = 0.0) -> bool:
        """Take what it writes, waiting so long for the first of it; whether there was any."""
        if not self.open or self._gone or not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            data = b""
        if not data:
            self._gone = True
            return False
        self.written += data
        self._draw(self._decode(data))
        return True

    def _draw(self, text: str) -> None:
        text = self._rest + text
        cut = _CUT.search(text)
        self._rest = text[cut.start() :] if cut else ""
        text = text[: cut.start()] if cut else text
        for match in _MODE.finditer(text):
            for number in match[1].split(";"):
                self.modes[int(number)] = match[2] == "h"
        for match in _KITTY.finditer(text):
            self.kitty += 1 if match[1] == ">" else -1
        self._stream.feed(_UNKNOWN.sub("", text))

    @property
    def shown(self) -> str:
        """The screen as a person reads it."""
        if self.screen.dirty:  # putting it together costs more than most of what is written to it
            self.screen.dirty.clear()
            self._shown = "\n".join(line.rstrip() for line in self.screen.display)
        return self._shown

    @property
    def said(self) -> str:
        """Everything it wrote, without the sequences."""
        return re.sub(r"\x1b\[[^@-~]*[@-~]", "", self.written.decode("utf-8", "replace"))

    def until(self, wanted: str | Callable[[], object], patience: float = PATIENCE) -> None:
        """Wait until these words stand on the screen, or something holds."""
        if not self.soon(wanted, patience):
            raise AssertionError(f"never: {wanted!r}; on the screen:\n{self.shown}\n{self.written[-300:]!r}")

    def soon(self, wanted: str | Callable[[], object], patience: float) -> bool:
        """Whether it comes within so many seconds; returns as soon as it has."""
        holds = (lambda: wanted in self.shown) if isinstance(wanted, str) else wanted
        end = time.monotonic() + patience
        while not holds():
            if time.monotonic() > end:
                return False
            assert not self._gone, f"it ended with {self.wait()}; it wrote:\n{self.said[-2000:]}"
            self.read(0.05)
        return True

    def settle(self, quiet: float = DONE) -> None:
        """Read until nothing comes for a while, and the program is not just waiting for a processor."""
        end = time.monotonic() + PATIENCE
        while self.read(quiet) or (busy(self.pid) and time.monotonic() < end):
            pass

    @property
    def left_on(self) -> list[str]:
        """What a program that ended has to have switched off, or on again."""
        found = [name for mode, name in OFF.items() if self.modes.get(mode)]
        found += [f"no {name}" for mode, name in ON.items() if not self.modes.get(mode, True)]
        return found + (["kitty's keyboard"] if self.kitty > 0 else [])

    @property
    def cooked(self) -> bool:
        """Whether the line discipline is one a shell can work with."""
        local = termios.tcgetattr(self.fd)[3]
        return all(local & flag for flag in (termios.ECHO, termios.ICANON, termios.ISIG))

    # ---- in

    def send(self, data: bytes | str) -> None:
        """Type bytes; a program that takes none in time fails the test."""
        left = memoryview(data.encode() if isinstance(data, str) else data)
        end = time.monotonic() + PATIENCE
        while left:
            readable, writable, _ = select.select([self.fd], [self.fd], [], 1.0)
            if readable:
                self.read()
            if writable:
                left = left[os.write(self.fd, left[:2048]) :]
                end = time.monotonic() + PATIENCE
            assert time.monotonic() < end, "the program takes no input"

    def press(self, keys: bytes | str) -> None:
        """Type, and wait until the program is done with it."""
        self.send(keys)
        self.settle(2 * QUIET if keys in ("\x1b", b"\x1b") else DONE)

    def change(self, keys: bytes | str, patience: float = 0.5) -> None:
        """Type what changes the screen, and wait until it has and the program is done."""
        before = self.shown
        self.send(keys)
        self.soon(lambda: self.shown != before, patience)
        self.settle(QUIET)

    def paste(self, text: bytes | str) -> None:
        """Paste as terminals do, and wait until the program is done with it."""
        self.send(PASTE_START + (text.encode() if isinstance(text, str) else text) + PASTE_END)
        self.settle()

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size; the kernel tells the program."""
        self.screen.resize(rows, columns)
        _set_size(self.fd, (columns, rows))

    def kill(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    # ---- the end

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is None

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit status, as the shell has it; negative for a signal nothing handled."""
        end = time.monotonic() + patience
        while self.alive:
            assert time.monotonic() < end, f"it does not end; on the screen:\n{self.shown}"
            if not self.read(0.02):
                time.sleep(0.01)
        while self.read():
            pass
        assert self.status is not None
        return self.status

    def hang_up(self) -> None:
        """Close the terminal under it."""
        if self.open:
            self.open = False
            os.close(self.fd)

    def end(self) -> None:
        """Whatever it does, it is gone afterwards."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -signal.SIGKILL
        self.hang_up()


def program(*arguments: str) -> tuple[str, ...]:
    """The command that opens the program."""
    return (sys.executable, "-m", "misfin_tui", *arguments)


def _set_size(fd: int, size: tuple[int, int]) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
