"""Checks who wrote e-mails, in a process of its own that ends when nothing is left to check.

DNS, signatures and keys take a dozen megabytes, which the app would keep until it ends.
``python -m misfin_tui.services.author_process ROOT CACHE RUNTIME`` reads ids of messages, one a line, and
answers each with a line: a :class:`Checked`.
"""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from misfin.errors import MisfinError, StoreError

if TYPE_CHECKING:
    from misfin.store.rows import MessageRow
    from misfin_tui.paths import Profile
    from misfin_tui.services import Services


LOOK: Final = 0.2
"""Seconds between two looks at whether the program ends."""


class Checked(StrEnum):
    """What became of checking one message."""

    KNOWN = "known"
    """Asking again would find out nothing more."""
    OPEN = "open"
    """DNS did not say everything."""
    MISFIN = "misfin"
    """A receiver found out what there is to know."""
    FAILED = "failed"
    """It is gone, or the disk refuses."""


class AuthorProcess:
    """The process, started with the first message. Blocking, but for :data:`LOOK` seconds at most after
    ``stop`` says so."""

    def __init__(self, profile: Profile, stop: Callable[[], bool]) -> None:
        self._profile = profile
        self._stop = stop
        self._process: subprocess.Popen[bytes] | None = None

    def check(self, row: MessageRow) -> Checked:
        """Have a message checked; what is found out is kept and shown by the index.

        Raises :class:`StoreError` if there is no process to do it.
        """
        try:
            if self._process is None:
                self._process = self._start()
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(row.id.encode() + b"\n")
            self._process.stdin.flush()
            while not select.select([self._process.stdout], [], [], LOOK)[0]:
                if self._stop():
                    self._process.kill()
            return Checked(self._process.stdout.readline().decode().strip())
        except (OSError, ValueError) as error:  # it has ended
            raise StoreError("Senders cannot be checked: the process that does it has ended.") from error

    def _start(self) -> subprocess.Popen[bytes]:
        profile = self._profile
        arguments = map(str, (profile.root, profile.cache, profile.runtime))
        return subprocess.Popen(
            [sys.executable, "-m", "misfin_tui.services.author_process", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # ctrl+c and the hang-up of the terminal are for the program
        )

    def close(self) -> None:
        """Wait for its end: it ends by itself when nothing more can be asked."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate()


async def _answer(services: Services) -> None:
    authorship = services.mail.authorship
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        try:
            row = await services.mail.message(line.decode().rstrip("\n"))
            checked = await authorship.check(row)
        except StoreError:
            checked = Checked.FAILED
        print(checked, flush=True)


def main(arguments: list[str]) -> int:
    """Answer until standard input ends, at low priority."""
    from misfin_tui.config import load
    from misfin_tui.paths import Profile
    from misfin_tui.services import Services

    root, cache, runtime = map(Path, arguments)
    os.nice(10)
    profile = Profile(root, cache, runtime)
    try:
        services = Services(profile, load(profile.config, []))
        try:
            asyncio.run(_answer(services))
        finally:
            services.close()
    except (MisfinError, OSError):
        return 1  # the app sees that it has ended, and tries again with the next message
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
