"""How much a mailbox may hold: a message that does not fit is refused with 45 before it is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from misfin.model.status import StatusCode
from misfin.store.mail.maildir import MailStore
from misfin.wire import MisfinResponse

if TYPE_CHECKING:
    from misfin.net.incoming import Handler, Incoming

_MEASURE_AGAIN: Final = 60.0
"""Seconds until a mailbox is measured again: its owner may have deleted something."""
_FULL: Final = MisfinResponse(StatusCode.MAILBOX_FULL, "The mailbox is full; nothing was stored")


class GivenBytes(Protocol):
    """What mailboxes were given, added up: by this process, or by all that share it."""

    def add(self, key: str, amount: float, now: float) -> None:
        """Add to what a mailbox was given."""
        ...

    def total(self, key: str) -> float:
        """What a mailbox was given so far."""
        ...


class _OwnBytes:
    """What this process alone gave."""

    def __init__(self) -> None:
        self._given: dict[str, float] = {}

    def add(self, key: str, amount: float, now: float) -> None:
        self._given[key] = self.total(key) + amount

    def total(self, key: str) -> float:
        return self._given.get(key, 0.0)


@dataclass(slots=True)
class _Usage:
    """What a mailbox held when it was measured, and what it had been given by then; bytes."""

    measured: int = 0
    given: float = 0.0
    at: float = -_MEASURE_AGAIN


class MailboxQuota:
    """A handler that passes to ``deliver`` what fits into ``most`` bytes of a mailbox in ``store``.

    All folders count. A mailbox is measured once a minute at most, in a thread, and what it is given in
    between is added, so it may hold a few messages more. ``given`` adds that up where several processes do
    the same. For one event loop.
    """

    def __init__(
        self,
        deliver: Handler,
        store: MailStore,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        given: GivenBytes | None = None,
    ) -> None:
        self._deliver = deliver
        self._store = store
        self._most = most
        self._clock = clock
        self._given = given or _OwnBytes()
        self._known: dict[str, _Usage] = {}
        self._measuring = asyncio.Lock()

    async def __call__(self, incoming: Incoming) -> MisfinResponse:
        """Store a message, or refuse it; see :data:`misfin.net.incoming.Handler`."""
        mailbox = incoming.recipient.address.address
        usage = await self._usage(mailbox)
        size = len(incoming.request.message)
        # Sums may be forgotten where there are more mailboxes than shared memory has places for.
        since = max(0.0, self._given.total(mailbox) - usage.given)
        if usage.measured + since + size > self._most:
            return _FULL
        # At once: others that come meanwhile must not count on the same room.
        self._given.add(mailbox, size, self._clock())
        stored = False
        try:
            response = await self._deliver(incoming)
            stored = response.status // 10 == 2
        finally:
            if not stored:
                self._given.add(mailbox, -size, self._clock())
        return response

    async def _usage(self, directory: str) -> _Usage:
        usage = self._known.setdefault(directory, _Usage())
        if self._clock() - usage.at < _MEASURE_AGAIN:
            return usage
        async with self._measuring:
            if self._clock() - usage.at >= _MEASURE_AGAIN:
                before = self._given.total(directory)
                usage.measured = await asyncio.to_thread(mailbox_size, self._store, directory)
                usage.given = before
                usage.at = self._clock()
        return usage


def mailbox_size(store: MailStore, directory: str) -> int:
    """Bytes of all messages of a mailbox. Blocks. Raises :class:`~misfin.errors.StoreError`."""
    size = 0
    for folder in store.folders(directory):
        for entry in store.folder(directory, folder).list():
            with suppress(OSError):  # renamed or deleted meanwhile
                size += entry.path.stat().st_size
    return size
