"""``misfin-tui send -t`` and ``-i``, or the program called ``sendmail``: takes a whole message from another
program.

``git send-email``, mutt and cron send again what failed. So whatever happens once the message is durably
queued is success, unless every recipient was refused for good (docs/command-line.md §5).
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

from misfin.errors import AccountError, AddressError, InputError, MisfinError
from misfin.model.account import AddressKind
from misfin.store.outgoing.deliveries import TAKEN, DeliveryState, OutboxRow
from misfin_tui.cli import Exit
from misfin_tui.cli.output import open_services, say

if TYPE_CHECKING:
    from misfin.compose.finished import Head
    from misfin.email.account import EmailAccount
    from misfin.model.account import Account
    from misfin.post.transport import Recipient
    from misfin_tui.services import Services

PATIENCE = 30.0
"""Seconds in which a message is tried before the caller is let go; the outbox keeps what is left."""
_IN_MEMORY = 1024 * 1024
_PIECE = 256 * 1024


def hand_over(args: Namespace) -> int:
    """Queue the message on standard input and try to send it for a while."""
    if args.mode not in (None, "m"):
        raise InputError(
            f"This stand-in for sendmail only sends messages; it does not know -b{args.mode}.",
            remedy="`misfin-tui outbox` lists what is queued, `misfin-tui outbox run` sends it.",
        )
    with open_services(args) as services:
        ids = _queue(args, services)
        try:
            return _try(args, services, ids)
        except BaseException as error:  # whatever it is: the message is safe, and a failure would double it
            with suppress(OSError):
                said = error if isinstance(error, MisfinError) else f"{type(error).__name__}: {error}"
                say(f"The message is in the outbox and will be sent later ({said}).")
            return Exit.DONE


# ---- queueing


def _queue(args: Namespace, services: Services) -> list[int]:
    """Read the message and queue it durably; the ids of its deliveries."""
    from misfin.compose.finished import MAX_HEADER, completed, read_head
    from misfin.store.outgoing.finished import FinishedMessage

    with SpooledTemporaryFile(_IN_MEMORY) as spool:
        for piece in _input(whole=args.ignore_dots or "i" in args.options):
            spool.write(piece)
        spool.seek(0)
        head = read_head(spool.read(MAX_HEADER + _PIECE))
        account = _account(args, services, head)
        own = _default(services).address
        recipients = _recipients(args, head, own, _settings_of(services, account))
        head, body = _carried(head, spool)
        now = time.time()
        header = completed(
            head,
            address=account.address,
            name=args.full_name or account.title,
            now=datetime.fromtimestamp(now, UTC),
            message_id=f"<{uuid.uuid4()}@{account.address.rpartition('@')[2]}>",
            local=lambda _name: own,
        )
        if max(map(len, header.splitlines())) > _longest():
            raise InputError(
                f"A line of the header is over {_longest()} bytes long, which e-mail cannot carry."
            )
        key, size = services.draft_box.files.add_pieces(_joined(header, body))
    kept = FinishedMessage(key, _envelope_sender(args, services, head, account))
    return services.outbox_queue.enqueue(
        account=account.directory,
        kind=AddressKind.MAIL,
        recipients=recipients,
        attachments=[key],
        message=kept.to_bytes(),
        size=size,
        subject=head.subject,
        now=now,
    )


def _input(*, whole: bool) -> Iterator[bytes]:
    """Standard input, up to a line with only a dot unless all of it is the message."""
    from misfin.compose.carrying import undotted

    source = sys.stdin.buffer
    if whole:
        return iter(lambda: source.read(_PIECE), b"")
    return undotted(iter(lambda: source.readline(_PIECE), b""))


def _carried(head: Head, spool: IO[bytes]) -> tuple[Head, Iterator[bytes]]:
    """The message as SMTP can carry it: as it is, or encoded where a line is too long."""
    from misfin.compose.carrying import as_quoted_printable, re_encoded, survey
    from misfin.compose.carrying_parts import has_parts, parts_to_encode, with_encoded_parts

    spool.seek(head.length)
    facts = survey(_pieces(spool))
    spool.seek(head.length)
    if facts.fits:
        return head, _pieces(spool)
    if has_parts(head):
        wanted = parts_to_encode(head, _lines(spool))
        spool.seek(head.length)
        return head, with_encoded_parts(head, _lines(spool), wanted)
    return re_encoded(head, facts), as_quoted_printable(_pieces(spool))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines, the long ones in pieces."""
    while line := file.readline(_PIECE):
        yield line


def _joined(header: bytes, body: Iterator[bytes]) -> Iterator[bytes]:
    yield header
    yield from body


def _longest() -> int:
    from misfin.compose.carrying import MAX_LINE

    return MAX_LINE


