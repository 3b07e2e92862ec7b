"""What is handed to other programs: a link to the opener, a message to a command or a file, a notice of
mail."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.store.rows import Completion
from misfin_tui.screentext import plain
from misfin_tui.services.newfile import expanded, write_new

if TYPE_CHECKING:
    from misfin_tui.services import Services

OPENERS = ("xdg-open", "gio open", "wslview") if sys.platform != "darwin" else ("open",)
WEB = ("http:", "https:", "file:")
"""How addresses that are for a browser begin."""
PRINTERS = ("lp", "lpr")
MAX_OUTPUT = 256 * 1024
"""Bytes kept of what a command prints; the rest is read and dropped, so that the command can end."""
MAX_ENTRIES = 20_000  # names of a folder that are looked at to complete one
TIME_LIMIT = 60.0  # seconds a command may take
REFUSES_WITHIN = 2.0  # seconds in which an opener says that it cannot; a browser is not waited for


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed and how it ended."""

    text: str
    status: int


class Outside:
    """Other programs, for the screens."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def opener(self, target: str = "") -> str:
        """The command that opens a link, or a file if ``target`` is empty. Blocking.

        Empty when there is none. For the web, ``$BROWSER`` comes before what the system offers.
        """
        if configured := self._services.config.ui.opener:
            return configured
        if target.lower().startswith(WEB) and (browser := _browser()):
            return browser
        return next((command for command in OPENERS if shutil.which(command.split()[0])), "")

    async def opener_named(self, target: str = "") -> str:
        """The same for a question: in words where there is none."""
        return await asyncio.to_thread(self.opener, target) or "nothing (no program to open it was found)"

    def printer(self) -> str:
        """The command that prints text from its input, empty when there is none. Blocking."""
        if configured := self._services.config.ui.print_command:
            return configured
        return next((command for command in PRINTERS if shutil.which(command)), "")

    async def open_link(self, target: str) -> None:
        """Give a link to the opener, as one argument and never to a shell. Raises :class:`LocalError`."""
        if target.startswith("-") or not target.isprintable():
            raise LocalError("This link contains suspicious characters; it was not opened.")
        await self._open(target, "link", target)

    async def open_file(self, path: Path) -> None:
        """Give a file of our own making to the opener. Raises :class:`LocalError`."""
        await self._open(str(path), "file", "")

    async def open_page(self, path: Path) -> None:
        """Open an HTML file, which is for a browser. Raises :class:`LocalError`."""
        await self._open(str(path), "file", path.as_uri())

    async def _open(self, target: str, what: str, address: str) -> None:
        try:
            command = shlex.split(await asyncio.to_thread(self.opener, address))
        except ValueError as error:
            raise LocalError("`opener` in [ui] of config.toml has an unclosed quote.") from error
        if not command:
            raise LocalError(
                f"No program to open a {what} was found.", remedy="Set one: `opener` in [ui] of config.toml."
            )
        try:
            process = await asyncio.create_subprocess_exec(
                *command, target, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise LocalError(f"{command[0]} could not be started: {error.strerror}.") from error
        try:
            async with asyncio.timeout(REFUSES_WITHIN):
                status = await process.wait()
        except TimeoutError:
            return
        if status:
            raise LocalError(f"{command[0]} could not open the {what} (exit status {status}).")

    async def pipe(self, data: bytes, command: str) -> Output:
        """Run a shell command of the user with ``data`` on its input.

        Raises :class:`LocalError` when it cannot be started or takes longer than a minute.
        """
        try:
            process = await asyncio.create_subprocess_shell(
                command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, start_new_session=True
            )
        except OSError as error:
            raise LocalError(f"The command could not be started: {error.strerror}.") from error
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(TIME_LIMIT):
                feeding = asyncio.ensure_future(_feed(process.stdin, data))
                kept = bytearray()
                while chunk := await process.stdout.read(65536):
                    kept += chunk[: MAX_OUTPUT - len(kept)]
                await feeding
                status = await process.wait()
        except TimeoutError as error:
            raise LocalError(f"The command took over {TIME_LIMIT:.0f} seconds and was stopped.") from error
        finally:
            await _killed(process)
        return Output(kept.decode("utf-8", "replace"), status)

    async def announce(self, sender: str, subject: str, count: int) -> None:
        """Run the notice command of the settings for new mail; facts travel in its environment only."""
        command = self._services.config.ui.notify_command
        if not command:
            return
        facts = {
            "MISFIN_SENDER": plain(sender, one_line=True),
            "MISFIN_SUBJECT": plain(subject, one_line=True),
            "MISFIN_COUNT": str(count),
        }
        try:
            process = await asyncio.create_subprocess_shell(
                command,
                env={**os.environ, **facts},
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=DEVNULL,
                start_new_session=True,
            )
            async with asyncio.timeout(TIME_LIMIT):
                await process.wait()
        except OSError as error:
            raise LocalError(f"The notice command could not be started: {error.strerror}.") from error
        except TimeoutError:
            await _killed(process)

    async def complete_path(self, begun: str) -> list[Completion]:
        """What the last part of a path could become; folders end in a slash."""
        return await asyncio.to_thread(_paths, begun)

    async def save(self, path: Path, data: bytes) -> Path:
        """Write a new file, mode 0600; returns where. Raises :class:`LocalError`, also when it exists."""
        return await asyncio.to_thread(_write, path, data)

    async def save_screenshot(self, svg: str, name: str = "", folder: str = "") -> Path:
        """Save a picture of the screen with the downloads, or at home; returns and raises as :meth:`save`."""
        return await asyncio.to_thread(_write_screenshot, svg, name, folder)


def _browser() -> str:
    """The first command of ``$BROWSER`` that exists; colons separate several, as xdg-open reads it."""
    for command in os.environ.get("BROWSER", "").split(":"):
        with suppress(ValueError, IndexError):  # a quote is not closed, or there is no word
            words = [word for word in shlex.split(command) if word != "%s"]  # the address comes last anyway
            if shutil.which(words[0]):
                return shlex.join(words)
    return ""


async def _killed(process: Process) -> None:
    """Kill a command with all it started, and wait until it is gone; one that has ended is left alone."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _feed(stdin: asyncio.StreamWriter, data: bytes) -> None:
    """Give a command its input; one that does not read all of it has its reasons."""
    try:
        stdin.write(data)
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        pass


def _paths(begun: str) -> list[Completion]:
    head, slash, name = begun.rpartition("/")
    found: list[str] = []
    try:
        with os.scandir(Path(head + slash or ".").expanduser()) as entries:
            for entry in islice(entries, MAX_ENTRIES):
                shown = entry.name.startswith(name) and (name or not entry.name.startswith("."))
                if shown and plain(entry.name, one_line=True) == entry.name:  # others cannot be typed
                    found.append(f"{entry.name}{'/' if entry.is_dir() else ''}")
    except (OSError, RuntimeError, ValueError):  # no such folder, no such user, no such name
        return []
    start = len(head) + len(slash)
    return [Completion(each, start, len(begun), "") for each in sorted(found)]


def _write_screenshot(svg: str, name: str, folder: str) -> Path:
    from platformdirs import user_downloads_path  # late: hardly ever needed

    where = Path(folder) if folder else user_downloads_path()
    if not folder and not where.is_dir():
        where = Path.home()
    name = name or f"misfin-tui {time.strftime('%Y-%m-%d %H-%M-%S')}.svg"
    return _write(where / name, svg.encode())


def _write(path: Path, data: bytes) -> Path:
    path = expanded(path)
    write_new(path, data)
    return path
