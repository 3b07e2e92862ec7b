"""The commands of the linear mode in this process: typed into a pipe, and what is said is in a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from plainlines import acting

from misfin.errors import MisfinError
from misfin_tui import config
from misfin_tui.config import Config
from misfin_tui.linear.command import command_for
from misfin_tui.linear.commands import COMMANDS
from misfin_tui.linear.desk import Desk
from misfin_tui.linear.reading import read
from misfin_tui.linear.terminal import LineTerminal
from misfin_tui.paths import Profile
from misfin_tui.services import Services
from misfin_tui.services.stopping import stop

WAIT = 60.0
"""Seconds until a command must have ended; none that a test types takes so long."""


class LineDesk:
    """A person at plain lines; nothing runs beside the commands."""

    def __init__(self, desk: Desk, typing: int, output: Path) -> None:
        self.desk = desk
        self._typing = typing
        self._output = output
        desk.use_config = self._use_config

    async def _use_config(self, config: Config) -> None:
        self.desk.services.config = config

    async def do(self, line: str, *answers: str) -> str:
        """Type a command, and these lines where it asks; returns what it said as one line."""
        before = self._output.stat().st_size
        os.write(self._typing, "".join(f"{answer}\n" for answer in answers).encode())
        try:
            async with asyncio.timeout(WAIT):
                if line[0].isdecimal():
                    await read(self.desk, line)
                else:
                    command, rest = command_for(line, COMMANDS)
                    await command.run(self.desk, rest)
        except MisfinError as error:
            await self.desk.report(error)
        except TimeoutError:
            raise AssertionError(f"it asks for more than was typed:\n{self._output.read_text()}") from None
        said = self._output.read_bytes()[before:]
        assert acting(said) == []
        widest = max(map(len, said.decode().split("\n")))
        assert widest < self.desk.terminal.width
        return " ".join(said.decode().split())

    async def until(self, line: str, holds: Callable[[str], bool]) -> str:
        """Type a command again and again until what it says is right."""
        async with asyncio.timeout(WAIT):
            while not holds(said := await self.do(line)):
                await asyncio.sleep(0.05)
        return said


@asynccontextmanager
async def at_lines(profile: Profile) -> AsyncIterator[LineDesk]:
    """Somebody at plain lines, as wide as ``COLUMNS`` says."""
    services = Services(profile, config.load(profile.config) if profile.config.exists() else Config())
    source, typing = os.pipe()
    output = profile.root.parent / "said"
    output.write_bytes(b"")
    target = os.open(output, os.O_WRONLY | os.O_APPEND)
    try:
        yield LineDesk(Desk(services, LineTerminal(source, target)), typing, output)
    finally:
        await stop(services)
        services.close()
        for each in (source, typing, target):
            os.close(each)
