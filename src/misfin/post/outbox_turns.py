"""What the courier does with the outbox: each step in one go, in a thread.

Ending one message and claiming the next one of its route is one step and one transaction, so that a burst
through one server costs few threads and few writes to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from misfin.errors import StoreError
from misfin.model.account import AddressKind
from misfin.post.events import Event
from misfin.post.settling import Settled, interrupted
from misfin.post.transport import Composed, Due, Ending, Job, Preparing, Route, Transport
from misfin.store.outgoing.outbox import (
    Claim,
    Claimed,
    DeliveryState,
    Outbox,
    OutboxRow,
    Outcome,
    Outgoing,
    Transcript,
)
from misfin.valueclass import dataclass

_KEEP_DELIVERED = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Claimable:
    """What may be claimed: of the rows ``only`` (None: of all), what was due at ``due_by`` (None: now)."""

    only: Collection[int] | None = None
    due_by: float | None = None


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is expected to be claimed next on a route, and what was prepared for its job.

    Nothing of it is claimed; the numbers of its attempts are 0.
    """

    claim: Claim
    prepared: object


@dataclass(frozen=True, slots=True)
class Turn:
    """One message is settled: its rows by id, and the claim on the next one of its route, if there is one.

    ``prepared`` is for the job of that one, ``ahead`` what comes after it, if that was looked up already.
    ``events`` is what the transport has to say about the settled one, ``problem`` why it could not be
    remembered.
    """

    rows: Mapping[int, OutboxRow]
    following: Claim | None = None
    prepared: object = None
    ahead: Ahead | None = None
    events: Sequence[Event] = ()
    problem: Exception | None = None

    def confirms(self, ahead: Ahead) -> bool:
        """Whether what was expected is claimed, to be sent just as it was prepared."""
        if self.following is None or self.prepared is not ahead.prepared:
            return False
        ids, expected = (
            [each.row.id for each in claim.deliveries] for claim in (self.following, ahead.claim)
        )
        return ids == expected and job_of(self.following) == job_of(ahead.claim)


