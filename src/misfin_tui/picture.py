"""The first screen as it was last drawn, painted before the program that draws it is imported.

A picture is shown only while everything it was drawn from is unchanged: the terminal, the settings, the index
and the inboxes. Then it is what the program draws a moment later; otherwise the person waits that moment.
"""

from __future__ import annotations

import os
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misfin_tui import __version__

if TYPE_CHECKING:
    from misfin_tui.paths import Profile

ENTER = b"\x1b[?1049h"
"""The alternate screen: what was in the terminal before comes back at the end."""
_BEGIN = ENTER + b"\x1b[?25l\x1b[?7l\x1b[?2004h"  # pasted text must already be distinguished from keys
_END = b"\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l"
_ENVIRONMENT = ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE")
_OVERRULING = ("COLUMNS", "LINES", "TEXTUAL_DRIVER")  # the terminal is then not what it seems
MAX_SIZE = 1 << 20


class Picture:
    """The picture of one profile's first screen."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.path: Path = profile.cache / "first-screen"
        self.attributes: list[Any] | None = None
        """How the terminal was set up before; None unless the picture is on it."""

    # ---- at the start

    @contextmanager
    def painted(self) -> Iterator[None]:
        """The picture is on the terminal, if there is a current one, until the program draws over it.

        A program that ends before it has drawn anything leaves the terminal as it was.
        """
        self._paint()
        try:
            yield
        finally:
            self._take_down()

    def taken_over(self) -> list[Any] | None:
        """The program draws from now on; at its end it restores the state of the terminal returned here."""
        attributes, self.attributes = self.attributes, None
        return attributes

    def _paint(self) -> None:
        if any(name in os.environ for name in _OVERRULING):
            return
        try:
            keys, screen = sys.__stdin__.fileno(), sys.__stderr__.fileno()  # type: ignore[union-attr]  # without one: AttributeError
            size = tuple(os.get_terminal_size(screen))
            frame = self.frame((size[0], size[1]))
            if frame is None or not sys.__stdout__.isatty():  # type: ignore[union-attr]  # as above
                return
            before = termios.tcgetattr(keys)
            quiet = termios.tcgetattr(keys)
            quiet[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.IXOFF)
            quiet[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)  # ctrl+z must not leave it half-way
            termios.tcsetattr(keys, termios.TCSANOW, quiet)  # a key typed meanwhile waits, and is not echoed
        except (OSError, ValueError, AttributeError, termios.error):
            return
        self.attributes = before
        with suppress(OSError):
            _write(screen, _BEGIN + frame)

    def _take_down(self) -> None:
        attributes = self.taken_over()
        if attributes is not None:
            with suppress(OSError, termios.error):
                _write(sys.__stderr__.fileno(), _END)  # type: ignore[union-attr]  # it was painted there
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, attributes)  # type: ignore[union-attr]  # as above

    # ---- what is kept

    def frame(self, size: tuple[int, int]) -> bytes | None:
        """What to write to a terminal of this size; None when there is no current picture."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                facts = os.fstat(handle)
                if facts.st_uid != os.geteuid() or facts.st_mode & 0o022 or facts.st_size > MAX_SIZE:
                    return None
                data = os.read(handle, MAX_SIZE)
            finally:
                os.close(handle)
        except (OSError, AttributeError):
            return None
        stamp, _, frame = data.partition(b"\n")
        return frame if frame and stamp == self.stamp(size) else None

    def keep(self, frame: bytes, stamp: bytes) -> None:
        """Show this as long as the stamp is this one. Raises :class:`OSError`."""
        from misfin.files import write_private

        write_private(self.path, stamp + b"\n" + frame)

    def drop(self) -> None:
        """Show nothing at the next start."""
        with suppress(OSError):
            self.path.unlink()

    def carry_over(self, size: tuple[int, int], change: Callable[[], object]) -> None:
        """Do something that changes the files of the index but not its content."""
        frame = self.frame(size)
        inboxes = self._inboxes()
        change()
        if frame is not None and self._inboxes() == inboxes:
            with suppress(OSError):
                self.keep(frame, self.stamp(size))

    # ---- what it was drawn from

    def stamp(self, size: tuple[int, int]) -> bytes:
        """Everything that decides what the first screen looks like, in one line."""
        profile = self.profile
        files = [
            Path(__file__).parents[1],  # another version, or other libraries beside it
            profile.config,
            profile.index_db,
            profile.index_db.with_name(f"{profile.index_db.name}-wal"),
            *_inside(profile.themes),
        ]
        facts = [
            __version__,
            f"{size[0]}x{size[1]}",
            time.strftime("%Y-%m-%d %z"),
            *(f"{name}={os.environ.get(name)}" for name in _ENVIRONMENT),
            *sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("TEXTUAL")),
            *(_facts(file) for file in files),
            *self._inboxes(),
        ]
        return repr(facts).encode("ascii", "backslashreplace")

    def _inboxes(self) -> list[str]:
        accounts = _inside(self.profile.mail)
        return [_facts(account / folder) for account in accounts for folder in ("new", "cur")]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _facts(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError:
        return f"{path} -"
    if not facts.st_size:  # an index that is merely open has an empty file of changes beside it
        return f"{path} -"
    return f"{path} {facts.st_mtime_ns} {facts.st_size} {facts.st_ino}"


def _write(terminal: int, data: bytes) -> None:
    while data:
        data = data[os.write(terminal, data) :]
