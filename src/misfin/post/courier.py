"""The loop that empties the outbox: claims what is due, has it sent, and writes down what became of it.

Transports know how a message is sent (transport.py); the courier knows no protocol, no screen and no
settings file. Several couriers, in this process or others, may work on one outbox: the claims keep them
apart. Deliveries held for a question about a whole route continue once it is answered, by any process.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import MisfinError, StoreError
from misfin.post.connections import Connections
from misfin.post.events import Event, Trouble, event_of
from misfin.post.outbox_turns import Claimable, OutboxTurns
from misfin.post.rechecks import Rechecks
from misfin.post.route_work import CourierTools, RouteWork
from misfin.post.sent_copies import SentCopies
from misfin.post.settling import Settled, sentence_of
from misfin.post.transport import Transport
from misfin.store.outgoing.outbox import Claim, Outbox, OutboxRow

if TYPE_CHECKING:
    from misfin.store.mail.maildir import MailStore

logger = logging.getLogger("misfin.courier")

_POLL = 1.0
"""Seconds between two looks at what other processes did: a question answered, a message queued."""
_TIDY = 30.0
"""Seconds between two looks for deliveries of dead processes and for missing copies in Sent."""
_ROUTES_AT_ONCE = 8
_BUSY_PAUSE = 0.02
"""Seconds between two looks that may both find only routes in use."""
_WIND_DOWN = 5.0
"""Seconds a message that is just being sent gets when the courier is stopped."""
_OTHERS = 0.1
"""Seconds between two looks at what another process does with a delivery that we wait for."""
_SAY_AGAIN = 300.0
"""Seconds until the same trouble is reported once more."""


class Courier:
    """Sends what is due. Create, then :meth:`run` it as a task, or :meth:`run_once`.

    ``transports`` has one for each kind of mail, ``store`` is where copies of sent messages
    go; ``directory_of`` names the directory of an account's mail there. ``on_event`` is called on the event
    loop with each event (events.py); its errors are only logged. ``now`` is the clock (Unix seconds),
    ``rand`` gives numbers in 0..1.
    """

    def __init__(
        self,
        outbox: Outbox,
        transports: Iterable[Transport],
        store: MailStore,
        *,
        directory_of: Callable[[str], str] = str,
        on_event: Callable[[Event], object] = lambda _event: None,
        now: Callable[[], float] = time.time,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._transports = {transport.kind: transport for transport in transports}
        self._on_event = on_event
        self._now = now
        self._connections = Connections()
        self._turns = OutboxTurns(outbox, self._transports, now)
        self._copies = SentCopies(outbox, store, self._turns.copy_of, directory_of, self._complain)
        self._rechecks = Rechecks(
            outbox, self._transports, now, say=self._say, complain=self._complain, released=self.wake
        )
        self._news = asyncio.Event()
        self._working: dict[asyncio.Task[None], RouteWork] = {}
        self._tried: dict[int, OutboxRow] | None = None
        self._tidied = float("-inf")
        self._complaint = ("", float("-inf"))
        self._looked_in_vain = float("-inf")
        self._stopping = False
        self._winding_down = False
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._tools = CourierTools(
            outbox,
            self._turns,
            self._transports,
            self._connections,
            now,
            rand,
            say=self._say,
            complain=self._complain,
            ended=self._report,
            taken=self._copies.add,
            free=self.wake,
            closing=lambda: self._stopping or self._winding_down,
            crowded=lambda: len(self._working) >= _ROUTES_AT_ONCE,
        )

    # ---- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until :meth:`stop` or cancellation; then what is being sent gets a few seconds to end."""
        self._stopping = self._winding_down = False
        self._stopped.clear()
        try:
            while not self._stopping:
                self._news.clear()
                now = self._now()
                try:
                    await self._tidy_up(now)
                    due = await self._start_due(now, Claimable())
                except Exception as error:  # whatever it is, the next message must not wait for a restart
                    self._complain(error)
                    due = now + _POLL
                self._connections.close_idle()
                self._rechecks.begin_if_due()
                await self._sleep(min(due - self._now(), _POLL))
                await self._pause()
        finally:
            await self._wind_down()
            self._stopped.set()

    async def run_once(self, only: Collection[int] | None = None) -> list[OutboxRow]:
        """Send everything that is due now (of the rows ``only``); return the rows tried, as they are now.

        With ``only``, waits for rows another process is just sending and for routes it is using.
        Raises :class:`StoreError`.
        """
        self._tried = {}
        self._winding_down = False
        try:
            await self._tidy_up(self._now())
            await asyncio.to_thread(self._turns.release_answered)
            if only is None:
                await self._rechecks.look()
            due_by = self._now()
            wanted = Claimable(only, due_by)
            while True:
                self._news.clear()
                await self._start_due(due_by, wanted)
                if self._working:
                    await self._news.wait()
                elif only is not None and await asyncio.to_thread(self._turns.elsewhere, only, due_by):
                    await self._sleep(_OTHERS)
                else:
                    return list(self._tried.values())
        finally:
            await self._wind_down()
            self._tried = None

    def wake(self) -> None:
        """Something was queued or freed: look at once. Call it on the event loop."""
        self._news.set()

    def accounts_changed(self) -> None:
        """Accounts have other settings: connections are opened again, servers in question are looked at."""
        self._connections.renew()
        self._rechecks.soon()
        self.wake()

    async def stop(self) -> None:
        """End :meth:`run` gracefully; returns when it has."""
        self._stopping = True
        self.wake()
        await self._stopped.wait()

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._news.wait()

    async def _pause(self) -> None:
        """While all that is due waits for routes in use, a burst of wakes is worth a few looks only."""
        pause = self._looked_in_vain + _BUSY_PAUSE - time.monotonic()
        if pause > 0 and self._working and not self._stopping:
            await asyncio.sleep(pause)

    async def _start_due(self, due_by: float, wanted: Claimable) -> float:
        """Begin what is due and can begin; returns when to look again, if nothing happens before."""
        free = 0 if self._stopping else _ROUTES_AT_ONCE - len(self._working)
        due, claims = await self._claim(free, due_by, wanted)
        if free and not claims:
            self._looked_in_vain = time.monotonic()
        for claim in claims:
            work = RouteWork(claim, wanted, self._tools)
            task = asyncio.create_task(work.run())
            self._working[task] = work
            task.add_done_callback(self._finished)
        return due if due > due_by else due_by + _POLL  # whatever still waits, waits for its route

    async def _claim(self, most: int, due_by: float, wanted: Claimable) -> tuple[float, list[Claim]]:
        claiming = asyncio.ensure_future(asyncio.to_thread(self._turns.look, most, due_by, wanted.only))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            with suppress(StoreError):
                for claimed in (await claiming)[1]:
                    await asyncio.to_thread(self._turns.give_back, claimed)
            raise

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        self._news.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A message could not be handled.", exc_info=error)

    async def _wind_down(self) -> None:
        """Stop what has not been sent, wait a little for what has; both are written down."""
        self._winding_down = True
        await self._rechecks.stop()
        await asyncio.sleep(0)  # a task cancelled before its first step would never write anything down
        for task, work in self._working.items():
            if not work.sent:
                task.cancel()
        if self._working:
            await asyncio.wait(self._working, timeout=_WIND_DOWN)
        for task in self._working:
            task.cancel()
        if self._working:
            await asyncio.wait(self._working, timeout=_WIND_DOWN)
        await self._copies.finish()
        await self._connections.close_all()

    # ---- reporting ----------------------------------------------------------------------------------

    def _say(self, event: Event) -> None:
        """Report; a listener that fails must not lose a message."""
        try:
            self._on_event(event)
        except Exception:
            logger.exception("A listener for the courier's events failed.")

    def _complain(self, error: Exception) -> None:
        """Report a lasting problem once."""
        known = isinstance(error, MisfinError)
        text = sentence_of(error) if known else f"There was an internal error ({error!r}); please report it."
        now = self._now()
        if self._complaint[0] != text or not 0 <= now - self._complaint[1] < _SAY_AGAIN:
            self._complaint = (text, now)
            if not known:
                logger.error("The courier failed.", exc_info=error)
            self._say(Trouble(text))

    def _report(self, row: OutboxRow, settled: Settled) -> None:
        if self._tried is not None:
            self._tried[row.id] = row
        for event in settled.ending.events:
            self._say(event)
        if (ended := event_of(row)) is not None:
            self._say(ended)

    async def _tidy_up(self, now: float) -> None:
        if not 0 <= now - self._tidied < _TIDY:
            self._tidied = now
            for error in await asyncio.to_thread(self._turns.tidy, now, self._copies.file_missing):
                self._complain(error)
