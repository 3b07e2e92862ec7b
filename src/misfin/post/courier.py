"""The loop that empties the outbox: claims a message, hands it to its host, and writes down what became of
it.

It knows no screen and no settings file. Several couriers, in this process or others, may work on one outbox:
the claims keep them apart. Messages held for a certificate go on once the pin has moved, whoever moved it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from misfin.errors import IdentityError, MisfinError, StoreError
from misfin.net.client import HostOverride, MisfinClient
from misfin.post.attempt import Attempt, Ending, sentence_of
from misfin.post.events import (
    CourierNotice,
    Event,
    HostSeen,
    MailboxKeyChanged,
    SendingStarted,
    Trouble,
    event_of,
)
from misfin.post.notices import OnceNotice, about_host, about_identity
from misfin.post.retry import Reason
from misfin.post.sent_copy import write_sent_copy
from misfin.store.outgoing.outbox import Claim, DeliveryState, Outbox, OutboxRow
from misfin.trust.tofu import Decision, PinKind

if TYPE_CHECKING:
    from misfin.store.identities import IdentityStore
    from misfin.store.mail.maildir import MailStore
    from misfin.trust.identity import Identity
    from misfin.trust.pins import PinBook

logger = logging.getLogger("misfin.courier")

_POLL = 1.0
"""Seconds between two looks at what other processes did: a pin approved, a message queued."""
_TIDY = 30.0
"""Seconds between two looks for messages of dead processes and for missing copies in Sent."""
_KEEP_DELIVERED = 30 * 86400.0
_HOSTS_AT_ONCE = 8
_WIND_DOWN = 5.0
"""Seconds a message already on the wire gets when the courier is told to end."""
_OTHERS = 0.1
"""Seconds between two looks at what another process does with the very message somebody waits for."""
_LONGEST_PAUSE = 10.0
"""Seconds between two tries to write an ending down while the disk refuses."""
_SAY_AGAIN = 300.0
"""Seconds until the same trouble is told once more."""
_WORTH_SAYING = (Decision.FIRST_USE, Decision.RENEWED)


class Courier:
    """Sends what is due. Create, then :meth:`run` it as a task, or :meth:`run_once`.

    ``on_event`` is called on the event loop with each event (events.py); its errors are only logged.
    ``hosts`` gives some hosts another place or version, ``trust_on_first_use`` off holds messages to hosts
    never met, ``timeout`` is seconds to wait for an answer. ``now`` is the clock (Unix seconds), ``rand``
    gives numbers in 0..1.
    """

    def __init__(
        self,
        outbox: Outbox,
        pins: PinBook,
        identities: IdentityStore,
        store: MailStore,
        *,
        hosts: Mapping[str, HostOverride] | None = None,
        on_event: Callable[[Event], object] = lambda _event: None,
        trust_on_first_use: bool = True,
        timeout: float = 60.0,
        now: Callable[[], float] = time.time,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._pins = pins
        self._identities = identities
        self._store = store
        self._hosts = dict(hosts or {})
        self._on_event = on_event
        self._trust_on_first_use = trust_on_first_use
        self._timeout = timeout
        self._now = now
        self._rand = rand
        self._news = asyncio.Event()
        self._working: dict[asyncio.Task[None], Attempt] = {}
        self._tried: dict[int, OutboxRow] | None = None
        self._tidied = float("-inf")
        self._complaint = ("", float("-inf"))
        self._stopping = False
        self._stopped = asyncio.Event()
        self._stopped.set()

    # ---- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until :meth:`stop` or cancellation; then messages on the wire get a few seconds to end."""
        self._stopping = False
        self._stopped.clear()
        try:
            while not self._stopping:
                self._news.clear()
                now = self._now()
                try:
                    due = await self._prepare(now)
                    if due <= now:
                        await self._start_due(now)
                        due = now + _POLL  # whatever still waits, waits for its host
                except Exception as error:  # whatever it is, the next message must not wait for a restart
                    self._complain(error)
                    due = now + _POLL
                await self._sleep(min(due - self._now(), _POLL))
        finally:
            await self._wind_down()
            self._stopped.set()

    async def run_once(self, only: Collection[int] | None = None) -> list[OutboxRow]:
        """Send everything that is due now (of the rows ``only``); return the rows tried, as they are now.

        With ``only``, waits for rows another process is just sending and for hosts it is talking to.
        Raises :class:`StoreError`.
        """
        self._tried = {}
        try:
            await self._prepare(self._now())
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

    async def _start_due(self, due_by: float, only: Collection[int] | None = None) -> None:
        while len(self._working) < _HOSTS_AT_ONCE and not self._stopping:
            claim = await self._claim(due_by, only)
            if claim is None:
                return
            self._say(SendingStarted(claim.row))
            attempt = self._attempt_at(claim)
            task = asyncio.create_task(self._send(attempt))
            self._working[task] = attempt
            task.add_done_callback(self._finished)

    async def _claim(self, due_by: float, only: Collection[int] | None) -> Claim | None:
        claiming = asyncio.ensure_future(
            asyncio.to_thread(self._outbox.claim, self._now(), only=only, due_by=due_by)
        )
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # The thread claims all the same; a row nobody works on would stay "sending" till the next start.
            with suppress(StoreError):
                if (claim := await claiming) is not None:
                    ending = self._attempt_at(claim).interrupted(self._now())
                    await asyncio.to_thread(self._write_down, claim, ending)
            raise

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        self._news.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A message could not be handled.", exc_info=error)

    async def _wind_down(self) -> None:
        """Stop what has not left, wait a little for what has; both are written down."""
        await asyncio.sleep(0)  # a task cancelled before its first step would never write anything down
        for task, attempt in self._working.items():
            if not attempt.left:
                task.cancel()
        if self._working:
            await asyncio.wait(self._working, timeout=_WIND_DOWN)
        for task in self._working:
            task.cancel()
        if self._working:
            await asyncio.wait(self._working, timeout=_WIND_DOWN)

    # ---- one message -------------------------------------------------------------------------------

    async def _send(self, attempt: Attempt) -> None:
        try:
            ending = await self._attempt(attempt)
        except asyncio.CancelledError:
            # Only _wind_down cancels; what became of the message is still written down.
            ending = attempt.interrupted(self._now())
        except Exception as bug:
            logger.exception("An attempt to send a message broke.")
            ending = attempt.broken(bug, self._now())
        await self._settle(attempt.claim, ending)

    async def _attempt(self, attempt: Attempt) -> Ending:
        account = attempt.claim.row.account
        try:
            identity = await asyncio.to_thread(self._identities.load, account)
        except (IdentityError, StoreError) as error:
            return attempt.without_identity(error, self._now())
        client = MisfinClient(
            identity=identity,
            pins=self._pins,
            hosts=self._hosts,
            trust_on_first_use=self._trust_on_first_use,
            timeout=self._timeout,
            now=self._now,
        )
        complaints = await self._checked(identity)
        return await attempt.run(client, identity.address, self._now, self._rand(), complaints)

    async def _checked(self, identity: Identity) -> list[str]:
        """What is wrong with our identity; told once, and no reason to hold a message.

        See docs/protocol.md §4.3.
        """
        from misfin.trust.identity import check  # late: a courier is made before OpenSSL is there

        complaints = check(identity, datetime.fromtimestamp(self._now(), UTC))
        await self._tell_once(about_identity(identity, complaints))
        return complaints

    # ---- telling ----------------------------------------------------------------------------------

    def _say(self, event: Event) -> None:
        """Tell; a listener that fails is no reason to lose a message."""
        try:
            self._on_event(event)
        except Exception:
            logger.exception("Whoever listens to the courier failed.")

    def _complain(self, error: Exception) -> None:
        """Say once what goes on for long."""
        known = isinstance(error, MisfinError)
        text = sentence_of(error) if known else f"This program failed ({error!r}); please report it."
        now = self._now()
        if self._complaint[0] != text or not 0 <= now - self._complaint[1] < _SAY_AGAIN:
            self._complaint = (text, now)
            if not known:
                logger.error("The courier failed.", exc_info=error)
            self._say(Trouble(text))

    async def _tell_once(self, notices: Sequence[OnceNotice]) -> None:
        if notices:
            for text in await asyncio.to_thread(self._untold, notices):
                self._say(CourierNotice(text))

    def _attempt_at(self, claim: Claim) -> Attempt:
        async def mark_leaving() -> None:
            await asyncio.to_thread(self._outbox.leaving, claim, self._now())

        async def mark_refused() -> None:
            await asyncio.to_thread(self._outbox.refused, claim)

        return Attempt(claim, mark_leaving, mark_refused)

    async def _settle(self, claim: Claim, ending: Ending) -> None:
        """Write the ending down, however long our disk refuses: until then only we know it."""
        pause = 0.2
        while True:
            try:
                await asyncio.to_thread(self._write_down, claim, ending)
                break
            except StoreError as error:
                self._complain(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        if ending.outcome.state is DeliveryState.DELIVERED:
            try:
                await asyncio.to_thread(self._file_sent_copy, claim.row.group)
            except Exception as error:  # tried again when tidying up
                self._complain(error)
        try:
            await self._tell_ending(claim, ending)
        except StoreError as error:  # it is written down; only the news of it is lost
            self._complain(error)

    async def _tell_ending(self, claim: Claim, ending: Ending) -> None:
        row = await asyncio.to_thread(self._outbox.row, claim.row.id)
        if row is None:
            return
        if self._tried is not None:
            self._tried[row.id] = row
        delivery = ending.delivery
        if delivery is not None and delivery.certificate is not None and delivery.decision in _WORTH_SAYING:
            self._say(HostSeen(claim.row.host, delivery.decision, delivery.certificate))
        if (event := event_of(row)) is not None:
            self._say(event)
        if ending.outcome.fingerprint:
            address, fingerprint = claim.address.address, ending.outcome.fingerprint
            before = await asyncio.to_thread(
                self._pins.note_mailbox_key, address, fingerprint, now=self._now()
            )
            if before is not None:
                self._say(MailboxKeyChanged(address, before.fingerprint, fingerprint))
        if delivery is not None:
            await self._tell_once(about_host(claim.row.host, delivery))

    async def _prepare(self, now: float) -> float:
        """Tidy up, set free what was approved, and say when the next message is due."""
        if not 0 <= now - self._tidied < _TIDY:
            self._tidied = now
            for error in await asyncio.to_thread(self._tidy, now):
                self._complain(error)
        return await asyncio.to_thread(self._freed_and_due, now)

    # ---- in a thread ------------------------------------------------------------------------------

    def _tidy(self, now: float) -> list[Exception]:
        """Put right what was left behind. Nothing that fails here may keep the next message from leaving."""
        errors: list[Exception] = []

        def attempt(step: Callable[[], object]) -> None:
            try:
                step()
            except Exception as error:
                errors.append(error)

        def file_copies() -> None:
            for group in self._outbox.without_sent_copy():
                attempt(partial(self._file_sent_copy, group))

        attempt(lambda: self._outbox.set_clock(now))
        attempt(lambda: self._outbox.recover(now))
        attempt(file_copies)
        attempt(lambda: self._outbox.prune(now - _KEEP_DELIVERED))
        return errors

    def _untold(self, notices: Iterable[OnceNotice]) -> list[str]:
        now = self._now()
        with suppress(StoreError):  # told another time
            return [text for what, text in notices if not self._pins.already_reported(what, now=now)]
        return []

    def _freed_and_due(self, now: float) -> float:
        for name, pinned in self._outbox.questions():
            pin = self._pins.get(PinKind.HOST, name)
            if pin is not None and pin.spki_sha256 != pinned:
                self._outbox.release(name, pin.spki_sha256, now)
        due = self._outbox.next_due()
        return float("inf") if due is None else due

    def _write_down(self, claim: Claim, ending: Ending) -> None:
        outcome, now = ending.outcome, self._now()
        if not self._outbox.finish(claim, outcome, ending.transcript, now):
            return
        if outcome.pin_name:
            self._outbox.hold_host(claim, outcome, now)
        elif ending.reason in (Reason.HOST_AWAY, Reason.SLOW_DOWN):
            self._outbox.defer_host(claim, outcome.next_attempt, outcome.why, now)

    def _elsewhere(self, only: Collection[int], due_by: float) -> bool:
        """Whether another process works on one of these rows, or on the host of one that is due."""
        self._outbox.recover(self._now())  # it may have died meanwhile
        rows = [row for row_id in only if (row := self._outbox.row(row_id)) is not None]
        return any(
            row.state is DeliveryState.SENDING
            or (row.state in (DeliveryState.WAITING, DeliveryState.DEFERRED) and row.next_attempt <= due_by)
            for row in rows
        )

    def _file_sent_copy(self, group: str) -> None:
        write = partial(write_sent_copy, self._store, self._identities)
        self._outbox.file_sent_copy(group, write)
