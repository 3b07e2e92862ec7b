"""Claims on the outbox: taken, marked and ended, each step conditional on still holding what was claimed.

Every function runs inside a transaction of its caller (``Database.write``), so that it is atomic between
processes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import fields

from misfin.errors import ClaimLostError
from misfin.model.account import AddressKind
from misfin.store.database import Database
from misfin.store.outgoing.deliveries import (
    Claim,
    Claimed,
    DeliveryState,
    OutboxRow,
    Outcome,
    Outgoing,
    Transcript,
)
from misfin.store.outgoing.outbox_file import load_claimed, load_outgoing, load_rows
from misfin.store.owners import is_alive

_REQUEST_HEAD = 2048  # bytes of a request kept in its transcript: a whole B request, or a C header and more
_DUE = """FROM delivery WHERE state IN ('waiting', 'deferred') AND next_attempt <= :due
    AND (:only IS NULL OR id IN (SELECT value FROM json_each(:only)))
    AND (:on IS NULL OR route = :on)"""
# Without a join: the index of what is due gives the first one at once, however long the queue is.
_FIRST = f"""SELECT id, message, route {_DUE}
    AND route NOT IN (SELECT route FROM delivery WHERE state = 'sending')
    ORDER BY next_attempt, id LIMIT 1"""  # noqa: S608 - constants
_NEXT = f"SELECT id, message, route {_DUE} ORDER BY next_attempt, id LIMIT 1"
_MORE = f"""SELECT id {_DUE} AND message = :message AND route = :route AND id <> :first
    ORDER BY id LIMIT :more"""
_FOLLOWS = """SELECT 1 FROM delivery WHERE state IN ('waiting', 'deferred') AND route = ?
    AND next_attempt <= ? LIMIT 1"""
_STOPPABLE = """SELECT id FROM delivery WHERE id IN (SELECT value FROM json_each(:ids))
    AND state NOT IN ('delivered', 'accepted') AND NOT (state = 'sending' AND leaving)"""
_CANCEL = """UPDATE delivery SET state = 'cancelled', why = '', owner = '', question = '', pin_name = '',
    pinned = '', changed = :now WHERE id IN (SELECT value FROM json_each(:ids))"""
_INTERRUPTED = "The program ended before the message was sent."
_UNCERTAIN = "The program ended while the message was being sent; it may have arrived."
_OURS = "id = ? AND state = 'sending' AND owner = ? AND attempt = ?"


def take(
    database: Database,
    owner: str,
    now: float,
    only: Collection[int] | None,
    due_by: float,
    batch: Mapping[AddressKind, int],
    route: str | None = None,
    known: Outgoing | None = None,
) -> Claim | None:
    """Claim the first delivery that is due over a route nobody uses, and what may go together with it.

    With ``route``, over that one only. The message need not be read again if it is the one ``known``.
    """
    if (found := _found(database, _FIRST, only, due_by, batch, route, known)) is None:
        return None
    message, route, ids = found
    return Claim(message, route, tuple(_begin(database, owner, each, now) for each in ids))


def next_over(
    database: Database,
    route: str,
    due_by: float,
    only: Collection[int] | None,
    batch: Mapping[AddressKind, int],
) -> Claim | None:
    """What :func:`take` would claim next over a route if nobody used it; needs no transaction.

    Nothing is claimed: the numbers of its attempts are 0, which none has.
    """
    if (found := _found(database, _NEXT, only, due_by, batch, route)) is None:
        return None
    message, route, ids = found
    return Claim(message, route, tuple(load_claimed(database, each, 0) for each in ids))


def _found(
    database: Database,
    first_of: str,
    only: Collection[int] | None,
    due_by: float,
    batch: Mapping[AddressKind, int],
    route: str | None,
    known: Outgoing | None = None,
) -> tuple[Outgoing, str, list[int]] | None:
    """The message that is next by the query ``first_of``, its route, and its deliveries that go together."""
    wanted = None if only is None else json.dumps(list(only))
    values: dict[str, object] = {"due": due_by, "only": wanted, "on": route}
    first = next(iter(database.read(first_of, values)), None)
    if first is None:
        return None
    row_id, group, route = first
    # What was submitted stays as it is.
    message = known if known is not None and known.group == group else load_outgoing(database, group)
    if message is None:  # removed meanwhile, outside of a transaction
        return None
    ids = [row_id]
    if (more := batch.get(message.kind, 1) - 1) > 0:
        values |= {"message": group, "route": route, "first": row_id, "more": more}
        ids += [each for (each,) in database.read(_MORE, values)]
    return message, route, sorted(ids)


def follows(database: Database, route: str, due_by: float) -> bool:
    """Whether something is due over a route, used or not; needs no transaction."""
    return bool(database.read(_FOLLOWS, (route, due_by)))


def next_due(database: Database) -> float | None:
    """When the next delivery is due, or None when nothing waits; needs no transaction."""
    ((due,),) = database.read("SELECT min(next_attempt) FROM delivery WHERE state IN ('waiting', 'deferred')")
    return None if due is None else float(due)


def _begin(database: Database, owner: str, row_id: int, now: float) -> Claimed:
    attempt = database.insert(
        "INSERT INTO attempt (delivery, started, phase) VALUES (?, ?, 'claimed')", (row_id, now)
    )
    database.execute(
        "UPDATE delivery SET state = 'sending', owner = ?, attempt = ?, leaving = 0, changed = ?,"
        " attempts = attempts + 1, since = CASE since WHEN 0 THEN ? ELSE since END WHERE id = ?",
        (owner, attempt, now, now, row_id),
    )
    return load_claimed(database, row_id, attempt)


def mark_leaving(database: Database, owner: str, claimed: Claimed, now: float) -> None:
    """Note that a copy is about to leave; raises :class:`ClaimLostError` where it is no longer ours."""
    held = database.execute(
        f"UPDATE delivery SET leaving = 1 WHERE {_OURS}",  # noqa: S608 - a constant
        (claimed.row.id, owner, claimed.attempt),
    ).rowcount
    if not held:
        raise ClaimLostError("The delivery was cancelled or taken by another process just before sending.")
    database.execute(
        "UPDATE attempt SET left_at = CASE left_at WHEN 0 THEN ? ELSE left_at END, phase = 'leaving'"
        " WHERE id = ?",
        (now, claimed.attempt),
    )


def mark_refused(database: Database, owner: str, claimed: Claimed) -> None:
    """Note that what had left was refused; does nothing to a delivery that is no longer ours."""
    ours = database.execute(
        f"UPDATE delivery SET leaving = 0 WHERE {_OURS}",  # noqa: S608 - a constant
        (claimed.row.id, owner, claimed.attempt),
    ).rowcount
    if ours:
        database.execute("UPDATE attempt SET phase = 'answered' WHERE id = ?", (claimed.attempt,))


def end(
    database: Database, owner: str, claimed: Claimed, outcome: Outcome, transcript: Transcript, now: float
) -> bool:
    """End an attempt; False where the delivery was no longer ours (then only the transcript is kept)."""
    facts = _facts(transcript)
    facts |= {"request": transcript.request[:_REQUEST_HEAD], "now": now, "attempt": claimed.attempt}
    database.execute(
        "UPDATE attempt SET ended = :now, host = :host, port = :port, version = :version,"
        " certificate = :certificate, decision = :decision, request = :request, response = :response,"
        " error = :error, phase = CASE :response WHEN '' THEN 'ended' ELSE 'answered' END"
        " WHERE id = :attempt",
        facts,
    )
    facts = _facts(outcome)
    facts |= {"question": outcome.question or "", "now": now, "owner": owner, "server": transcript.host}
    facts |= {"id": claimed.row.id, "attempt": claimed.attempt}
    ours = bool(
        database.execute(
            "UPDATE delivery SET state = :state, why = :why, status = :status, meta = :meta,"
            " fingerprint = :fingerprint, next_attempt = :next_attempt, question = :question,"
            " pin_name = :pin_name, pinned = :pinned, server = :server,"
            " target = CASE :target WHEN '' THEN target ELSE :target END,"
            " failures = failures + :failure,"
            " slowdowns = CASE WHEN :slowdown THEN slowdowns + 1 ELSE 0 END,"
            " owner = '', leaving = 0, changed = :now"
            " WHERE id = :id AND attempt = :attempt AND (owner = :owner OR state = 'uncertain')",
            facts,
        ).rowcount
    )
    if ours:
        _whole_route(database, claimed.row.route, outcome, now)
    return ours


def _facts(row: Outcome | Transcript) -> dict[str, object]:
    return {each.name: getattr(row, each.name) for each in fields(row)}


def cancel(database: Database, ids: Collection[int], now: float) -> bool:
    """Stop deliveries, all or none; False where one is leaving, taken or gone."""
    values = {"ids": json.dumps(list(ids)), "now": now}
    if len(database.read(_STOPPABLE, values)) < len(set(ids)):
        return False
    database.execute(_CANCEL, values)
    return True


def end_dead(database: Database, ourselves: str, now: float) -> list[OutboxRow]:
    """End the attempts of dead processes: the rows wait again, or are uncertain if they were leaving."""
    settled = []
    for row_id, owner, attempt, leaving in database.execute(
        "SELECT id, owner, attempt, leaving FROM delivery WHERE state = 'sending'"
    ).fetchall():
        if owner == ourselves or is_alive(owner.partition("/")[0]):
            continue
        state, why = (
            (DeliveryState.UNCERTAIN, _UNCERTAIN) if leaving else (DeliveryState.WAITING, _INTERRUPTED)
        )
        database.execute(
            "UPDATE delivery SET state = ?, why = ?, owner = '', leaving = 0, changed = ? WHERE id = ?",
            (state, why, now, row_id),
        )
        database.execute("UPDATE attempt SET ended = ?, error = ? WHERE id = ?", (now, why, attempt))
        settled += load_rows(database, "WHERE d.id = ?", (row_id,))
    return settled


def _whole_route(database: Database, route: str, outcome: Outcome, now: float) -> None:
    """Let what else waits for the route share a question about it, or wait because its server is down."""
    if outcome.pin_name:
        database.execute(
            "UPDATE delivery SET state = 'held', why = ?, question = ?, pin_name = ?, pinned = ?, changed = ?"
            " WHERE route = ? AND state IN ('waiting', 'deferred')",
            (outcome.why, outcome.question, outcome.pin_name, outcome.pinned, now, route),
        )
    elif outcome.whole_route:
        until = outcome.next_attempt
        database.execute(
            "UPDATE delivery SET state = 'deferred', why = ?, next_attempt = ?, changed = ?"
            " WHERE route = ? AND state IN ('waiting', 'deferred') AND next_attempt < ?",
            (outcome.why, until, now, route, until),
        )
