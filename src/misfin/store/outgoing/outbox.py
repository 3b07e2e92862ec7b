"""The durable queue of letters on their way out: one row per recipient, and never a silent second copy.

A row is ``waiting`` until a courier claims it (``sending``). The courier makes "the request is about to
leave" durable before the first byte does. After a crash that mark decides: not there, and the row is
``waiting`` again; there, and the row is ``uncertain`` and only a person repeats it (docs/mail-on-disk.md §5).

Several processes may share the file. A claim names its owner so that a dead one is recognised (owners.py),
and every later step of a claim is conditional on still holding it: a row lost to a wrong guess, or cancelled
by a person, cannot leave.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from misfin.errors import ClaimLostError
from misfin.model.address import MisfinAddress
from misfin.store.database import Database
from misfin.store.outgoing.deliveries import (
    AttemptRow,
    Claim,
    DeliveryState,
    History,
    OutboxRow,
    Outcome,
    Outgoing,
    Phase,
    Question,
    Transcript,
)
from misfin.store.outgoing.outbox_file import (
    SCHEMA,
    host_key,
    load_attempts,
    load_outgoing,
    load_rows,
    with_port,
)
from misfin.store.owners import is_alive, process_token

__all__ = [
    "AttemptRow",
    "Claim",
    "DeliveryState",
    "History",
    "Outbox",
    "OutboxRow",
    "Outcome",
    "Outgoing",
    "Phase",
    "Question",
    "Transcript",
    "host_key",
    "with_port",
]

_AGAIN = """UPDATE letter SET state = 'waiting', why = '', next_attempt = max(:now, hold_until * :undo),
    failures = 0, slowdowns = 0, since = 0, question = '', question_name = '', pinned = '', changed = :now,
    target = coalesce(json_extract(hops, '$[#-1]'), '') """  # a redirect only proposed is forgotten
_STOPPABLE = """SELECT id FROM letter WHERE id IN (SELECT value FROM json_each(:ids))
    AND state <> 'delivered' AND NOT (state = 'sending' AND leaving)"""
_CANCEL = """UPDATE letter SET state = 'cancelled', why = '', owner = '', question = '', question_name = '',
    pinned = '', changed = :now WHERE id IN (SELECT value FROM json_each(:ids))"""
_REQUEST_HEAD = 2048  # bytes of a request kept in its transcript: a whole B request, or a C header and more
_CLOCK_SLACK = 60.0  # seconds a clock may be put back unnoticed: NTP corrects by less
_INTERRUPTED = "The program ended before the letter was sent."
_UNCERTAIN = "The program ended while the letter was leaving; it may have arrived."


class Outbox:
    """The queue in one SQLite file. Thread-safe; each method is one transaction, durable when it returns.

    Every method raises :class:`StoreError` when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owner = f"{process_token()}/{uuid.uuid4().hex[:12]}"
        self._db = Database(path, "The outbox", (SCHEMA,))

    def close(self) -> None:
        """Close the file. A row still claimed here stays as after a crash, for :meth:`recover` to judge."""
        self._db.close()

    # ---- putting in -------------------------------------------------------------------------------

    def enqueue(
        self,
        *,
        account: str,
        recipients: Sequence[str],
        message: bytes,
        subject: str,
        now: float,
        hold_until: float = 0.0,
        draft: bytes = b"",
        token: str = "",
    ) -> list[int]:
        """Queue ``message`` (gemmail, C form) for every recipient in one transaction; return the row ids.

        ``recipients`` are ``mailbox@host[:port]``. Nothing leaves before ``hold_until`` (undo send).
        ``draft`` comes back from :meth:`outgoing`. A ``token`` already queued and not cancelled gives its
        rows again, not a second letter: a caller may die between queueing a draft and forgetting it.

        Raises :class:`AddressError` for a recipient that is not an address; then nothing was queued.
        """
        addresses = [MisfinAddress.parse(text) for text in recipients]
        group = uuid.uuid4().hex
        with self._db.write():
            if token and (
                known := self._db.execute(
                    "SELECT l.id FROM letter l JOIN message m ON m.id = l.message"
                    " WHERE m.token = ? AND l.state <> 'cancelled' ORDER BY l.id",
                    (token,),
                ).fetchall()
            ):
                return [row_id for (row_id,) in known]
            names = json.dumps([with_port(address) for address in addresses])
            self._db.execute(
                "INSERT INTO message (id, account, recipients, subject, message, draft, token, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (group, account, names, subject, message, draft, token, now),
            )
            return [
                self._db.insert(
                    "INSERT INTO letter (message, address, host, next_attempt, hold_until, changed)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (group, with_port(address), host_key(address), max(now, hold_until), hold_until, now),
                )
                for address in addresses
            ]

    # ---- looking ----------------------------------------------------------------------------------

    def rows(self, states: Iterable[DeliveryState] | None = None) -> list[OutboxRow]:
        """Every row, or those in ``states``: newest letter first, its recipients in their order."""
        wanted = json.dumps(list(DeliveryState if states is None else states))
        return load_rows(
            self._db,
            "WHERE l.state IN (SELECT value FROM json_each(?)) ORDER BY m.created DESC, m.rowid DESC, l.id",
            (wanted,),
        )

    def row(self, row_id: int) -> OutboxRow | None:
        """The row with this id, or None where there is none."""
        return next(iter(load_rows(self._db, "WHERE l.id = ?", (row_id,))), None)

    def group(self, group: str) -> list[OutboxRow]:
        """All recipients of one letter."""
        return load_rows(self._db, "WHERE l.message = ? ORDER BY l.id", (group,))

    def attempts(self, row_id: int) -> list[AttemptRow]:
        """The transcripts of a row, oldest first."""
        return load_attempts(self._db, row_id)

    def outgoing(self, group: str) -> Outgoing | None:
        """The letter as submitted, or None where it is not known (any more)."""
        return load_outgoing(self._db, group)

    def next_due(self) -> float | None:
        """When the next row wants to leave, or None when nothing waits."""
        ((due,),) = self._db.read(
            "SELECT min(next_attempt) FROM letter WHERE state IN ('waiting', 'deferred')"
        )
        return None if due is None else float(due)

    def generation(self) -> tuple[int, int]:
        """A value that differs whenever this or another process changed the queue; cheap to ask."""
        return self._db.generation()

    def questions(self) -> list[tuple[str, str]]:
        """The open questions about trust: name of the host's pin, and the SPKI hash it had ("" for none)."""
        found = self._db.read(
            "SELECT DISTINCT question_name, pinned FROM letter"
            " WHERE state = 'held' AND question IN ('changed-certificate', 'first-use')"
        )
        return [(name, pinned) for name, pinned in found]

    # ---- sending ----------------------------------------------------------------------------------

    def claim(
        self, now: float, *, only: Collection[int] | None = None, due_by: float | None = None
    ) -> Claim | None:
        """Take the next row that is due for a host nobody is talking to, and begin its attempt.

        ``only`` limits it to these rows, ``due_by`` to those that were due at that earlier time. Atomic
        between processes, and so is "one connection at a time per host".
        """
        with self._db.write():
            due = self._db.execute(
                "SELECT id FROM letter WHERE state IN ('waiting', 'deferred') AND next_attempt <= :due"
                " AND (:only IS NULL OR id IN (SELECT value FROM json_each(:only)))"
                " AND host NOT IN (SELECT host FROM letter WHERE state = 'sending')"
                " ORDER BY next_attempt, id LIMIT 1",
                {
                    "due": now if due_by is None else due_by,
                    "only": None if only is None else json.dumps(list(only)),
                },
            ).fetchone()
            if due is None:
                return None
            (row_id,) = due
            attempt = self._db.insert(
                "INSERT INTO attempt (letter, started, phase) VALUES (?, ?, 'claimed')", (row_id, now)
            )
            self._db.execute(
                "UPDATE letter SET state = 'sending', owner = ?, attempt = ?, leaving = 0, changed = ?,"
                " attempts = attempts + 1, since = CASE since WHEN 0 THEN ? ELSE since END WHERE id = ?",
                (self.owner, attempt, now, now, row_id),
            )
            message, hops, *history = self._db.execute(
                "SELECT m.message, l.hops, l.failures, l.slowdowns, l.since FROM letter l"
                " JOIN message m ON m.id = l.message WHERE l.id = ?",
                (row_id,),
            ).fetchone()
            (row,) = load_rows(self._db, "WHERE l.id = ?", (row_id,))
            address = MisfinAddress.parse(row.target or row.to)
            return Claim(row, attempt, address, message, History(*history), tuple(json.loads(hops)))

    def leaving(self, claim: Claim, now: float) -> None:
        """Make durable that the request is about to leave; to be called before its first byte, on every try.

        Raises :class:`ClaimLostError` when the row was cancelled or taken meanwhile: nothing may be sent.
        """
        with self._db.write():
            held = self._db.execute(
                "UPDATE letter SET leaving = 1"
                " WHERE id = ? AND state = 'sending' AND owner = ? AND attempt = ?",
                (claim.row.id, self.owner, claim.attempt),
            ).rowcount
            if not held:
                raise ClaimLostError(
                    "The letter was cancelled or taken by another process; nothing was sent."
                )
            self._db.execute(
                "UPDATE attempt SET left_at = CASE left_at WHEN 0 THEN ? ELSE left_at END, phase = 'leaving'"
                " WHERE id = ?",
                (now, claim.attempt),
            )

    def refused(self, claim: Claim) -> None:
        """Make durable that the host refused what had left, so that nothing is outstanding between two tries.

        Another :meth:`leaving` must come before anything else leaves. Does nothing to a row no longer ours.
        """
        with self._db.write():
            ours = self._db.execute(
                "UPDATE letter SET leaving = 0"
                " WHERE id = ? AND state = 'sending' AND owner = ? AND attempt = ?",
                (claim.row.id, self.owner, claim.attempt),
            ).rowcount
            if ours:
                self._db.execute("UPDATE attempt SET phase = 'answered' WHERE id = ?", (claim.attempt,))

    def finish(self, claim: Claim, outcome: Outcome, transcript: Transcript, now: float) -> bool:
        """End an attempt; False where the row was no longer ours (then only its transcript is kept).

        A row that left and that another process took for abandoned (uncertain) is still ours to settle: we
        know better than it how the attempt ended.
        """
        with self._db.write():
            facts = asdict(transcript)
            facts |= {"request": transcript.request[:_REQUEST_HEAD], "now": now, "attempt": claim.attempt}
            self._db.execute(
                "UPDATE attempt SET ended = :now, host = :host, port = :port, version = :version,"
                " certificate = :certificate, decision = :decision, request = :request, response = :response,"
                " error = :error, phase = CASE :response WHEN '' THEN 'ended' ELSE 'answered' END"
                " WHERE id = :attempt",
                facts,
            )
            facts = asdict(outcome)
            facts |= {"question": outcome.question or "", "now": now, "owner": self.owner}
            facts |= {"id": claim.row.id, "attempt": claim.attempt}
            return bool(
                self._db.execute(
                    "UPDATE letter SET state = :state, why = :why, status = :status, meta = :meta,"
                    " fingerprint = :fingerprint, next_attempt = :next_attempt, question = :question,"
                    " question_name = :question_name, pinned = :pinned,"
                    " target = CASE :target WHEN '' THEN target ELSE :target END,"
                    " failures = failures + :failure,"
                    " slowdowns = CASE WHEN :slowdown THEN slowdowns + 1 ELSE 0 END,"
                    " owner = '', leaving = 0, changed = :now"
                    " WHERE id = :id AND attempt = :attempt AND (owner = :owner OR state = 'uncertain')",
                    facts,
                ).rowcount
            )

    def set_clock(self, now: float) -> int:
        """Where the clock went back since a row began to wait, let it wait only as long as was meant.

        Returns how many rows there were. A wrong year must not keep mail waiting until that year.
        """
        with self._db.write():
            return self._db.execute(
                "UPDATE letter SET next_attempt = :now + max(next_attempt - changed, 0),"
                " hold_until = min(hold_until, :now + max(hold_until - changed, 0)),"
                " since = min(since, :now), changed = :now"
                " WHERE state IN ('waiting', 'deferred') AND changed > :now + :slack",
                {"now": now, "slack": _CLOCK_SLACK},
            ).rowcount

    def recover(self, now: float) -> list[OutboxRow]:
        """Settle rows whose owner is dead: waiting again, or uncertain if they were leaving. Return them."""
        settled = []
        with self._db.write():
            for row_id, owner, attempt, leaving in self._db.execute(
                "SELECT id, owner, attempt, leaving FROM letter WHERE state = 'sending'"
            ).fetchall():
                if owner == self.owner or is_alive(owner.partition("/")[0]):
                    continue
                state, why = (
                    (DeliveryState.UNCERTAIN, _UNCERTAIN)
                    if leaving
                    else (DeliveryState.WAITING, _INTERRUPTED)
                )
                self._db.execute(
                    "UPDATE letter SET state = ?, why = ?, owner = '', leaving = 0, changed = ? WHERE id = ?",
                    (state, why, now, row_id),
                )
                self._db.execute(
                    "UPDATE attempt SET ended = ?, error = ? WHERE id = ?",
                    (now, why, attempt),
                )
                settled += load_rows(self._db, "WHERE l.id = ?", (row_id,))
        return settled

    def hold_host(self, claim: Claim, outcome: Outcome, now: float) -> None:
        """Let the other letters for the host of ``claim`` share its question instead of asking it again."""
        with self._db.write():
            self._db.execute(
                "UPDATE letter SET state = 'held', why = ?, question = ?, question_name = ?, pinned = ?,"
                " changed = ? WHERE host = ? AND state IN ('waiting', 'deferred')",
                (
                    outcome.why,
                    outcome.question,
                    outcome.pin_name,
                    outcome.pinned,
                    now,
                    claim.row.host,
                ),
            )

    def defer_host(self, claim: Claim, until: float, why: str, now: float) -> None:
        """Let the other letters for the host of ``claim`` wait as well: it asked for it, or is away."""
        with self._db.write():
            self._db.execute(
                "UPDATE letter SET state = 'deferred', why = ?, next_attempt = ?, changed = ?"
                " WHERE host = ? AND state IN ('waiting', 'deferred') AND next_attempt < ?",
                (why, until, now, claim.row.host, until),
            )

    # ---- what a person decides --------------------------------------------------------------------

    def release(self, name: str, spki: str, now: float) -> int:
        """The pin ``name`` now has the key ``spki``: let rows go on that were held under another, or none.

        Returns how many. Should the host show something else again, they are held again.
        """
        return self._again(
            "state = 'held' AND question IN ('changed-certificate', 'first-use')"
            " AND question_name = :name AND pinned <> :spki",
            {"name": name, "spki": spki, "now": now, "undo": True},
        )

    def retry(self, row_id: int, now: float) -> bool:
        """Try a row again now, whatever it waited for or came to; its three days start afresh.

        A person's act: the only way an uncertain row is repeated. False where it is being sent, delivered or
        gone. A redirect nobody followed is forgotten: the host is asked again.
        """
        return bool(
            self._again(
                "id = :id AND state NOT IN ('sending', 'delivered')",
                {"id": row_id, "now": now, "undo": False},
            )
        )

    def follow(self, row_id: int, now: float) -> OutboxRow | None:
        """Send a redirected copy where its redirect points; None where it is not held for that."""
        with self._db.write():
            found = self._db.execute(
                "SELECT target, hops FROM letter WHERE id = ? AND state = 'held'"
                " AND question IN ('redirect-once', 'redirect-always')",
                (row_id,),
            ).fetchone()
            if found is None:
                return None
            there = MisfinAddress.parse(found[0])
            self._db.execute(
                "UPDATE letter SET host = ?, hops = ? WHERE id = ?",
                (host_key(there), json.dumps([*json.loads(found[1]), with_port(there)]), row_id),
            )
            self._db.execute(f"{_AGAIN} WHERE id = :id", {"id": row_id, "now": now, "undo": False})
        return self.row(row_id)

    def cancel(self, *row_ids: int, now: float) -> bool:
        """Stop these copies, all or none; False where one is leaving, delivered or gone.

        A copy that is being sent but has not begun to leave can still be stopped.
        """
        values = {"ids": json.dumps(row_ids), "now": now}
        with self._db.write():
            if len(self._db.read(_STOPPABLE, values)) < len(set(row_ids)):
                return False
            self._db.execute(_CANCEL, values)
            return True

    def _again(self, where: str, values: Mapping[str, object]) -> int:
        with self._db.write():
            return self._db.execute(f"{_AGAIN} WHERE {where}", values).rowcount

    # ---- keeping ----------------------------------------------------------------------------------

    def without_sent_copy(self) -> list[str]:
        """Groups that reached somebody and have no copy in Sent yet."""
        found = self._db.read(
            "SELECT DISTINCT m.id FROM message m JOIN letter l ON l.message = m.id"
            " WHERE m.sent_copy = 0 AND l.state = 'delivered'"
        )
        return [group for (group,) in found]

    def file_sent_copy(self, group: str, write: Callable[[Outgoing], object]) -> bool:
        """Have ``write`` store the copy in Sent, once; False where that was done already.

        No other process files it meanwhile, but a crash between the file and our note of it repeats the call:
        ``write`` must then come to the same file again.
        """
        with self._db.write():
            letter = self.outgoing(group)
            if letter is None or self._db.read("SELECT 1 FROM message WHERE id = ? AND sent_copy", (group,)):
                return False
            write(letter)
            self._db.execute("UPDATE message SET sent_copy = 1 WHERE id = ?", (group,))
            return True

    def remove(self, row_id: int) -> bool:
        """Take a finished row (delivered with its copy in Sent, failed, cancelled) out of the list."""
        with self._db.write():
            removed = self._db.execute(
                "DELETE FROM letter WHERE id = ? AND (state IN ('failed', 'cancelled') OR state = 'delivered'"
                " AND (SELECT sent_copy FROM message WHERE id = letter.message))",
                (row_id,),
            ).rowcount
            self._db.execute("DELETE FROM message WHERE id NOT IN (SELECT message FROM letter)")
            return bool(removed)

    def prune(self, before: float) -> int:
        """Forget letters finished before this time, each copy delivered or cancelled; return how many."""
        with self._db.write():
            return self._db.execute(
                "DELETE FROM message WHERE"
                " NOT EXISTS (SELECT 1 FROM letter l WHERE l.message = message.id"
                "  AND (l.state NOT IN ('delivered', 'cancelled') OR l.changed >= ?))"
                " AND (sent_copy OR NOT EXISTS (SELECT 1 FROM letter l WHERE l.message = message.id"
                "  AND l.state = 'delivered'))",
                (before,),
            ).rowcount
