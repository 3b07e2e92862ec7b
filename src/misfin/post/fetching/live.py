"""Keeps one account in sync until it is stopped: connect, sync, wait for a change on either side, repeat.

One connection does both, the passes and the waiting in between: they never need the server at the
same time, and some servers allow few connections. What fails on the way is tried again, later each time; what
only a person can change (a password, a certificate) is not tried again until somebody asks.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from misfin.email.mailline import LoginRefusedError, ServerBusyError
from misfin.email.sasl import SASLError
from misfin.errors import (
    HostUnknownError,
    LocalError,
    LocalProtocolError,
    MisfinError,
    RemoteError,
    StoreError,
)
from misfin.gmap.errors import MovedElsewhereError, NotForUsError, SlowDownError
from misfin.post.fetching.backoff import HEALTHY, Backoff, SleepDetector
from misfin.post.fetching.connection import Pollable, SyncConnection
from misfin.post.fetching.mailbox import SyncedMailbox
from misfin.post.fetching.progress import Progress
from misfin.post.imap.remote import ImapRemote
from misfin.post.imap.watching import Means, ServerWatch
from misfin.post.source import Inbox, SourceState, SourceStatus
from misfin.post.sync.settings import PassResult
from misfin.post.sync.values import SyncPoint
from misfin.trust.refusal import TrustError


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often, in seconds."""

    look: float = 300.0
    """All folders are asked for changes."""
    poll: float = 600.0
    """A maildrop is asked for new messages."""
    ask: float = 120.0
    """A server that reports nothing by itself is asked."""
    thorough: float = 1200.0
    """Everything is listed where a poll does not notice every change."""
    renew: tuple[float, float] = (480.0, 540.0)
    """A silent line is used, so that nobody on the way forgets it."""
    tick: float = 15.0
    """The clocks are compared."""
    gather: float = 0.3
    """What happens within this time after a change that was acted on at once is acted on together."""


USUAL: Final = Rhythm()
_ASKS = (TrustError, LoginRefusedError, SASLError, NotForUsError, MovedElsewhereError)
"""What a person has to decide or correct; trying again could lock the account."""


