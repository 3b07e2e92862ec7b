"""The work on one route: a message after another, until nothing more is due there.

While the server takes a message, the next one is looked up and prepared. Once it is taken, the next one is
begun at once over the same connection, and meanwhile the end of the first is written down and the next one
claimed, in one transaction. That is only a beginning: nothing that could be delivered leaves before the claim
is there (marks.py). Where it is not, because somebody cancelled the message in that moment, the connection is
closed and what was claimed instead is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from misfin.errors import ClaimLostError, MisfinError, StoreError
from misfin.model.account import AddressKind
from misfin.post.connections import Connections
from misfin.post.events import Event, SendingStarted
from misfin.post.late_reports import LateReports
from misfin.post.marks import JobMarks
from misfin.post.outbox_turns import Ahead, Claimable, OutboxTurns, Turn, job_of
from misfin.post.settling import Settled, interrupted, raised, settle
from misfin.post.transport import Ask, Ending, Job, RouteConnection, RouteError, Transport
from misfin.store.outgoing.outbox import TAKEN, Claim, Outbox, OutboxRow, Question

logger = logging.getLogger("misfin.courier")

_LONGEST_PAUSE = 10.0
"""Seconds between two tries to write an ending down while the disk refuses."""


@dataclass(frozen=True, slots=True)
class CourierTools:
    """What a courier lends to the work on each of its routes; all of it lives on one event loop.

    ``ended`` is called with each row and how it ended, ``taken`` with each message that somebody's server has
    taken, ``free`` when a route is free again. ``closing`` says whether the courier stops, ``crowded``
    whether other routes wait for a place.
    """

    outbox: Outbox
    turns: OutboxTurns
    transports: Mapping[AddressKind, Transport]
    connections: Connections
    now: Callable[[], float]
    rand: Callable[[], float]
    say: Callable[[Event], None]
    complain: Callable[[Exception], None]
    ended: Callable[[OutboxRow, Settled], None]
    taken: Callable[[str], None]
    free: Callable[[], None]
    closing: Callable[[], bool]
    crowded: Callable[[], bool]


class RouteWork:
    """Sends what is claimed, then what of ``wanted`` is due next over the same route. Used once."""

    def __init__(self, claim: Claim, wanted: Claimable, tools: CourierTools) -> None:
        self._tools = tools
        self._wanted = wanted
        self._reports = LateReports(tools.outbox.sync, tools.complain)
        self._ahead: Ahead | None = None
        self._looking: asyncio.Future[Ahead | None] | None = None
        self._job = job_of(claim)
        self._say_begun(claim)
        self._marks = self._marks_of(claim)

    @property
    def sent(self) -> bool:
        """Whether something of the present message may have been sent and has not been refused."""
        return self._marks.sent

    async def run(self) -> None:
        """Work until nothing more is due. Cancel it to stop at once; what is known then is written down."""
        settling: asyncio.Task[Turn] | None = None
        turn = Turn({})
        try:
            while True:
                result = await self._attempt()
                if settling is not None:  # this one was begun before it was claimed
                    turn = await self._turn(settling)
                if (claim := await self._claim()) is not None:
                    settled = self._settled(claim, result)
                    ahead = self._found_ahead()
                    alone = self._tools.closing() or self._tools.crowded()
                    settling = asyncio.create_task(self._settle(claim, settled, ahead, alone=alone))
                    if ahead is not None and not alone and _leaves_the_route_alone(settled):
                        self._begin(ahead, settling)
                        continue
                    turn = await self._turn(settling)
                settling = None
                if not await self._take_on(turn):
                    return
        finally:
            self._reports.close()

    # ---- which message is next ----------------------------------------------------------------------

    async def _take_on(self, turn: Turn) -> bool:
        """Go on with what was claimed as the last message ended; whether there is anything."""
        if turn.following is None:
            return False
        if self._tools.closing():
            await self._give_back(turn.following)
            return False
        self._say_begun(turn.following)
        self._job = job_of(turn.following, turn.prepared)
        self._marks = self._marks_of(turn.following)
        return True

    def _begin(self, ahead: Ahead, settling: asyncio.Task[Turn]) -> None:
        """Go on with what is expected to be claimed as the last message ends."""

        async def claimed() -> Claim:
            turn = await asyncio.shield(settling)
            if (claim := turn.following) is None or not turn.confirms(ahead):
                raise ClaimLostError("Another message is next on the route.")
            self._ahead = turn.ahead
            self._say_begun(claim)
            return claim

        self._job = job_of(ahead.claim, ahead.prepared)
        self._marks = self._marks_of(ahead.claim, claimed)

    def _marks_of(self, claim: Claim, claimed: Callable[[], Awaitable[Claim]] | None = None) -> JobMarks:
        def leaving() -> None:
            self._reports.durable()
            if self._ahead is None and self._tools.turns.prepares(claim.message.kind):
                self._looking = asyncio.get_running_loop().run_in_executor(
                    None, self._tools.turns.look_ahead, claim.route, self._wanted
                )
                self._looking.add_done_callback(_looked)

        return JobMarks(self._tools.outbox, claim, self._tools.now, self._tools.say, leaving, claimed)

    def _found_ahead(self) -> Ahead | None:
        """What was looked up and prepared while the last message was sent, if that is done."""
        found, self._ahead = self._ahead, None
        looking, self._looking = self._looking, None
        if looking is not None and looking.done() and not looking.cancelled() and looking.exception() is None:
            return looking.result()
        return found

    async def _claim(self) -> Claim | None:
        """The claim on the present message; None where it was only begun, and is not ours."""
        try:
            return await self._marks.claimed()
        except ClaimLostError:
            return None

    def _say_begun(self, claim: Claim) -> None:
        for claimed in claim.deliveries:
            self._tools.say(SendingStarted(claimed.row))

    # ---- one message --------------------------------------------------------------------------------

    async def _attempt(self) -> Sequence[Ending] | BaseException:
        """Send the present message; how it ended, or what was raised."""
        try:
            return await self._try(self._job, self._marks)
        except asyncio.CancelledError as error:
            return error  # only the courier cancels; what became of the message is still written down
        except Exception as error:
            return error

    async def _try(self, job: Job, marks: JobMarks) -> Sequence[Ending]:
        """Send a job over the connection kept for its route, or over a new one."""
        transport = self._tools.transports.get(job.message.kind)
        if transport is None:
            words = f"This version cannot send to addresses of this kind ({job.message.kind})."
            return [Ending(Ask(Question.PERSON), words)] * len(job.deliveries)
        connections = self._tools.connections
        settings, connection = connections.settings, connections.take(job.route.name)
        if connection is not None:
            try:
                return await self._send_over(transport, connection, job, settings)
            except RouteError:  # the server has closed it meanwhile: a new one is worth a try
                if marks.sent:
                    raise
        await marks.claimed()
        settings = connections.settings
        return await self._send_over(transport, await transport.open(job.route), job, settings)

    async def _send_over(
        self, transport: Transport, connection: RouteConnection, job: Job, settings: int
    ) -> Sequence[Ending]:
        connections = self._tools.connections
        try:
            endings = await transport.send(job, connection, self._marks)
        except BaseException:
            connections.close(connection)
            raise
        connections.keep(job.route.name, connection, transport.capabilities.keep, settings)
        return endings

    def _settled(self, claim: Claim, result: Sequence[Ending] | BaseException) -> list[Settled]:
        """What is written down of each delivery."""
        now, rand, sent = self._tools.now, self._tools.rand, self._marks.is_sent
        if isinstance(result, asyncio.CancelledError):
            return [interrupted(sent=sent(each), now=now()) for each in range(len(claim.deliveries))]
        if not isinstance(result, BaseException):
            try:
                return [
                    settle(claimed.history, ending, now(), rand())
                    for claimed, ending in zip(claim.deliveries, result, strict=True)
                ]
            except Exception as error:  # such as fewer endings than deliveries
                result = error
        assert isinstance(result, Exception)
        if not isinstance(result, MisfinError):
            logger.error("An attempt to send a message failed unexpectedly.", exc_info=result)
        return [
            raised(result, each.history, sent=sent(number), now=now(), rand=rand())
            for number, each in enumerate(claim.deliveries)
        ]

    # ---- writing down -------------------------------------------------------------------------------

    async def _settle(
        self, claim: Claim, settled: Sequence[Settled], ahead: Ahead | None, *, alone: bool
    ) -> Turn:
        """Write the endings down, however long our disk refuses: until then only we know them.

        The next one of the route is claimed with that, unless this is to be done ``alone``.
        """
        pause = 0.2
        while True:
            wanted = None if alone or self._tools.closing() else self._wanted
            writing = asyncio.get_running_loop().run_in_executor(
                None, self._tools.turns.settle, claim, settled, wanted, ahead
            )
            try:
                turn = await asyncio.shield(writing)
                break
            except asyncio.CancelledError:
                with suppress(StoreError):  # the thread goes on, and may claim
                    await self._give_back((await writing).following)
                raise
            except StoreError as error:
                self._tools.complain(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._reports.add(lambda: self._report(claim, settled, turn))
        if turn.following is None:
            self._reports.durable()
            self._tools.free()
        if any(each.outcome.state in TAKEN for each in settled):
            self._tools.taken(claim.message.group)
        return turn

    async def _turn(self, settling: asyncio.Task[Turn]) -> Turn:
        """Wait for :meth:`_settle`; whoever is cancelled meanwhile has it give back what it claims."""
        try:
            return await asyncio.shield(settling)
        except asyncio.CancelledError:
            settling.cancel()
            await asyncio.wait([settling])
            if not settling.cancelled() and settling.exception() is None:
                await self._give_back(settling.result().following)
            raise

    async def _give_back(self, claim: Claim | None) -> None:
        if claim is not None:
            await asyncio.to_thread(self._tools.turns.give_back, claim)

    def _report(self, claim: Claim, settled: Sequence[Settled], turn: Turn) -> None:
        for claimed, each in zip(claim.deliveries, settled, strict=True):
            if (row := turn.rows.get(claimed.row.id)) is not None:
                self._tools.ended(row, each)
        for event in turn.events:
            self._tools.say(event)
        if turn.problem is not None:
            self._tools.complain(turn.problem)


def _leaves_the_route_alone(settled: Sequence[Settled]) -> bool:
    """Whether what else waits for the route may be sent now."""
    return not any(each.outcome.pin_name or each.outcome.whole_route for each in settled)


def _looked(looking: asyncio.Future[Ahead | None]) -> None:
    if not looking.cancelled() and (error := looking.exception()) is not None:
        logger.debug("Nothing was prepared ahead.", exc_info=error)
