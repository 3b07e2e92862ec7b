"""The durable queue of what is being sent: one row per delivery, and never a silent second copy.

A row is ``waiting`` until a courier claims it (``sending``). The courier makes "the request is about to
leave" durable before the first byte does. After a crash that mark decides: not there, and the row is
``waiting`` again; there, and the row is ``uncertain`` and only a person repeats it (docs/mail-on-disk.md §5).

Several processes may share the file. A claim names its owner so that a dead one is recognised (owners.py),
and every later step of a claim is conditional on still holding it: a row lost to a wrong guess, or cancelled
by a person, cannot leave.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

from misfin.errors import StoreError
from misfin.model.account import AddressKind
from misfin.model.recipient import Recipient
from misfin.store.database import Database
from misfin.store.outgoing import outbox_claims, outbox_clock, outbox_queue, outbox_tidying
from misfin.store.outgoing.deliveries import (
    TAKEN,
    AttemptRow,
    Claim,
    Claimed,
    DeliveryState,
    History,
    OutboxRow,
    Outcome,
    Outgoing,
    Phase,
    Question,
    Transcript,
)
from misfin.store.outgoing.outbox_file import STEPS, load_attempts, load_outgoing, load_rows
from misfin.store.owners import process_token

__all__ = [
    "TAKEN",
    "AttemptRow",
    "Claim",
    "Claimed",
    "DeliveryState",
    "History",
    "Outbox",
    "OutboxRow",
    "Outcome",
    "Outgoing",
    "Phase",
    "Question",
    "Transcript",
]

_AGAIN = """UPDATE delivery SET state = 'waiting', why = '', next_attempt = max(:now, hold_until * :undo),
    failures = 0, slowdowns = 0, since = 0, question = '', pin_name = '', pinned = '', changed = :now,
    target = coalesce(json_extract(hops, '$[#-1]'), '') """  # a redirect only proposed is forgotten
_ONE_BY_ONE: Final[Mapping[AddressKind, int]] = MappingProxyType({})


class Outbox:
    """The queue in one SQLite file. Thread-safe; each method is one transaction, durable when it returns.

    Every method raises :class:`StoreError` when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owner = f"{process_token()}/{os.urandom(6).hex()}"
        self._db = Database(path, "The outbox", STEPS)

    def close(self) -> None:
        """Close the file. A row still claimed here stays as after a crash, for :meth:`recover` to judge."""
        self._db.close()

    # ---- putting in -------------------------------------------------------------------------------

    def enqueue(
        self,
        *,
        account: str,
        recipients: Sequence[Recipient],
        message: bytes,
        subject: str,
        now: float,
        kind: AddressKind = AddressKind.MISFIN,
        cc: Sequence[Recipient] = (),
        bcc: Sequence[Recipient] = (),
        attachments: Sequence[str] = (),
        size: int | None = None,
        hold_until: float = 0.0,
        draft: bytes = b"",
        token: str = "",
    ) -> list[int]:
        """Queue a message for every recipient in one transaction; return the ids of the deliveries.

        ``message`` is what the transport of ``kind`` keeps of it, ``size`` (bytes) how large it is when sent
        where that differs. Nothing is sent before ``hold_until`` (undo send). ``draft`` comes back from
        :meth:`outgoing`. A ``token`` already queued and not cancelled gives its rows again, not a second
        message: a caller may die between queueing a draft and forgetting it.
        """
        with self._db.write_soon():
            ids, new = outbox_queue.put_in(
                self._db,
                (recipients, cc, bcc),
                now=now,
                hold_until=hold_until,
                account=account,
                kind=kind,
                attachments=attachments,
                subject=subject,
                message=message,
                size=len(message) if size is None else size,
                draft=draft,
                token=token,
            )
        try:
            self._db.sync()  # of a known one too: whoever queued it may have died before this
        except StoreError:
            with suppress(StoreError), self._db.write():
                outbox_queue.take_out(self._db, ids if new else [])
            raise
        return ids

    # ---- looking ----------------------------------------------------------------------------------

    def rows(self, states: Iterable[DeliveryState] | None = None) -> list[OutboxRow]:
        """Every row, or those in ``states``: newest message first, its recipients in their order."""
        return load_rows(
            self._db,
            "WHERE d.state IN (SELECT value FROM json_each(?)) ORDER BY m.created DESC, m.rowid DESC, d.id",
            (json.dumps(list(DeliveryState if states is None else states)),),
        )

    def row(self, row_id: int) -> OutboxRow | None:
        """The row with this id, or None where there is none."""
        return next(iter(load_rows(self._db, "WHERE d.id = ?", (row_id,))), None)

    def group(self, group: str) -> list[OutboxRow]:
        """All deliveries of one message."""
        return load_rows(self._db, "WHERE d.message = ? ORDER BY d.id", (group,))

    def attempts(self, row_id: int) -> list[AttemptRow]:
        """The transcripts of a row, oldest first."""
        return load_attempts(self._db, row_id)

    def outgoing(self, group: str) -> Outgoing | None:
        """The message as submitted, or None where it is not known (any more)."""
        return load_outgoing(self._db, group)

    def next_due(self) -> float | None:
        """When the next row is due, or None when nothing waits."""
        return outbox_claims.next_due(self._db)

    def generation(self) -> tuple[int, int]:
        """A value that differs whenever this or another process changed the queue; cheap to ask."""
        return self._db.generation()

    def attachments(self) -> set[str]:
        """The keys of every file that a queued message needs, now or to become a draft again."""
        found = self._db.read("SELECT DISTINCT value FROM message, json_each(message.attachments)")
        return {key for (key,) in found}

    def questions(self) -> list[tuple[AddressKind, str, str]]:
        """The open questions of whole routes: kind, what it is about, its state ("" for unknown)."""
        found = self._db.read(
            "SELECT DISTINCT m.kind, d.pin_name, d.pinned FROM delivery d JOIN message m ON m.id = d.message"
            " WHERE d.state = 'held' AND d.pin_name <> ''"
        )
        return [(AddressKind(kind), name, pinned) for kind, name, pinned in found]

    # ---- sending ----------------------------------------------------------------------------------

    def claim(
        self,
        now: float,
        *,
        only: Collection[int] | None = None,
        due_by: float | None = None,
        batch: Mapping[AddressKind, int] = _ONE_BY_ONE,
    ) -> Claim | None:
        """The first of :meth:`claims`, or None."""
        return next(iter(self.claims(now, 1, only=only, due_by=due_by, batch=batch)), None)

    def claims(
        self,
        now: float,
        most: int,
        *,
        only: Collection[int] | None = None,
        due_by: float | None = None,
        batch: Mapping[AddressKind, int] = _ONE_BY_ONE,
    ) -> list[Claim]:
        """Take what is due next over routes that nobody uses, one claim for each, and begin the attempts.

        ``only`` limits it to these rows, ``due_by`` to those that were due at that earlier time. ``batch``
        says how many deliveries of one message and route may be claimed together, by kind; one otherwise.
        Atomic between processes, and so is "one connection at a time per route". A power cut may undo it
        until :meth:`leaving` makes it durable, and nothing was sent then.
        """
        due_by = now if due_by is None else due_by
        found: list[Claim] = []
        with self._db.write_soon():
            while len(found) < most and (
                claim := outbox_claims.take(self._db, self.owner, now, only, due_by, batch)
            ):
                found.append(claim)
        return found

    def leaving(self, deliveries: Iterable[Claimed], now: float) -> None:
        """Make durable that these are about to leave; to be called before the first byte, on every try.

        Raises :class:`ClaimLostError` when one was cancelled or taken meanwhile: then none may be sent.
        """
        with self._db.write_soon():
            for claimed in deliveries:
                outbox_claims.mark_leaving(self._db, self.owner, claimed, now)
        self._db.sync()

    def mark_refused(self, deliveries: Iterable[Claimed]) -> None:
        """Make durable that the server refused what had left: nothing is outstanding between two tries.

        Another :meth:`leaving` must come before anything else leaves. Does nothing to a row no longer ours.
        """
        with self._db.write():
            for claimed in deliveries:
                outbox_claims.mark_refused(self._db, self.owner, claimed)

    def finish(self, endings: Iterable[tuple[Claimed, Outcome, Transcript]], now: float) -> list[bool]:
        """End attempts, all at once; False where a row was no longer ours (then only its transcript is kept).

        What else waits for a route shares a question about it, or waits as long, at once: nobody can claim it
        in between. A row that left and that another process took for abandoned (uncertain) is still ours to
        settle: we know better than it how the attempt ended.
        """
        with self._db.write():
            return [outbox_claims.end(self._db, self.owner, *ending, now) for ending in endings]

    def finish_and_claim(
        self,
        endings: Iterable[tuple[Claimed, Outcome, Transcript]],
        now: float,
        route: str,
        *,
        only: Collection[int] | None = None,
        due_by: float | None = None,
        batch: Mapping[AddressKind, int] = _ONE_BY_ONE,
        known: Outgoing | None = None,
    ) -> Claim | None:
        """:meth:`finish`, and :meth:`claim` what is due next over ``route``, in one transaction.

        Durable when it returns None; otherwise with the next :meth:`leaving`, or :meth:`sync`. ``known`` is
        the message that is expected, which need not be read again then.
        """
        by = now if due_by is None else due_by
        with self._db.together():
            follows = outbox_claims.follows(self._db, route, by)
            with self._db.write_soon() if follows else self._db.write():
                for ending in endings:
                    outbox_claims.end(self._db, self.owner, *ending, now)
                claim = outbox_claims.take(self._db, self.owner, now, only, by, batch, route, known)
        if follows and claim is None:
            self._db.sync()
        return claim

    def next_over(
        self,
        route: str,
        due_by: float,
        *,
        only: Collection[int] | None = None,
        batch: Mapping[AddressKind, int] = _ONE_BY_ONE,
    ) -> Claim | None:
        """What :meth:`claim` would take next over a route once that is free; nothing is claimed.

        The numbers of its attempts are 0, so that it can do nothing in place of a claim.
        """
        with self._db.together():
            return outbox_claims.next_over(self._db, route, due_by, only, batch)

    def sync(self) -> None:
        """Make durable what is not yet."""
        self._db.sync()

    def set_clock(self, now: float) -> int:
        """Where the clock went back since a row began to wait, let it wait only as long as was meant.

        A wrong year must not keep mail waiting until that year. A time that a person chose stays. Returns how
        many rows there were.
        """
        with self._db.write():
            return outbox_clock.put_back(self._db, now)

    def recover(self, now: float) -> list[OutboxRow]:
        """Settle rows whose owner is dead: waiting again, or uncertain if they were leaving. Return them."""
        with self._db.write():
            return outbox_claims.end_dead(self._db, self.owner, now)

    # ---- what a person decides --------------------------------------------------------------------

    def release(self, kind: AddressKind, name: str, pinned: str, now: float) -> int:
        """The subject of the question ``name`` is now in the state ``pinned``: release the rows held for it.

        Returns how many. Should the question come up again, they are held again.
        """
        return self._again(
            "state = 'held' AND pin_name = :name AND pinned <> :pinned"
            " AND (SELECT kind FROM message WHERE id = delivery.message) = :kind",
            {"kind": kind, "name": name, "pinned": pinned, "now": now, "undo": True},
        )

    def release_held(self, ids: Collection[int], now: float) -> int:
        """What these rows were held for is settled: release those that are still held; how many that are."""
        return self._again(
            "state = 'held' AND id IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps(list(ids)), "now": now, "undo": True},
        )

    def retry(self, row_id: int, now: float) -> bool:
        """Try a row again now, whatever it waited for or came to; its three days start again.

        Only a person does this: nothing else repeats an uncertain row. False where it is being sent, taken or
        gone. A redirect nobody followed is forgotten: the host is asked again.
        """
        return bool(
            self._again(
                "id = :id AND state <> 'sending' AND state NOT IN ('delivered', 'accepted')",
                {"id": row_id, "now": now, "undo": False},
            )
        )

    def follow(self, row_id: int, to: Recipient, now: float) -> OutboxRow | None:
        """Send a redirected copy where its redirect points, ``to``; None where it is not held for that."""
        with self._db.write():
            found = self._db.execute(
                "SELECT hops FROM delivery WHERE id = ? AND state = 'held' AND target = ?"
                " AND question IN ('redirect-once', 'redirect-always')",
                (row_id, to.address),
            ).fetchone()
            if found is None:
                return None
            self._db.execute(
                "UPDATE delivery SET route = ?, hops = ? WHERE id = ?",
                (to.route, json.dumps([*json.loads(found[0]), to.address]), row_id),
            )
            self._db.execute(f"{_AGAIN} WHERE id = :id", {"id": row_id, "now": now, "undo": False})
        return self.row(row_id)

    def cancel(self, *row_ids: int, now: float) -> bool:
        """Stop these deliveries, all or none; False where one has begun to leave, is taken or gone."""
        with self._db.write():
            return outbox_claims.cancel(self._db, row_ids, now)

    def _again(self, where: str, values: Mapping[str, object]) -> int:
        with self._db.write():
            return self._db.execute(f"{_AGAIN} WHERE {where}", values).rowcount

    # ---- keeping ----------------------------------------------------------------------------------

    def without_sent_copy(self) -> list[str]:
        """Messages that reached somebody and have no copy in Sent yet."""
        found = self._db.read(
            "SELECT DISTINCT m.id FROM message m JOIN delivery d ON d.message = m.id"
            " WHERE m.sent_copy = 0 AND d.state IN ('delivered', 'accepted')"
        )
        return [group for (group,) in found]

    def file_sent_copies(
        self, groups: Iterable[str], write: Callable[[Sequence[Outgoing]], Iterable[str]]
    ) -> list[str]:
        """Have ``write`` store copies in Sent, each once, and note those whose groups it returns; these.

        No other process files them meanwhile, but a crash between a file and our note of it repeats the call:
        ``write`` must then come to the same file again.
        """
        missing = (
            "SELECT id FROM message WHERE NOT sent_copy AND id IN (SELECT value FROM json_each(?))"
            " ORDER BY rowid"
        )
        with self._db.write():
            left = self._db.read(missing, (json.dumps(list(groups)),))
            messages = [message for (group,) in left if (message := self.outgoing(group)) is not None]
            done = list(write(messages)) if messages else []
            self._db.executemany("UPDATE message SET sent_copy = 1 WHERE id = ?", [(each,) for each in done])
            return done

    def remove(self, row_id: int) -> bool:
        """Take a finished row (taken, with its copy in Sent; failed; cancelled) out of the list."""
        with self._db.write():
            return outbox_tidying.remove(self._db, row_id)

    def prune(self, before: float) -> int:
        """Forget messages finished before this time, each copy taken or cancelled; return how many."""
        with self._db.write():
            return outbox_tidying.prune(self._db, before)