class LiveAccount:
    """One account kept in sync. ``connect`` opens a connection.

    ``look_now`` is set when somebody asks, ``changed`` when something has changed here. ``quiet`` blocks, and
    says which folders the next pass leaves alone.
    """

    def __init__(
        self,
        mailbox: SyncedMailbox,
        inbox: Inbox,
        connect: Callable[[], Awaitable[SyncConnection]],
        *,
        look_now: asyncio.Event,
        changed: asyncio.Event,
        stop: asyncio.Event,
        rhythm: Rhythm = USUAL,
        uniform: Callable[[float, float], float] = random.uniform,
        wall: Callable[[], float] = time.time,
        quiet: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._mailbox = mailbox
        self._inbox = inbox
        self._connect = connect
        self._look_now = look_now
        self._changed = changed
        self._stop = stop
        self._rhythm = rhythm
        self._quiet = quiet
        self._uniform = uniform
        self._sleep = SleepDetector(wall, time.monotonic)
        self._backoff = Backoff(uniform)
        self._account = mailbox.name
        self._progress = Progress(self._account, inbox.report)
        self._seen: dict[bytes, SyncPoint] = {}
        self._acted = -math.inf
        """When a change on the server was last acted on."""

    async def run(self) -> None:
        """Until ``stop`` is set; what goes wrong is reported."""
        while not self._stop.is_set():
            began = time.monotonic()
            crowded = False
            try:
                await self._connected()
                continue
            except _ASKS as error:
                self._report(SourceState.FAILED, f"not fetching: {error}")
                # A clock that was wrong makes certificates too old or too new, until it is set.
                await self._pause(None, until_jump=isinstance(error, TrustError))
                continue
            except RemoteError as error:
                crowded = isinstance(error, (ServerBusyError, SlowDownError))
                offline = "offline: " if isinstance(error, HostUnknownError) else ""
                self._report(SourceState.WAITING, f"{offline}{error}")
            except StoreError as error:
                self._report(SourceState.FAILED, f"not fetching: {error}")
            except LocalProtocolError as error:  # a server that left between two commands, for example
                self._report(SourceState.WAITING, f"the connection was given up: {error}")
            except LocalError as error:  # a password that cannot be read, settings that do not work
                self._report(SourceState.FAILED, f"not fetching: {error}")
                await self._pause(None, until_jump=False)
                continue
            if time.monotonic() - began > HEALTHY:
                self._backoff.reset()
            await self._pause(self._backoff.next(crowded=crowded))

    async def _pause(self, seconds: float | None, *, until_jump: bool = True) -> None:
        """Wait, but not longer than until somebody asks, or (``until_jump``) the clock has jumped.

        Without ``seconds`` only for that.
        """
        ends = None if seconds is None else time.monotonic() + seconds
        while not (self._stop.is_set() or self._look_now.is_set()):
            left = self._rhythm.tick if ends is None else min(self._rhythm.tick, ends - time.monotonic())
            if left <= 0 or (self._sleep.jumped() and until_jump):
                break
            await self._first([self._stop.wait(), self._look_now.wait()], left)
        self._look_now.clear()

    # ---- while connected

    async def _connected(self) -> None:
        connected = await self._connect()
        try:
            self._say_connected(connected.notices)
            only: Collection[bytes] | None = None
            while not self._stop.is_set():
                await self._pass(connected, only)
                if isinstance(connected.remote, ImapRemote):
                    only = await self._watch(connected.remote)
                elif isinstance(connected.remote, Pollable):
                    await self._poll(connected.remote)
                else:
                    break
        finally:
            await connected.close()
        if not self._stop.is_set():
            await self._pause(self._rhythm.poll)

    async def _pass(self, connected: SyncConnection, only: Collection[bytes] | None) -> None:
        self._look_now.clear()
        self._changed.clear()
        while True:
            result = await self._mailbox.once(
                connected.remote,
                self._inbox,
                only=only,
                quiet=await asyncio.to_thread(self._quiet),
                on_plan=self._progress.begin,
                on_arrival=self._progress.arrived,
            )
            self._say_result(result)
            if self._stop.is_set() or not connected.usable:
                return
            if result.again:
                only = None
            elif result.again_in is not None:
                only = ()
                await self._first([self._stop.wait()], result.again_in)
            else:
                return

    async def _poll(self, remote: Pollable) -> None:
        """Ask now and then, until there is something to do on either side, or a look at everything is due."""
        everything = time.monotonic() + self._rhythm.thorough
        while not self._stop.is_set():
            waits = [self._stop.wait(), self._look_now.wait(), self._changed.wait()]
            await self._first(waits, self._rhythm.ask)
            asked = self._look_now.is_set() or self._changed.is_set() or time.monotonic() >= everything
            if asked or (not self._stop.is_set() and await remote.changed()):
                return

    async def _watch(self, remote: ImapRemote) -> Collection[bytes] | None:
        """Wait for a change on either side; the folders to look at, or None for all of them."""
        points = await asyncio.to_thread(self._points)
        watch = ServerWatch(remote.session, points, self._seen)
        await watch.begin()
        now = time.monotonic()
        slow = self._rhythm.ask if watch.means is Means.ASKING else self._rhythm.look
        look, renew = now + slow, now + self._uniform(*self._rhythm.renew)
        found: Collection[bytes] | None = ()
        while not self._stop.is_set():
            until = min(look, renew, time.monotonic() + self._rhythm.tick) - time.monotonic()
            found = await self._changes(watch, max(0.0, until))
            if found or found is None:
                found = await self._more(watch, found)
                break
            if self._look_now.is_set() or self._changed.is_set():
                found = None if self._look_now.is_set() else ()
                break
            now = time.monotonic()
            if self._sleep.jumped() or now >= renew:
                await watch.alive()
                renew = now + self._uniform(*self._rhythm.renew)
            if now >= look:
                found = None
                break
        await watch.end()
        return found

    async def _changes(self, watch: ServerWatch, seconds: float) -> Collection[bytes] | None:
        """What the server reports, at once; nothing when the time is over, or somebody asks or stops us."""
        waiting = asyncio.ensure_future(watch.changes(seconds + 1.0))
        try:
            wakes = [self._stop.wait(), self._look_now.wait(), self._changed.wait()]
            await self._first(wakes, seconds, waiting)
            return waiting.result() if waiting.done() else ()
        finally:
            waiting.cancel()
            with suppress(asyncio.CancelledError, MisfinError):
                await waiting

    async def _more(self, watch: ServerWatch, found: Collection[bytes] | None) -> Collection[bytes] | None:
        """Nothing else after a quiet time: a message should be here at once. Else what follows soon."""
        ends = self._acted + self._rhythm.gather
        while found is not None and (left := ends - time.monotonic()) > 0:
            more = await self._changes(watch, left)
            found = None if more is None else {*found, *more}
        self._acted = time.monotonic()
        return found

    def _points(self) -> dict[bytes, SyncPoint]:
        return {folder.remote.raw: folder.point for folder in self._mailbox.state.folders()}

    async def _first(
        self, waits: Collection[Awaitable[object]], seconds: float, other: asyncio.Future[Any] | None = None
    ) -> None:
        """Until one of several has come, or the time is over."""
        tasks = [asyncio.ensure_future(each) for each in waits]
        futures = [*tasks, *([other] if other is not None else [])]
        try:
            await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    # ---- saying

    def _say_connected(self, notices: Collection[str]) -> None:
        self._report(SourceState.RUNNING, " ".join(["connected", *notices]))

    def _say_result(self, result: PassResult) -> None:
        if result.asking:
            names = ", ".join(folder.local for folder in result.asking)
            need = "needs" if len(result.asking) == 1 else "need"
            self._report(
                SourceState.FAILED,
                f"{names} {need} your decision: messages are missing here or on the server",
            )
        elif result.problems:
            self._report(SourceState.WAITING, result.problems[0])
        else:
            self._report(SourceState.RUNNING, " ".join(["in sync", *result.notices]))

    def _report(self, state: SourceState, sentence: str) -> None:
        self._inbox.report(SourceStatus(self._account, state, sentence))