class OutboxTurns:
    """The outbox as the courier uses it. Every method blocks, and raises :class:`StoreError`."""

    def __init__(
        self, outbox: Outbox, transports: Mapping[AddressKind, Transport], now: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._transports = transports
        self._batch = {kind: each.capabilities.batch for kind, each in transports.items()}
        self._preparing = {kind: each for kind, each in transports.items() if isinstance(each, Preparing)}
        self._now = now

    def tidy(self, now: float, file_missing: Callable[[], list[Exception]]) -> list[Exception]:
        """Clean up what was left behind. A failure here must not keep the next message from being sent."""
        errors: list[Exception] = []

        def attempt(step: Callable[[], object]) -> None:
            try:
                step()
            except Exception as error:
                errors.append(error)

        attempt(lambda: self._outbox.set_clock(now))
        attempt(lambda: self._outbox.recover(now))
        attempt(lambda: errors.extend(file_missing()))
        attempt(lambda: self._outbox.prune(now - _KEEP_DELIVERED))
        return errors

    def release_answered(self) -> None:
        """Let go what was held for a question that is answered now."""
        for kind, name, pinned in self._outbox.questions():
            transport = self._transports.get(kind)
            answer = None if transport is None else transport.answered(name)
            if answer is not None and answer != pinned:
                self._outbox.release(kind, name, answer, self._now())

    def look(self, most: int, due_by: float, only: Collection[int] | None) -> tuple[float, list[Claim]]:
        """Release what was answered, see when something is due, and claim what is."""
        self.release_answered()
        due = self._outbox.next_due()
        if due is None:
            return float("inf"), []
        if due > due_by or not most:
            return due, []
        return due, self._outbox.claims(self._now(), most, only=only, due_by=due_by, batch=self._batch)

    def settle(
        self,
        claim: Claim,
        settled: Sequence[Settled],
        wanted: Claimable | None,
        ahead: Ahead | None = None,
    ) -> Turn:
        """End the attempts durably, and claim what of ``wanted`` (None: of nothing) is next on the route.

        The next one is prepared, unless it was ``ahead``: then the one after it is. The transport remembers
        what the job showed. Where that fails, nothing is lost.
        """
        now = self._now()
        endings = _endings(claim, settled)
        following = None
        if wanted is None:
            self._outbox.finish(endings, now)
        else:
            following = self._outbox.finish_and_claim(
                endings,
                now,
                claim.route,
                only=wanted.only,
                due_by=wanted.due_by,
                batch=self._batch,
                known=None if ahead is None else ahead.claim.message,
            )
        rows: dict[int, OutboxRow] = {}
        with suppress(StoreError):  # it is written down; only the report is lost
            rows = {row.id: row for row in self._outbox.group(claim.message.group)}
        prepared = None if following is None else self._prepared(following.message, ahead)
        after = None
        if wanted is not None and ahead is not None and prepared is ahead.prepared:
            with suppress(Exception):  # whatever fails, it is looked up later instead
                after = self.look_ahead(claim.route, wanted)
        try:
            events = self._remembered(claim, [each.ending for each in settled])
            return Turn(rows, following, prepared, after, events)
        except Exception as error:
            return Turn(rows, following, prepared, after, problem=error)

    def give_back(self, claim: Claim) -> None:
        """Let a claim go that nobody works on: it would stay "sending" until the next start."""
        now = self._now()
        self._outbox.finish(_endings(claim, [interrupted(sent=False, now=now)] * len(claim.deliveries)), now)

    def prepares(self, kind: AddressKind) -> bool:
        """Whether a part of sending can be done ahead. Does not block."""
        return kind in self._preparing

    def look_ahead(self, route: str, wanted: Claimable) -> Ahead | None:
        """Prepare what comes next over a route, while the server works on what was sent over it.

        None where nothing comes, or nothing of it can be prepared.
        """
        due_by = self._now() if wanted.due_by is None else wanted.due_by
        claim = self._outbox.next_over(route, due_by, only=wanted.only, batch=self._batch)
        prepared = None if claim is None else self._prepared(claim.message)
        return None if claim is None or prepared is None else Ahead(claim, prepared)

    def _prepared(self, message: Outgoing, ahead: Ahead | None = None) -> object:
        transport = self._preparing.get(message.kind)
        before = ahead.prepared if ahead is not None and ahead.claim.message == message else None
        try:
            return None if transport is None else transport.prepare(message, before)
        except Exception:  # sending it will come to the same, and say so
            return None

    def _remembered(self, claim: Claim, endings: Sequence[Ending]) -> Sequence[Event]:
        transport = self._transports.get(claim.message.kind)
        return () if transport is None else list(transport.settled(job_of(claim), endings))

    def elsewhere(self, only: Collection[int], due_by: float) -> bool:
        """Whether another process works on one of these rows, or uses the route of one that is due."""
        self._outbox.recover(self._now())  # it may have died meanwhile
        rows = [row for row_id in only if (row := self._outbox.row(row_id)) is not None]
        return any(
            row.state is DeliveryState.SENDING
            or (row.state in (DeliveryState.WAITING, DeliveryState.DEFERRED) and row.next_attempt <= due_by)
            for row in rows
        )

    def copy_of(self, message: Outgoing) -> Composed | None:
        """The sender's own copy of a message, None where there is none to file."""
        transport = self._transports.get(message.kind)
        return None if transport is None else transport.sent_copy(message)


def _endings(claim: Claim, settled: Sequence[Settled]) -> list[tuple[Claimed, Outcome, Transcript]]:
    return [
        (claimed, each.outcome, each.ending.transcript)
        for claimed, each in zip(claim.deliveries, settled, strict=True)
    ]


def job_of(claim: Claim, prepared: object = None) -> Job:
    """A claim as a transport sees it."""
    deliveries = (
        Due(number, each.to, each.row.to, each.hops) for number, each in enumerate(claim.deliveries)
    )
    return Job(claim.message, Route(claim.route, claim.message.account), tuple(deliveries), prepared)
