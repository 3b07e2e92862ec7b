"""The receiver beside the app: a child process, or one that already runs for this profile.

It is the same command that runs headless on a server, so a flood of connections cannot make a key press wait.
"""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from misfin.post.receiver_lock import Running, running
from misfin.post.source import SourceState, SourceStatus
from misfin_tui.messages import Problem
from misfin_tui.paths import profile_at
from misfin_tui.services import standby
from misfin_tui.services.children import Child, end, ending, last_words

if TYPE_CHECKING:
    from misfin_tui.services import Services

READY_WITHIN = 20.0  # seconds until a child must have said that it listens
LOOK_AGAIN = 5.0  # seconds between two looks at a receiver that is not our child
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s\[\],;\"]+):\d{1,5}\b")


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """Whether mail is received here: ``addresses`` as ``HOST:PORT``, ``error`` why not, one sentence."""

    running: bool = False
    addresses: tuple[str, ...] = ()
    error: str = ""
    adopted: bool = False
    """It is not ours: it was running before and keeps running when the app ends."""


class Receiving:
    """Starts, watches and ends the receiver. Use it on the app's loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._state = ReceiverState()
        self._child: Child | None = None
        self._watching: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def state(self) -> ReceiverState:
        """The current state."""
        return self._state

    async def start(self) -> ReceiverState:
        """Start the receiver and wait until it listens, or adopt the one that runs; says why it does not."""
        async with self._starting:
            if self._state.running:
                return self._state
            note = await asyncio.to_thread(running, self._services.profile.runtime)
            if note is not None:
                await asyncio.to_thread(standby.dismiss)
                self._become(ReceiverState(True, _addresses(note), adopted=True))
                self._watching = asyncio.create_task(self._watch_other())
            else:
                await self._start_child()
            return self._state

    async def stop(self) -> None:
        """End the child, gracefully first; one that was adopted keeps running, but is no longer reported."""
        async with self._starting:
            child, self._child = self._child, None
            watching, self._watching = self._watching, None
            if child is not None:
                await end(child)  # its watcher then reads its pipes to the end, so that they close
            elif watching is not None:
                watching.cancel()
            if watching is not None:
                with suppress(asyncio.CancelledError):
                    await watching
            self._become(ReceiverState())

    def _become(self, state: ReceiverState) -> None:
        if state != self._state:
            self._state = state
            self._services.sources.report(_status(state))

    # ---- a child of ours

    def _command(self) -> list[str]:
        profile = self._services.profile
        place = ["--profile", str(profile.root)] if profile == profile_at(profile.root) else []
        return [sys.executable, "-m", "misfin_tui", *place, "receive", "--until-eof"]

    async def _start_child(self) -> None:
        try:
            # Its own session: ctrl+c and the hang-up of our terminal are ours to answer. Its standard input
            # is never written to: it closes when we end, however we end, and then the child ends too.
            child: Child = await standby.take(
                self._services.profile.root
            ) or await asyncio.create_subprocess_exec(
                *self._command(), stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
            )
        except OSError as error:
            self._become(ReceiverState(error=f"it could not be started: {error.strerror}"))
            return
        assert child.stdout is not None
        assert child.stderr is not None
        said = asyncio.create_task(last_words(child.stderr))
        try:
            async with asyncio.timeout(READY_WITHIN):
                ready = await child.stdout.readline()
        except (TimeoutError, ValueError):
            ready = b""
        except asyncio.CancelledError:  # the program ends meanwhile: stop() waits for us, we for the child
            await asyncio.shield(end(child))
            await asyncio.shield(said)
            raise
        if not ready:
            await end(child)
            self._become(ReceiverState(error=await said or "it did not start in time"))
            return
        self._child = child
        addresses = tuple(_ADDRESS.findall(ready.decode("utf-8", "replace")))
        self._become(ReceiverState(True, addresses))
        self._watching = asyncio.create_task(self._watch_child(child, said))

    async def _watch_child(self, child: Child, said: asyncio.Task[str]) -> None:
        """Read on so that the child never blocks on us, and say so when it ends by itself."""
        assert child.stdout is not None
        while await child.stdout.read(65536):
            pass
        status = await child.wait()
        words = await said
        await end(child)  # it has ended: what is left is our end of its pipes
        if self._child is child:  # nobody asked it to end
            self._child = None
            why = words or f"it ended unexpectedly ({ending(status)})"
            self._become(ReceiverState(error=why))
            self._services.post(
                Problem(
                    f"Mail is no longer being received here: {why}.",
                    "The command “Start or stop receiving mail here” starts it again.",
                )
            )

    # ---- somebody else's

    async def _watch_other(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            note = await asyncio.to_thread(running, self._services.profile.runtime)
            if note is None:
                self._become(ReceiverState(error="the receiver that was running has ended"))
                return
            self._become(ReceiverState(True, _addresses(note), adopted=True))


def _status(state: ReceiverState) -> SourceStatus:
    if state.running:
        # The same port over IPv4 and IPv6 is one to a person.
        ports = ", ".join(dict.fromkeys(f":{each.rpartition(':')[2]}" for each in state.addresses))
        return SourceStatus("", SourceState.RUNNING, f"receiving on {ports}" if ports else "receiving")
    if state.error:
        return SourceStatus("", SourceState.FAILED, f"not receiving: {state.error}")
    return SourceStatus("", SourceState.STOPPED, "not receiving")


def _addresses(found: Running) -> tuple[str, ...]:
    return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in found.addresses)