# ---- sender and recipients


def _mail_accounts(services: Services) -> list[Account]:
    found = [each for each in services.account_book.all() if each.kind.address_kind is AddressKind.MAIL]
    if not found:
        raise AccountError(
            "There is no e-mail account to send from.", remedy="Add one with `misfin-tui account add`."
        )
    return found


def _default(services: Services) -> Account:
    """The e-mail account of whoever names no other: the one set as default, else the first."""
    accounts = _mail_accounts(services)
    preferred = services.config.identity.default
    return next((each for each in accounts if preferred in (each.name, each.address)), accounts[0])


def _account(args: Namespace, services: Services, head: Head) -> Account:
    """The account that --account names, or that -f or From belongs to; for local names the default one."""
    if args.account:
        account = services.account_book.find(args.account)
        if account.kind.address_kind is not AddressKind.MAIL:
            raise AccountError(f"{args.account} is not an e-mail account, and this is an e-mail.")
        return account
    said = [each.strip("<>") for each in (args.sender or "", head.author) if "@" in each]
    accounts = _mail_accounts(services)
    for address in said:
        for account in accounts:
            if _belongs(services, account, address):
                return account
    foreign = next((each for each in said if not _is_local(each)), "")
    if foreign:
        raise AccountError(
            f"No e-mail account sends as {foreign}.",
            remedy="Name one with --account, or add the address to the `aliases` of one.",
        )
    return _default(services)


def _envelope_sender(args: Namespace, services: Services, head: Head, account: Account) -> str:
    """Who failures are reported to: what was asked for if the account has that address, else its own."""
    if args.sender in ("", "<>"):
        return ""
    said = (args.sender or head.author).strip("<>")
    return said if (args.account and args.sender) or _belongs(services, account, said) else account.address


def _belongs(services: Services, account: Account, address: str) -> bool:
    from misfin.compose.aliases import is_own

    return is_own(address, account.address, services.config.accounts[account.name].aliases)


def _is_local(address: str) -> bool:
    """Whether an address is one of this machine, which nobody elsewhere could reply to."""
    import socket

    host = address.rpartition("@")[2].lower()
    return (
        "." not in host or host.endswith((".localdomain", ".local")) or host == socket.gethostname().lower()
    )


def _settings_of(services: Services, account: Account) -> EmailAccount:
    from misfin_tui.config.email import email_account

    return email_account(account.name, services.config.accounts[account.name])


def _recipients(args: Namespace, head: Head, own: str, account: EmailAccount) -> list[Recipient]:
    """The recipients of the envelope, each once: the arguments, and with -t those of the header."""
    from misfin.model.recipient import Recipient, mail_address
    from misfin.post.email.writing import route_of
    from misfin.store.message.fields import MAX_PEOPLE

    named = [*args.to, *args.cc, *args.bcc]
    if args.from_header:
        named += head.recipients
    if len(named) >= MAX_PEOPLE:
        raise AddressError(f"The message has {MAX_PEOPLE:,} recipients or more; send it in parts.")
    found: dict[str, Recipient] = {}
    for text in named:
        address, name = mail_address(text if "@" in text else own)
        found.setdefault(address, Recipient(address, route_of(account), name))
    if not found:
        raise AddressError(
            "The message has no recipient.", remedy="Name one as an argument, or use -t with a To field."
        )
    return list(found.values())


# ---- trying


def _try(args: Namespace, services: Services, ids: Sequence[int]) -> int:
    from misfin_tui.cli.sending import report

    if not args.queue:
        with suppress(KeyboardInterrupt):
            asyncio.run(_send(services, ids))
    rows = [row for row in map(services.outbox_queue.row, ids) if row is not None]
    if args.json:
        report(args, services, rows)
    for row in rows:
        if row.state not in TAKEN and not (args.queue and row.state is DeliveryState.WAITING):
            say(_what_became(row))
    return Exit.FAILED if rows and all(row.state is DeliveryState.FAILED for row in rows) else Exit.DONE


async def _send(services: Services, ids: Sequence[int]) -> None:
    from misfin_tui.cli.sending import remark
    from misfin_tui.services.posting import make_courier

    courier = await asyncio.to_thread(make_courier, services, remark)
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await courier.run_once(ids)


def _what_became(row: OutboxRow) -> str:
    why = row.why or row.meta
    if row.state is DeliveryState.FAILED:
        return f"{row.to} was refused: {why}"
    if row.state in (DeliveryState.HELD, DeliveryState.UNCERTAIN):
        return f"{row.to} needs your decision (`misfin-tui outbox`): {why}"
    return f"{row.to} will be tried again by `misfin-tui outbox run` or the open program. {why}".strip()
