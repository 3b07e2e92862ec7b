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
from misfin.post.marks import JobMarks
from misfin.post.sent_copies import SentCopies
from misfin.post.settling import Settled, interrupted, raised, sentence_of, settle
from misfin.post.transport import (
    Ask,
    Composed,
    Due,
    Ending,
    Job,
    Route,
    RouteConnection,
    RouteError,
    Transport,
)
from misfin.store.outgoing.outbox import TAKEN, Claim, DeliveryState, Outbox, OutboxRow, Outgoing, Question

if TYPE_CHECKING:
    from misfin.store.mail.maildir import MailStore

logger = logging.getLogger("misfin.courier")

_POLL = 1.0
"""Seconds between two looks at what other processes did: a question answered, a message queued."""
_TIDY = 30.0
"""Seconds between two looks for deliveries of dead processes and for missing copies in Sent."""
_KEEP_DELIVERED = 30 * 86400.0
_ROUTES_AT_ONCE = 8
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
        self._batch = {kind: each.capabilities.batch for kind, each in self._transports.items()}
        self._on_event = on_event
        self._now = now
        self._rand = rand
        self._connections = Connections()
        self._copies = SentCopies(outbox, store, self._copy_of, directory_of, self._complain)
        self._news = asyncio.Event()
        self._working: dict[asyncio.Task[None], JobMarks] = {}
        self._tried: dict[int, OutboxRow] | None = None
        self._tidied = float("-inf")
        self._complaint = ("", float("-inf"))
        self._stopping = False
        self._stopped = asyncio.Event()
        self._stopped.set()

    # ---- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until :meth:`stop` or cancellation; then what is being sent gets a few seconds to end."""
        self._stopping = False
        self._stopped.clear()
        try:
            while not self._stopping:
                self._news.clear()
                now = self._now()
                try:
                    await self._tidy_up(now)
                    due = await self._start_due(now)
                except Exception as error:  # whatever it is, the next message must not wait for a restart
                    self._complain(error)
                    due = now + _POLL
                self._connections.close_idle()
                await self._sleep(min(due - self._now(), _POLL))
        finally:
            await self._wind_down()
            self._stopped.set()

    async def run_once(self, only: Collection[int] | None = None) -> list[OutboxRow]:
        """Send everything that is due now (of the rows ``only``); return the rows tried, as they are now.

        With ``only``, waits for rows another process is just sending and for routes it is using.
        Raises :class:`StoreError`.
        """
        self._tried = {}
        try:
            await self._tidy_up(self._now())
            await asyncio.to_thread(self._release_answered)
            due_by = self._now()
            while True:
                self._news.clear()
                await self._start_due(due_by, only)
                if self._working:
                    await self._news.wait()
                elif only is not None and await asyncio.to_thread(self._elsewhere, only, due_by):
                    await self._sleep(_OTHERS)
                else:
                    return list(self._tried.values())
        finally:
            await self._wind_down()
            self._tried = None

    def wake(self) -> None:
        """Something was queued or freed: look at once. Call it on the event loop."""
        self._news.set()

    async def stop(self) -> None:
        """End :meth:`run` gracefully; returns when it has."""
        self._stopping = True
        self.wake()
        await self._stopped.wait()

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._news.wait()

    async def _start_due(self, due_by: float, only: Collection[int] | None = None) -> float:
        """Begin what is due and can begin; returns when to look again, if nothing happens before."""
        free = 0 if self._stopping else _ROUTES_AT_ONCE - len(self._working)
        due, claims = await self._claim(free, due_by, only)
        for claim in claims:
            for claimed in claim.deliveries:
                self._say(SendingStarted(claimed.row))
            marks = JobMarks(self._outbox, claim, self._now, self._say)
            task = asyncio.create_task(self._send(marks))
            self._working[task] = marks
            task.add_done_callback(self._finished)
        return due if due > due_by else due_by + _POLL  # whatever still waits, waits for its route

    async def _claim(
        self, most: int, due_by: float, only: Collection[int] | None
    ) -> tuple[float, list[Claim]]:
        claiming = asyncio.ensure_future(asyncio.to_thread(self._look, most, due_by, only))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # The thread claims all the same; a row nobody works on would stay "sending" until the next start.
            with suppress(StoreError):
                for claimed in (await claiming)[1]:
                    given_back = [interrupted(sent=False, now=self._now())] * len(claimed.deliveries)
                    await asyncio.to_thread(self._write_down, claimed, given_back)
            raise

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        self._news.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A message could not be handled.", exc_info=error)

    async def _wind_down(self) -> None:
        """Stop what has not been sent, wait a little for what has; both are written down."""
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

    # ---- one job ----------------------------------------------------------------------------------

    async def _send(self, marks: JobMarks) -> None:
        claim = marks.claim
        job = _job_of(claim)
        endings: Sequence[Ending] = ()
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
            endings = ()
            settled = [
                raised(error, each.history, sent=marks.is_sent(number), now=self._now(), rand=self._rand())
                for number, each in enumerate(claim.deliveries)
            ]
        await self._settle(claim, settled)
        if any(each.outcome.state in TAKEN for each in settled):
            self._copies.add(claim.message.group)
        if endings:
            await self._let_remember(job, endings)

    async def _try(self, job: Job, marks: JobMarks) -> Sequence[Ending]:
        """Send a job over the connection kept for its route, or over a new one."""
        transport = self._transports.get(job.message.kind)
        if transport is None:
            words = f"This version cannot send to addresses of this kind ({job.message.kind})."
            return [Ending(Ask(Question.PERSON), words)] * len(job.deliveries)
        connection = self._connections.take(job.route.name)
        if connection is not None:
            try:
                return await self._send_over(transport, connection, job, marks)
            except RouteError:  # the server has closed it meanwhile: a new one is worth a try
                if marks.sent:
                    raise
        return await self._send_over(transport, await transport.open(job.route), job, marks)

    async def _send_over(
        self, transport: Transport, connection: RouteConnection, job: Job, marks: JobMarks
    ) -> Sequence[Ending]:
        try:
            endings = await transport.send(job, connection, marks)
        except BaseException:
            self._connections.close(connection)
            raise
        self._connections.keep(job.route.name, connection, transport.capabilities.keep)
        return endings

    async def _let_remember(self, job: Job, endings: Sequence[Ending]) -> None:
        """Have the transport remember what a job showed; a failure in this must not lose anything."""
        transport = self._transports.get(job.message.kind)
        if transport is None:
            return
        try:
            for event in await asyncio.to_thread(_listed, transport, job, endings):
                self._say(event)
        except Exception as error:
            self._complain(error)

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

    async def _settle(self, claim: Claim, settled: Sequence[Settled]) -> None:
        """Write the endings down, however long our disk refuses: until then only we know them."""
        pause = 0.2
        while True:
            try:
                rows = await asyncio.to_thread(self._write_down, claim, settled)
                break
            except StoreError as error:
                self._complain(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._news.set()  # the route is free: the next job need not wait for what is left of this one
        for claimed, each in zip(claim.deliveries, settled, strict=True):
            if (row := rows.get(claimed.row.id)) is not None:
                self._report(row, each)

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
            for error in await asyncio.to_thread(self._tidy, now):
                self._complain(error)

    # ---- in a thread ------------------------------------------------------------------------------

    def _tidy(self, now: float) -> list[Exception]:
        """Clean up what was left behind. A failure here must not keep the next message from being sent."""
        errors: list[Exception] = []

        def attempt(step: Callable[[], object]) -> None:
            try:
                step()
            except Exception as error:
                errors.append(error)

        attempt(lambda: self._outbox.set_clock(now))
        attempt(lambda: self._outbox.recover(now))
        attempt(lambda: errors.extend(self._copies.file_missing()))
        attempt(lambda: self._outbox.prune(now - _KEEP_DELIVERED))
        return errors

    def _release_answered(self) -> None:
        for kind, name, pinned in self._outbox.questions():
            transport = self._transports.get(kind)
            answer = None if transport is None else transport.answered(name)
            if answer is not None and answer != pinned:
                self._outbox.release(kind, name, answer, self._now())

    def _look(self, most: int, due_by: float, only: Collection[int] | None) -> tuple[float, list[Claim]]:
        """Release what was answered, see when something is due, and claim what is."""
        self._release_answered()
        due = self._outbox.next_due()
        if due is None:
            return float("inf"), []
        if due > due_by or not most:
            return due, []
        return due, self._outbox.claims(self._now(), most, only=only, due_by=due_by, batch=self._batch)

    def _write_down(self, claim: Claim, settled: Sequence[Settled]) -> dict[int, OutboxRow]:
        """End the attempts durably; the rows as they are then."""
        now = self._now()
        endings = [
            (claimed, each.outcome, each.ending.transcript)
            for claimed, each in zip(claim.deliveries, settled, strict=True)
        ]
        self._outbox.finish(endings, now)
        with suppress(StoreError):  # it is written down; only the report is lost
            return {row.id: row for row in self._outbox.group(claim.message.group)}
        return {}

    def _elsewhere(self, only: Collection[int], due_by: float) -> bool:
        """Whether another process works on one of these rows, or uses the route of one that is due."""
        self._outbox.recover(self._now())  # it may have died meanwhile
        rows = [row for row_id in only if (row := self._outbox.row(row_id)) is not None]
        return any(
            row.state is DeliveryState.SENDING
            or (row.state in (DeliveryState.WAITING, DeliveryState.DEFERRED) and row.next_attempt <= due_by)
            for row in rows
        )

    def _copy_of(self, message: Outgoing) -> Composed | None:
        transport = self._transports.get(message.kind)
        return None if transport is None else transport.sent_copy(message)


def _job_of(claim: Claim) -> Job:
    deliveries = (
        Due(number, each.to, each.row.to, each.hops) for number, each in enumerate(claim.deliveries)
    )
    return Job(claim.message, Route(claim.route, claim.message.account), tuple(deliveries))


def _listed(transport: Transport, job: Job, endings: Sequence[Ending]) -> list[Event]:
    return list(transport.settled(job, endings))
