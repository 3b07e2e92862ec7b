"""The linear mode through pipes and on a terminal: lines in, lines out, and whether anything in them acts."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

WAIT = 60.0
"""Seconds until a line that a test waits for must have come; no test that passes waits so long."""


class Pipes:
    """One run of the program whose input and output are pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.written = b""

    @property
    def said(self) -> str:
        """Everything it wrote."""
        return self.written.decode("utf-8", "replace")

    @property
    def text(self) -> str:
        """The same with every line end as a space: where lines are wrapped is no matter."""
        return " ".join(self.said.split())

    async def send(self, *lines: str) -> None:
        """Type lines."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        await self.process.stdin.drain()

    async def until(self, wanted: str, after: int = 0) -> None:
        """Read until these words were said; ``after``: how many times they had been before."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(WAIT):
                while self.text.count(wanted) <= after:
                    data = await self.process.stdout.read(65536)
                    assert data, f"it ended without saying {wanted!r}; it said:\n{self.said}"
                    self.written += data
        except TimeoutError:
            raise AssertionError(f"never: {wanted!r}; it said:\n{self.said}") from None

    async def do(self, line: str, wanted: str) -> None:
        """Type a line and wait for words in the answer."""
        before = self.text.count(wanted)
        await self.send(line)
        await self.until(wanted, before)

    async def end(self) -> int:
        """Close its input, read the rest, and return its exit status."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        async with asyncio.timeout(WAIT):
            while data := await self.process.stdout.read(65536):
                self.written += data
            return await self.process.wait()


@asynccontextmanager
async def piped(root: Path, *words: str, environ: dict[str, str] | None = None) -> AsyncIterator[Pipes]:
    """The linear mode on a profile; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "misfin_tui",
        "--profile",
        str(root),
        "--linear",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "HOME": str(root.parent), "PYTHONIOENCODING": "utf-8", **(environ or {})},
    )
    try:
        yield Pipes(process)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()


def acting(written: bytes, allowed: str = "\n") -> list[str]:
    """Every character that a terminal would act on, or that hides something."""
    text = written.decode("utf-8", "replace")
    return [
        f"U+{ord(char):04X} in {text[max(at - 20, 0) : at + 20]!r}"
        for at, char in enumerate(text)
        if char not in allowed and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    ]
