"""What the app's child processes have in common: how they are ended, and what a failing one reports."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from contextlib import suppress
from typing import TypeAlias

from misfin_tui.services.standby import StandbyProcess

END_WITHIN = 6.0  # seconds a child gets to end its connections
MAX_SAID = 2000  # characters kept of what a failing child says

Child: TypeAlias = Process | StandbyProcess


async def end(child: Child) -> None:
    """End a child, gracefully first; also when there is no time left to wait for that it does not stay."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(END_WITHIN):
                await child.wait()
        except (TimeoutError, asyncio.CancelledError) as error:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
            if isinstance(error, asyncio.CancelledError):
                raise
    if child.stdin is not None:
        child.stdin.close()
        with suppress(OSError):
            await child.stdin.wait_closed()


async def last_words(stderr: asyncio.StreamReader) -> str:
    """The last line a child said on stderr, read to its end; the program's name before it is left out."""
    kept = ""
    while chunk := await stderr.read(65536):
        kept = (kept + chunk.decode("utf-8", "replace"))[-MAX_SAID:]
    lines = kept.strip().splitlines()
    return lines[-1].removeprefix("misfin-tui: ") if lines else ""


def ending(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
