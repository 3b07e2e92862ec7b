"""The marks of one job: what may have been sent of it, in memory and durable in the outbox.

A job may be begun a moment before it is claimed, while the one before it is still being written down. Then
the first mark waits for the claim, and without it nothing leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import StoreError

if TYPE_CHECKING:
    from misfin.post.events import Event
    from misfin.post.transport import Due
    from misfin.store.outgoing.outbox import Claim, Outbox


class JobMarks:
    """What a transport is given for one job (:class:`~misfin.post.transport.Marks`). Used once.

    ``durable`` is called once a mark is. With ``claiming``, ``claim`` is only what is expected: ``claiming``
    returns the real one once it is there, and raises :class:`~misfin.errors.ClaimLostError` if it is another.
    """

    def __init__(
        self,
        outbox: Outbox,
        claim: Claim,
        now: Callable[[], float],
        say: Callable[[Event], object],
        durable: Callable[[], object] = lambda: None,
        claiming: Callable[[], Awaitable[Claim]] | None = None,
    ) -> None:
        self._claim = claim
        self._claiming = claiming
        self._say = say
        self._outbox = outbox
        self._now = now
        self._durable = durable
        self._sent: set[int] = set()

    def say(self, event: Event) -> None:
        """Report something at once."""
        self._say(event)

    @property
    def sent(self) -> bool:
        """Whether something of the job may have been sent and has not been refused."""
        return bool(self._sent)

    def is_sent(self, number: int) -> bool:
        """Whether this delivery may have been sent and has not been refused."""
        return number in self._sent

    async def claimed(self) -> Claim:
        """The claim of the job, once it is there. Raises :class:`~misfin.errors.ClaimLostError`."""
        if self._claiming is not None:
            self._claim = await self._claiming()
            self._claiming = None
        return self._claim

    async def sending(self, deliveries: Sequence[Due] = ()) -> None:
        """Make durable that these (all, if none are given) are about to be sent."""
        claimed = (await self.claimed()).deliveries
        numbers = [due.number for due in deliveries] or range(len(claimed))
        leaving = [claimed[number] for number in numbers]
        await asyncio.get_running_loop().run_in_executor(None, self._outbox.leaving, leaving, self._now())
        # From here to the first byte nothing is awaited.
        self._sent.update(numbers)
        self._durable()

    async def mark_refused(self) -> None:
        """Note that what was sent was refused, and nothing of the next attempt has been sent yet."""
        claimed = self._claim.deliveries
        mark_refused, self._sent = [claimed[number] for number in self._sent], set()
        with suppress(StoreError):  # the mark that stays is the careful one
            await asyncio.to_thread(self._outbox.mark_refused, mark_refused)
