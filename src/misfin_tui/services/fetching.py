"""The process that fetches e-mail beside the app: a child, or one that already runs for this profile.

It is the same command that runs alone on a server, so a mailbox of a hundred thousand messages cannot make a
key press wait.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.post.fetching.lock import Fetcher, fetcher, look_now
from misfin.post.source import SourceState, SourceStatus
from misfin_tui.paths import profile_at
from misfin_tui.services.children import Child, end, ending, last_words

if TYPE_CHECKING:
    from misfin_tui.services import Services

AGAIN = 30.0  # seconds after which a child that ended by itself is started again
LOOK_AGAIN = 2.0  # seconds between two looks at a process that is not our child
MAX_LINE = 64 * 1024  # bytes of one report


class Fetching:
    """Starts, watches and ends what fetches. Use it on the app's loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._child: Child | None = None
        self._adopted: Fetcher | None = None
        self._running: asyncio.Task[None] | None = None

    def accounts(self) -> list[str]:
        """The names of the accounts that fetch their mail, without those that are paused."""
        accounts = self._services.config.accounts.items()
        return [name for name, each in accounts if each.fetches and not each.paused]

    @property
    def adopted(self) -> bool:
        """Whether the process that fetches is not ours: it keeps the settings it was started with."""
        return self._adopted is not None

    async def start(self) -> None:
        """Have the mail of every account fetched from now on, unless there is none; at once if it runs."""
        if self._running is None and self.accounts():
            self._running = asyncio.create_task(self._keep_running())

    async def stop(self) -> None:
        """End the child; one that was adopted keeps running."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def restart(self) -> None:
        """The settings have changed: read them again."""
        await self.stop()
        for name in self._services.sources.names():
            if name and name not in self.accounts():
                self._services.sources.forget(name)
        await self.start()

    def look_now(self) -> None:
        """Look at every account at once, also at those that have given up."""
        found = self._adopted or (Fetcher(self._child.pid) if self._child else None)
        if found is not None:
            look_now(found)

    async def _keep_running(self) -> None:
        while True:
            found = await asyncio.to_thread(fetcher, self._services.profile.runtime)
            if found is not None:
                await self._watch_other(found)
            else:
                why = await self._run_child()
                self._report_all(SourceState.WAITING, f"not fetching: {why}")
                await asyncio.sleep(AGAIN)

    # ---- a child of ours

    def _command(self) -> list[str]:
        profile = self._services.profile
        place = ["--profile", str(profile.root)] if profile == profile_at(profile.root) else []
        return [sys.executable, "-m", "misfin_tui", *place, "fetch", "--follow", "--until-eof", "--json"]

    async def _run_child(self) -> str:
        """Run a child until it ends, and say why it did. Cancelled, it ends the child first."""
        try:
            # As for the receiver: its own session, and it ends when its standard input closes.
            child = await asyncio.create_subprocess_exec(
                *self._command(), stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True, limit=MAX_LINE
            )
        except OSError as error:
            return f"it could not be started: {error.strerror}"
        assert child.stdout is not None
        assert child.stderr is not None
        said = asyncio.create_task(last_words(child.stderr))
        self._child = child
        try:
            with suppress(ValueError):  # a line that is too long: nothing that this program prints
                while line := await child.stdout.readline():
                    self._take(line)
            status = await child.wait()
            return await said or f"it ended unexpectedly ({ending(status)})"
        finally:
            self._child = None
            await asyncio.shield(_ended(child, said))

    def _take(self, line: bytes) -> None:
        """One report of the child."""
        with suppress(ValueError, KeyError, TypeError):
            found = json.loads(line)
            status = SourceStatus(
                str(found["account_name"]), SourceState(found["state"]), str(found["sentence"])
            )
            self._services.sources.report(status)

    # ---- somebody else's

    async def _watch_other(self, found: Fetcher) -> None:
        self._adopted = found
        try:
            while self._adopted is not None:
                for status in self._adopted.statuses:
                    self._services.sources.report(status)
                await asyncio.sleep(LOOK_AGAIN)
                self._adopted = await asyncio.to_thread(fetcher, self._services.profile.runtime)
        finally:
            self._adopted = None

    def _report_all(self, state: SourceState, sentence: str) -> None:
        for name in self.accounts():
            self._services.sources.report(SourceStatus(name, state, sentence))


async def _ended(child: Child, said: asyncio.Task[str]) -> None:
    assert child.stdout is not None
    await end(child)
    while await child.stdout.read(65536):
        pass  # so that its pipe closes
    await said
