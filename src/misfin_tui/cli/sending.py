"""``misfin-tui send`` and ``outbox``: queue and send messages, list and manage deliveries."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import Namespace
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import AccountError, InputError, LocalError
from misfin.model.account import AddressKind
from misfin.model.recipient import kind_of
from misfin.store.outgoing.deliveries import TAKEN, DeliveryState, OutboxRow, Question
from misfin_tui.cli import Exit
from misfin_tui.cli.output import account_keys, emit, iso, open_services, say
from misfin_tui.services.posting import make_courier

if TYPE_CHECKING:
    from misfin.post.events import Event
    from misfin.post.transport import Transport
    from misfin.store.outgoing.drafts import Draft
    from misfin_tui.services import Services

_STATUS = {
    DeliveryState.DELIVERED: Exit.DONE,
    DeliveryState.ACCEPTED: Exit.DONE,
    DeliveryState.CANCELLED: Exit.DONE,
    DeliveryState.FAILED: Exit.FAILED,
    DeliveryState.HELD: Exit.HELD,
    DeliveryState.UNCERTAIN: Exit.HELD,
    DeliveryState.DEFERRED: Exit.DEFERRED,
    DeliveryState.WAITING: Exit.DEFERRED,
    DeliveryState.SENDING: Exit.DEFERRED,
}
"""What the state of a delivery means for the exit status; uncertain needs a decision, as held does."""
_MOST_BEYOND = 1024 * 1024
"""Bytes of a text over the limit that are read at most, to say by how much it is too long."""
_MOST_TEXT = 64 * 1024 * 1024
"""Bytes of a text that are read at most where no limit is known."""
_SEE_OUTBOX = "`misfin-tui outbox` shows why."
_SETTLED = frozenset({*TAKEN, DeliveryState.CANCELLED, DeliveryState.FAILED, DeliveryState.HELD})
"""States that were not caused by ctrl+c and that waiting longer would not have changed."""
_WORST_FIRST = (Exit.FAILED, Exit.HELD, Exit.DEFERRED, Exit.DONE)


def send(args: Namespace) -> int:
    """Queue a message for each recipient and send it now, unless it is to wait; wait for the answers."""
    with open_services(args) as services:
        from misfin.post.submission import submit

        draft = _draft(args, services)
        transport = services.transport_of(draft.account)
        ids = submit(services.outbox_queue, None, draft, transport, now=time.time())
        if args.queue or draft.send_at:
            rows = _rows(services, ids)
            report(args, services, rows)
            return Exit.DONE
        return _send_these(args, services, ids)


def outbox(args: Namespace) -> int:
    """List deliveries, newest first."""
    with open_services(args) as services:
        for row in services.outbox_queue.rows():
            emit(args, _queued(row, services), _line(row))
    return Exit.DONE


def retry(args: Namespace) -> int:
    """Try one delivery again now, or all of an account; for an uncertain one this means: send it again."""
    if (args.id is None) == (args.account is None):
        raise LocalError(
            "Give the number of a delivery or --account NAME.", remedy="`misfin-tui outbox` lists them."
        )
    with open_services(args) as services:
        if args.account is not None:
            return _retry_account(args, services)
        _existing(services, args.id)
        if not services.outbox_queue.retry(args.id, time.time()):
            raise LocalError(f"Delivery {args.id} cannot be tried again.", remedy=_SEE_OUTBOX)
        return _send_these(args, services, [args.id])


def _retry_account(args: Namespace, services: Services) -> int:
    """Try again what an account has deferred, and what waits for its password or settings."""
    from misfin.post.email import login_changed  # late: only some have such an account

    account, queue, now = services.account_book.find(args.account), services.outbox_queue, time.time()
    held = [row for row in queue.rows([DeliveryState.HELD]) if row.question is Question.ACCOUNT]
    deferred = queue.rows([DeliveryState.DEFERRED])
    ids = [row.id for row in (*held, *deferred) if row.account == account.directory]
    login_changed(queue, account.name, now=now)
    for row in deferred:
        if row.id in ids:
            queue.retry(row.id, now)
    if not ids:
        say(f"Nothing of {account.name} is waiting for another try.")
        return Exit.DONE
    return _send_these(args, services, ids)


def follow(args: Namespace) -> int:
    """Send one held delivery where its redirect points, and perhaps change the contact as well."""
    with open_services(args) as services:
        row = _existing(services, args.id)
        if args.change_contact and row.question is Question.REDIRECT_ONCE:
            raise LocalError(
                f"{row.to} redirects only this one message (30), so the contact stays as it is.",
                remedy="Leave out --change-contact.",
            )
        there = services.transports[row.kind].parse(row.target) if row.target else None
        if there is None or services.outbox_queue.follow(args.id, there, time.time()) is None:
            raise LocalError(
                f"Delivery {args.id} is not waiting for a decision about a redirect.",
                remedy=_SEE_OUTBOX,
            )
        if args.change_contact:
            services.contact_book.moved(row.to, row.target, row.kind)
            say(f"Your contacts now have {row.target} instead of {row.to}.")
        return _send_these(args, services, [args.id])


def cancel(args: Namespace) -> int:
    """Cancel one delivery; it stays in the list for a while."""
    with open_services(args) as services:
        row = _existing(services, args.id)
        if not services.outbox_queue.cancel(args.id, now=time.time()):
            raise LocalError(f"Delivery {args.id} is {row.state.value} and cannot be cancelled.")
        report(args, services, _rows(services, [args.id]))
    return Exit.DONE


def run_outbox(args: Namespace) -> int:
    """Send everything that is due, once; the exit status is that of the worst delivery still open."""
    with open_services(args) as services:
        tried: set[int] = set()
        with _interruptible() as ending:
            tried = {row.id for row in _deliver(services, None)}
        still_open = {
            row.id
            for row in services.outbox_queue.rows(
                [DeliveryState.HELD, DeliveryState.UNCERTAIN, DeliveryState.DEFERRED]
            )
        }
        rows = _rows(services, sorted(tried | still_open))
        report(args, services, rows)
        return Exit.INTERRUPTED if ending.interrupted else worst(rows)


def worst(rows: Sequence[OutboxRow]) -> int:
    """One exit status for several deliveries."""
    statuses = {_STATUS[row.state] for row in rows} | {Exit.DONE}
    return next(status for status in _WORST_FIRST if status in statuses)


def _send_these(args: Namespace, services: Services, ids: Sequence[int]) -> int:
    """Send them and report what became of each, also when ctrl+c cuts it short."""
    with _interruptible() as ending:
        _deliver(services, ids)
    rows = _rows(services, ids)
    report(args, services, rows)
    if ending.interrupted and any(row.state not in _SETTLED for row in rows):
        return Exit.INTERRUPTED
    return worst(rows)


@dataclass(slots=True)
class _Interruption:
    interrupted: bool = False


@contextmanager
def _interruptible() -> Iterator[_Interruption]:
    """Let ctrl+c end only this block; the outbox says what was done by then."""
    ending = _Interruption()
    try:
        yield ending
    except KeyboardInterrupt:
        ending.interrupted = True
        say("Interrupted.")


def _deliver(services: Services, only: Collection[int] | None) -> list[OutboxRow]:
    courier = make_courier(services, remark)
    return asyncio.run(courier.run_once(only))


def remark(event: Event) -> None:
    """Report on stderr what stops no message but should be known; the rows say everything else."""
    from misfin.post.events import CourierNotice, Trouble  # late, like the courier itself
    from misfin.post.misfin.events import HostSeen, MailboxKeyChanged
    from misfin.trust.tofu import Decision

    if isinstance(event, HostSeen) and event.decision is not Decision.RENEWED:
        return
    if isinstance(event, HostSeen | MailboxKeyChanged | CourierNotice | Trouble):
        say(event.text)


def _rows(services: Services, ids: Sequence[int]) -> list[OutboxRow]:
    return [row for row in map(services.outbox_queue.row, ids) if row is not None]


def _existing(services: Services, row_id: int) -> OutboxRow:
    row = services.outbox_queue.row(row_id)
    if row is None:
        raise LocalError(
            f"There is no delivery {row_id} in the outbox.", remedy="`misfin-tui outbox` lists them."
        )
    return row


def _draft(args: Namespace, services: Services) -> Draft:
    from misfin.compose.sendtime import parse_send_time
    from misfin.store.outgoing.drafts import Draft

    send_at = parse_send_time(args.at, time.time()) if args.at is not None else 0.0
    everyone = (*args.to, *args.cc, *args.bcc)
    kind = kind_of(everyone)
    try:
        account = _account(args, services, kind)
    except LocalError:
        _check(everyone, services.transports[AddressKind.MISFIN])
        raise
    transport = services.transport_of(account)
    _check(everyone, transport)
    draft = Draft(
        account=account,
        to=tuple(args.to),
        cc=tuple(args.cc),
        bcc=tuple(args.bcc),
        subject=args.subject or "",
        send_at=send_at,
    )
    if args.attach and not transport.capabilities.attachments:
        raise LocalError(
            "Files cannot be sent from this account.",
            remedy="Send them from an e-mail account: --account NAME.",
        )
    draft = replace(draft, body=_body(args, transport.measure(draft, ()).limit))
    files = [services.draft_box.files.add(Path(each).expanduser()) for each in args.attach]
    return replace(draft, attachments=tuple(files))


def _check(recipients: Sequence[str], transport: Transport) -> None:
    """Raise for what is not an address, before anything else is looked up or read."""
    for text in recipients:
        transport.parse(text)


def _account(args: Namespace, services: Services, kind: AddressKind | None) -> str:
    """The directory of the account to send from; one for addresses of ``kind``, if a recipient says which.

    An account that was named is used as it is; its transport refuses an address of another kind.
    """
    book = services.account_book
    if args.account:
        return book.find(args.account).directory
    if preferred := services.config.identity.default:
        account = book.find(preferred)
        if kind in (None, account.kind.address_kind):
            return account.directory
    accounts = [account for account in book.all() if kind in (None, account.kind.address_kind)]
    if len(accounts) > 1:
        names = ", ".join(account.name for account in accounts)
        raise AccountError(
            f"You have several accounts ({names}).", remedy="Choose with --account, or set identity.default."
        )
    return accounts[0].directory if accounts else book.default().directory


def _body(args: Namespace, limit: int) -> str:
    """The text; ``limit`` is how many bytes a message of the account may have."""
    most = min(4 * limit, limit + _MOST_BEYOND, _MOST_TEXT)
    if args.body is not None:
        return str(args.body)
    source = args.body_file or "-"
    try:
        if source == "-":
            data = sys.stdin.buffer.read(most + 1)
        else:
            with Path(source).expanduser().open("rb") as file:
                data = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}.") from error
    if len(data) > most:  # perhaps cut within a character, so only its length is reported
        raise LocalError(
            f"The text is over {most:,} bytes long; a message can have at most {limit:,}.",
            remedy="Shorten it, or split it into several messages.",
        )
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise LocalError(
            f"The text is not UTF-8 (byte {error.start}).",
            remedy="Misfin allows only UTF-8; convert it first.",
        ) from error


def report(args: Namespace, services: Services, rows: Sequence[OutboxRow]) -> None:
    """Print what became of deliveries, one line or object each."""
    for row in rows:
        emit(args, _sent(row, services), _line(row))


def _sent(row: OutboxRow, services: Services) -> dict[str, object]:
    facts: dict[str, object] = {
        "to": row.to,
        "state": row.state.value,
        "status": row.status,
        "meta": row.meta,
        "fingerprint": row.fingerprint,
        "attempts": row.attempts,
        "id": row.id,
        "why": row.why,
        **account_keys(services, row.account),
    }
    return facts | ({"accepted_by": row.server} if row.state is DeliveryState.ACCEPTED else {})


def _queued(row: OutboxRow, services: Services) -> dict[str, object]:
    return _sent(row, services) | {
        "next_attempt": iso(row.next_attempt),
        "from": services.account_book.address_at(row.account),
        "subject": row.subject,
        "size": row.size,
        "created": iso(row.created),
        "question": row.question.value if row.question else "",
        "target": row.target,
    }


def _line(row: OutboxRow) -> str:
    by = f" by {row.server}" if row.state is DeliveryState.ACCEPTED and row.server else ""
    parts = [f"{row.id:>4}  {row.state.value + by:<10} {row.to}"]
    why = "" if row.state in TAKEN else row.why
    said = f"{row.status} {row.meta}".strip() if row.status else ""
    parts += [text for text in (said if said not in why else "", why) if text]
    if row.state is DeliveryState.WAITING and row.hold_until > time.time():
        parts.append(f"will be sent {iso(row.hold_until)}")
    if row.state is DeliveryState.DEFERRED:
        parts.append(f"next try {iso(row.next_attempt)}")
    return "  ".join(parts)
