"""Checks servers again that mail is held for, and releases it once one is trusted without asking anybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from misfin.errors import MisfinError
from misfin.model.account import AddressKind
from misfin.post.events import CourierNotice, Event
from misfin.post.transport import Rechecking, Transport
from misfin.store.outgoing.deliveries import ABOUT_TRUST, DeliveryState
from misfin.store.outgoing.outbox import Outbox
from misfin.valueclass import dataclass

AGAIN = 900.0
"""Seconds between two looks at the same server."""
PATIENCE = 30.0
"""Seconds one look may take."""


@dataclass(frozen=True, slots=True)
class _Doubtful:
    """A server that an account's deliveries are held for."""

    kind: AddressKind
    account: str
    server: str
    held: tuple[int, ...]


class Rechecks:
    """The looks at all servers in question, one after another in the background. Lives on one event loop.

    ``released`` is called after mail was released, ``complain`` with what fails here, ``say`` with events.
    """

    def __init__(
        self,
        outbox: Outbox,
        transports: Mapping[AddressKind, Transport],
        now: Callable[[], float],
        *,
        say: Callable[[Event], object],
        complain: Callable[[Exception], object],
        released: Callable[[], object],
    ) -> None:
        self._outbox = outbox
        self._transports = {kind: each for kind, each in transports.items() if isinstance(each, Rechecking)}
        self._now = now
        self._say = say
        self._complain = complain
        self._released = released
        self._due = float("-inf")  # monotonic
        self._task: asyncio.Task[None] | None = None

    def begin_if_due(self) -> None:
        """Begin to look, unless that was done lately or is under way."""
        busy = self._task is not None and not self._task.done()
        if self._transports and not busy and time.monotonic() >= self._due:
            self._due = time.monotonic() + AGAIN
            self._task = asyncio.create_task(self.look())

    def soon(self) -> None:
        """The next :meth:`begin_if_due` is due: settings have changed."""
        self._due = float("-inf")

    async def stop(self) -> None:
        """Give up a look that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def look(self) -> None:
        """Look at every server that a person was asked about."""
        try:
            for doubtful in await asyncio.to_thread(self._doubtful):
                notices = await self._trusted(doubtful)
                if notices is None:
                    continue
                if await asyncio.to_thread(self._outbox.release_held, doubtful.held, self._now()):
                    self._released()
                for words in notices:
                    self._say(CourierNotice(words))
        except Exception as error:  # whatever it is, sending goes on
            self._complain(error)

    async def _trusted(self, doubtful: _Doubtful) -> Sequence[str] | None:
        """What to say about a server that is trusted by now; None where it is as doubtful as before."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._transports[doubtful.kind].recheck(doubtful.account, doubtful.server)
        except (MisfinError, TimeoutError):
            return None

    def _doubtful(self) -> list[_Doubtful]:
        found: dict[tuple[AddressKind, str, str], list[int]] = {}
        for row in self._outbox.rows([DeliveryState.HELD]):
            if row.question in ABOUT_TRUST and row.pin_name and row.kind in self._transports:
                found.setdefault((row.kind, row.account, row.pin_name), []).append(row.id)
        return [_Doubtful(*about, tuple(ids)) for about, ids in found.items()]
