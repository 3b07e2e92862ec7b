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
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import MisfinError, StoreError
from misfin.post.connections import Connections
from misfin.post.events import Event, SendingStarted, Trouble, event_of
from misfin.post.late_reports import LateReports
from misfin.post.marks import JobMarks
from misfin.post.outbox_turns import Claimable, OutboxTurns, Turn, job_of
from misfin.post.rechecks import Rechecks
from misfin.post.sent_copies import SentCopies
from misfin.post.settling import Settled, interrupted, raised, sentence_of, settle
from misfin.post.transport import Ask, Ending, Job, RouteConnection, RouteError, Transport
from misfin.store.outgoing.outbox import TAKEN, Claim, Outbox, OutboxRow, Question

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
_LONGEST_PAUSE = 10.0
"""Seconds between two tries to write an ending down while the disk refuses."""
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
        self._rand = rand
        self._connections = Connections()
        self._turns = OutboxTurns(outbox, self._transports, now)
        self._copies = SentCopies(outbox, store, self._turns.copy_of, directory_of, self._complain)
        self._rechecks = Rechecks(
            outbox, self._transports, now, say=self._say, complain=self._complain, released=self.wake
        )
        self._news = asyncio.Event()
        self._working: dict[asyncio.Task[None], JobMarks] = {}
        self._looking: set[asyncio.Future[None]] = set()
        self._tried: dict[int, OutboxRow] | None = None
        self._tidied = float("-inf")
        self._complaint = ("", float("-inf"))
        self._looked_in_vain = float("-inf")
        self._stopping = False
        self._winding_down = False
        self._stopped = asyncio.Event()
        self._stopped.set()

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
            reports = LateReports(self._outbox.sync, self._complain)
            marks = self._begun(claim, wanted, reports)
            task = asyncio.create_task(self._send_all(marks, wanted, reports))
            self._working[task] = marks
            task.add_done_callback(self._finished)
        return due if due > due_by else due_by + _POLL  # whatever still waits, waits for its route

    async def _claim(self, most: int, due_by: float, wanted: Claimable) -> tuple[float, list[Claim]]:
        claiming = asyncio.ensure_future(asyncio.to_thread(self._turns.look, most, due_by, wanted.only))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            with suppress(StoreError):
                for claimed in (await claiming)[1]:
                    await self._give_back(claimed)
            raise

    async def _give_back(self, claim: Claim) -> None:
        """Let a claim go that nobody works on: it would stay "sending" until the next start."""
        given_back = [interrupted(sent=False, now=self._now())] * len(claim.deliveries)
        await asyncio.to_thread(self._turns.settle, claim, given_back, None)

    def _begun(self, claim: Claim, wanted: Claimable, reports: LateReports) -> JobMarks:
        def leaving() -> None:
            reports.durable()
            if self._turns.prepares(claim.message.kind):
                self._look_ahead(claim.route, wanted)

        for claimed in claim.deliveries:
            self._say(SendingStarted(claimed.row))
        return JobMarks(self._outbox, claim, self._now, self._say, leaving)

    def _look_ahead(self, route: str, wanted: Claimable) -> None:
        """While the server takes what was sent, prepare what comes next; what fails is only done later."""
        looking = asyncio.ensure_future(asyncio.to_thread(self._turns.look_ahead, route, wanted))
        self._looking.add(looking)
        looking.add_done_callback(self._looked)

    def _looked(self, looking: asyncio.Future[None]) -> None:
        self._looking.discard(looking)
        if not looking.cancelled() and (error := looking.exception()) is not None:
            logger.debug("Nothing was prepared ahead.", exc_info=error)

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
        for task, marks in self._working.items():
            if not marks.sent:
                task.cancel()
        if self._working:
            await asyncio.wait(self._working, timeout=_WIND_DOWN)
        for task in self._working:
            task.cancel()
        if self._working:
            await asyncio.wait(self._working, timeout=_WIND_DOWN)
        await self._copies.finish()
        await self._connections.close_all()

    # ---- one job after another on a route ------------------------------------------------------------

    async def _send_all(self, marks: JobMarks, wanted: Claimable, reports: LateReports) -> None:
        """Send what is claimed, then what is due next over the same route, until there is nothing more."""
        task = asyncio.current_task()
        assert task is not None
        try:
            turn = await self._send(marks, job_of(marks.claim), wanted, reports)
            while (claim := turn.following) is not None:
                if self._stopping or self._winding_down:
                    await self._give_back(claim)
                    return
                self._working[task] = marks = self._begun(claim, wanted, reports)
                turn = await self._send(marks, job_of(claim, turn.prepared), wanted, reports)
        finally:
            reports.close()

    async def _send(self, marks: JobMarks, job: Job, wanted: Claimable, reports: LateReports) -> Turn:
        """Send one job and write down what became of it; with that, the next one of its route is claimed."""
        claim = marks.claim
        try:
            endings = await self._try(job, marks)
            settled = [
                settle(claimed.history, ending, self._now(), self._rand())
                for claimed, ending in zip(claim.deliveries, endings, strict=True)
            ]
        except asyncio.CancelledError:
            # Only _wind_down cancels; what became of the message is still written down.
            sent = map(marks.is_sent, range(len(claim.deliveries)))
            settled = [interrupted(sent=each, now=self._now()) for each in sent]
        except Exception as error:
            if not isinstance(error, MisfinError):
                logger.exception("An attempt to send a message failed unexpectedly.")
            settled = [
                raised(error, each.history, sent=marks.is_sent(number), now=self._now(), rand=self._rand())
                for number, each in enumerate(claim.deliveries)
            ]
        turn = await self._settle(claim, settled, wanted)
        reports.add(lambda: self._report_all(claim, settled, turn))
        if turn.following is None:
            reports.durable()
        if any(each.outcome.state in TAKEN for each in settled):
            self._copies.add(claim.message.group)
        return turn

    async def _try(self, job: Job, marks: JobMarks) -> Sequence[Ending]:
        """Send a job over the connection kept for its route, or over a new one."""
        transport = self._transports.get(job.message.kind)
        if transport is None:
            words = f"This version cannot send to addresses of this kind ({job.message.kind})."
            return [Ending(Ask(Question.PERSON), words)] * len(job.deliveries)
        settings, connection = self._connections.settings, self._connections.take(job.route.name)
        if connection is not None:
            try:
                return await self._send_over(transport, connection, job, marks, settings)
            except RouteError:  # the server has closed it meanwhile: a new one is worth a try
                if marks.sent:
                    raise
        settings = self._connections.settings
        return await self._send_over(transport, await transport.open(job.route), job, marks, settings)

    async def _send_over(
        self, transport: Transport, connection: RouteConnection, job: Job, marks: JobMarks, settings: int
    ) -> Sequence[Ending]:
        try:
            endings = await transport.send(job, connection, marks)
        except BaseException:
            self._connections.close(connection)
            raise
        self._connections.keep(job.route.name, connection, transport.capabilities.keep, settings)
        return endings

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

    async def _settle(self, claim: Claim, settled: Sequence[Settled], wanted: Claimable) -> Turn:
        """Write the endings down, however long our disk refuses: until then only we know them.

        The next one of the route is claimed with that, unless others wait for a place.
        """
        pause = 0.2
        while True:
            alone = self._stopping or self._winding_down or len(self._working) >= _ROUTES_AT_ONCE
            writing = asyncio.ensure_future(
                asyncio.to_thread(self._turns.settle, claim, settled, None if alone else wanted)
            )
            try:
                turn = await asyncio.shield(writing)
                break
            except asyncio.CancelledError:
                with suppress(StoreError):  # the thread goes on, and may claim
                    if (following := (await writing).following) is not None:
                        await self._give_back(following)
                raise
            except StoreError as error:
                self._complain(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        if turn.following is None:
            self._news.set()  # the route is free
        return turn

    def _report_all(self, claim: Claim, settled: Sequence[Settled], turn: Turn) -> None:
        for claimed, each in zip(claim.deliveries, settled, strict=True):
            if (row := turn.rows.get(claimed.row.id)) is not None:
                self._report(row, each)
        for event in turn.events:
            self._say(event)
        if turn.problem is not None:
            self._complain(turn.problem)

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
