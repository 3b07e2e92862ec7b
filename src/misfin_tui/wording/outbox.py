"""What the outbox says: the state of a row in words and signs, and the transcript of its attempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from misfin.model.account import AddressKind
from misfin.model.status import StatusCode
from misfin.store.outgoing.deliveries import AttemptRow, DeliveryState, OutboxRow, Phase, Question
from misfin_tui.screentext import plain
from misfin_tui.wording.facts import Fact, by_and_by, grouped, in_a_while, moment

TONES = {
    DeliveryState.WAITING: "normal",
    DeliveryState.SENDING: "accent",
    DeliveryState.DELIVERED: "good",
    DeliveryState.ACCEPTED: "good",
    DeliveryState.DEFERRED: "muted",
    DeliveryState.HELD: "warn",
    DeliveryState.FAILED: "bad",
    DeliveryState.UNCERTAIN: "warn",
    DeliveryState.CANCELLED: "muted",
}
MARKS = {
    DeliveryState.WAITING: "○",
    DeliveryState.SENDING: "▶",
    DeliveryState.DELIVERED: "✓",
    DeliveryState.ACCEPTED: "↗",
    DeliveryState.DEFERRED: "◷",
    DeliveryState.HELD: "‖",
    DeliveryState.FAILED: "✗",
    DeliveryState.UNCERTAIN: "?",
    DeliveryState.CANCELLED: "–",
}
"""A sign for each state, so that none depends on colour alone."""


MOVING = frozenset({DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.DEFERRED})
"""States of a delivery that goes on by itself."""


def still_waits(row: OutboxRow, now: float) -> bool:
    """Whether a row waits for the time at which it may be sent, so that sending it can be undone."""
    return row.state is DeliveryState.WAITING and row.hold_until > now


def for_later(row: OutboxRow, now: float) -> bool:
    """Whether its writer chose a later time, further away than undo send can be."""
    return row.state is DeliveryState.WAITING and row.hold_until > now + 3600


def under_way(rows: Iterable[OutboxRow], now: float) -> str:
    """How many deliveries are being sent, and how many wait for their time; empty where there is none."""
    moving = [row for row in rows if row.state in MOVING]
    later = sum(for_later(row, now) for row in moving)
    counts = ((len(moving) - later, "sending"), (later, "for later"))
    return " · ".join(f"{count:,} {word}" for count, word in counts if count)


def state_words(row: OutboxRow, now: float, undo: str = "") -> str:
    """The state of a row in a few words: what happens next, or what was said; ``undo`` is a key."""
    match row.state:
        case DeliveryState.WAITING:
            if not still_waits(row, now):
                return "waiting"
            when = f"sends {by_and_by(row.hold_until, now)}"
            return f"{when}; {undo} to undo" if undo else when
        case DeliveryState.DEFERRED:
            return f"tries again {in_a_while(row.next_attempt - now)}: {row.why}"
        case DeliveryState.DELIVERED:
            return "delivered"
        case DeliveryState.ACCEPTED:
            return f"accepted by {row.server}" if row.server else "accepted"
        case DeliveryState.HELD:
            return f"held: {row.why}"
        case DeliveryState.FAILED:
            # What an SMTP server said is in the words already, which say more.
            said = f"{row.status} {row.meta}".strip() if row.status and row.kind is AddressKind.MISFIN else ""
            return f"failed: {said or row.why}"
        case DeliveryState.UNCERTAIN:
            return f"uncertain: {row.why}"
        case _:
            return str(row.state)


def is_gone(row: OutboxRow) -> bool:
    """Whether the mailbox does not exist any more, so that its contact may be marked.

    See docs/protocol.md §2.
    """
    return row.state is DeliveryState.FAILED and row.status == StatusCode.MAILBOX_GONE


def next_step(row: OutboxRow) -> tuple[str, str] | None:
    """The action that a row waits for, and what it does, in words; None when no decision is needed."""
    if row.state is DeliveryState.UNCERTAIN:
        return "retry", "asks, then sends it again"
    if is_gone(row):
        return "answer", "marks the mailbox as gone"
    if row.state is not DeliveryState.HELD or row.question is None:
        return None
    if row.question is Question.TOO_LARGE:
        smaller = "to make it smaller" if row.kind is AddressKind.MAIL else "to shorten or split it"
        return "edit", f"edits it, {smaller}"
    if row.question is Question.PERSON and row.kind is AddressKind.MAIL:
        return "edit", "edits it"
    return "answer", "Decide"


_CHOICES: Final = {"answer": "Decide …", "edit": "Edit …", "retry": "Send again …"}
_ALSO: Final = {
    DeliveryState.WAITING: ("retry", "Send now"),
    DeliveryState.DEFERRED: ("retry", "Try now"),
    DeliveryState.HELD: ("retry", "Try now"),
    DeliveryState.FAILED: ("edit", "Edit …"),
    DeliveryState.CANCELLED: ("edit", "Edit …"),
}


def offers(row: OutboxRow) -> dict[str, str]:
    """What can be done about a row, as actions and labels: what it waits for, and what may help."""
    step, also = next_step(row), _ALSO.get(row.state)
    found = {step[0]: _CHOICES[step[0]]} if step else {}
    return found | dict([also] if also else [])


def transcript(
    row: OutboxRow, attempts: Sequence[AttemptRow], now: float, *, sender: str, undo: str = "z"
) -> list[Fact]:
    """Everything that happened to a row, as it was said; ``sender`` is the address of its account."""
    facts: list[Fact] = [
        ("state", state_words(row, now, undo)),
        ("subject", row.subject or "(no subject)"),
        ("from", sender),
        ("written", moment(row.created)),
        ("size", f"{row.size:,} bytes"),
    ]
    if row.target:
        facts.append(("redirect", row.target))
    if row.fingerprint:
        facts.append(("recipient's key", grouped(row.fingerprint, 8)))
    for number, attempt in enumerate(attempts, 1):
        facts.append((f"Attempt {number} · {moment(attempt.started)}", ""))
        facts += _attempt_facts(attempt)
    if not attempts:
        facts.append(("", "No attempt has been made yet."))
    return facts


def _attempt_facts(attempt: AttemptRow) -> list[Fact]:
    took = attempt.ended - attempt.started
    found = [
        ("to", f"{attempt.host}:{attempt.port}" if attempt.host else ""),
        ("certificate", f"{grouped(attempt.certificate, 8)}\n{attempt.decision}".strip()),
        _asked(attempt),
        ("sent at", moment(attempt.left) if attempt.left else "nothing was sent"),
        ("answer", attempt.response),
        ("note" if attempt.response else "error", attempt.error),
        ("ended", f"after {took:.1f} s" if attempt.ended else _PHASES[attempt.phase]),
    ]
    return [(label, value) for label, value in found if value]


def _asked(attempt: AttemptRow) -> Fact:
    """What was sent: a Misfin request is one line, SMTP a conversation."""
    if attempt.version == "SMTP":
        said = attempt.request.decode("utf-8", "replace").replace("\r\n", "\n")
        return "conversation", plain(said, one_line=False)
    head = attempt.request[:200].split(b"\r\n")[0].decode("utf-8", "replace")
    return "request", f"{head} (Misfin({attempt.version}))" if attempt.request else ""


_PHASES = {
    Phase.CLAIMED: "connecting",
    Phase.LEAVING: "being sent",
    Phase.ANSWERED: "answered",
    Phase.ENDED: "ended",
}
