"""``misfin-tui list``, ``search`` and ``show``: messages for scripts."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING

from misfin.errors import LocalError
from misfin.model.folders import FOLDERS, is_written
from misfin.store import evidence
from misfin.store.rows import MessageRow, View
from misfin_tui.cli import Exit
from misfin_tui.cli.output import Record, account_keys, emit, iso, open_services, say, shown
from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin_tui.services import Services


def list_messages(args: Namespace) -> int:
    """List messages, newest first: all, or those that a query finds."""
    if args.limit < 1:
        raise LocalError("--limit must be at least 1.", remedy="Leave it out for 50.")
    with up_to_date(args) as services:
        index = services.index
        account, folder = _directory_and_folder(services, args.account, args.folder)
        view = View(account, folder, " ".join(args.query))
        named = cache(partial(account_keys, services))
        for row in index.messages(view, args.limit, 0):
            emit(args, record_of(row, named(row.account)) if args.json else {}, _line(row))
    return Exit.DONE


search_messages = list_messages


def _directory_and_folder(
    services: Services, account: str | None, folder: str | None
) -> tuple[str | None, str | None]:
    """The directory of an account, and a folder, in their exact spelling. Raises :class:`LocalError` for one
    that does not exist: an empty result would hide the mistake."""
    rows = services.index.folders()
    if not rows:
        return account, folder  # no mail at all yet
    names = {row.folder for row in rows} | set(FOLDERS)
    directories = {row.account for row in rows}
    if account is not None and (services.config.accounts or not in_any_case(account, directories)):
        book = services.account_book
        if book.meant(account):  # else it may be mail without an account, which is listed too
            account = book.find(account).directory
    return _named("account", account, directories), _named("folder", folder, names)


def _named(what: str, wanted: str | None, names: set[str]) -> str | None:
    if wanted is None:
        return None
    meant = in_any_case(wanted, names)
    if len(meant) > 1:
        raise LocalError(f"There are {' and '.join(meant)}.", remedy=f"Write the {what} in its own case.")
    if not meant:
        raise LocalError(
            f"There is no {what} {wanted!r}.", remedy=f"Choose one of {', '.join(sorted(names))}."
        )
    return meant[0]


def in_any_case(wanted: str, names: Collection[str]) -> list[str]:
    """The names this one may mean: itself, or those that differ only in upper and lower case."""
    if wanted in names:
        return [wanted]
    return sorted(name for name in names if name.casefold() == wanted.casefold())


def show(args: Namespace) -> int:
    """Print one message as text, or with ``--raw`` the raw message."""
    with up_to_date(args) as services:
        index = services.index
        row = index.message(args.id)
        from misfin_tui.services import invitations  # late: asyncio takes longer than a list

        message = invitations.read(services, row)
        if args.raw:
            data = message.misfin.gemmail if message.misfin else index.raw(row)
            if args.json:
                emit(
                    args,
                    record_of(row, account_keys(services, row.account))
                    | {"gemmail": data.decode("utf-8", "replace")},
                    "",
                )
            else:
                sys.stdout.flush()
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            return Exit.DONE
        if args.json:
            emit(
                args,
                record_of(row, account_keys(services, row.account))
                | {"text": message.text, "kind": message.kind.value},
                "",
            )
        else:
            print("\n".join(_page(row, message)))
    return Exit.DONE


@contextmanager
def up_to_date(args: Namespace) -> Iterator[Services]:
    """Open the profile and bring its index up to date with the files."""
    with open_services(args) as services:
        for folder in services.index.scan().unreadable:
            say(f"{folder} cannot be read, so its list may be old. Check its owner and permissions.")
        yield services


def record_of(row: MessageRow, account: Record) -> dict[str, object]:
    """The stable keys of a message in ``--json`` (docs/command-line.md §3)."""
    return {
        "id": row.id,
        **account,
        "folder": row.folder,
        "from": _sender(row),
        "to": list(row.to),
        "subject": row.subject,
        "date": iso(row.date),
        "unread": row.unread,
        "starred": row.starred,
        "tags": list(row.tags),
        "trust": row.evidence.value,
        "thread": row.thread,
        "size": row.size,
        "path": str(row.path),
    }


def _sender(row: MessageRow) -> str:
    return f"{row.sender} <{row.sender_address}>" if row.sender else row.sender_address


def _line(row: MessageRow) -> str:
    marks = ("●" if row.unread else " ") + ("★" if row.starred else " ") + row.evidence.sign
    who = (row.sender or row.sender_address)[:24]
    return f"{row.id[:28]:28}  {marks}  {iso(row.date)[:16]:16}  {who:24}  {row.subject}"


def _when(row: MessageRow, message: ParsedMessage) -> str:
    here = message.written_here or (message.misfin is None and is_written(row.account, row.folder))
    words = message.misfin.verification if message.misfin is not None else None
    return evidence.clause(row.evidence, message.address_kind, written_here=here, words=words)


def _page(row: MessageRow, message: ParsedMessage) -> Iterator[str]:
    head: Record = {
        "From": _sender(row),
        "To": ", ".join(row.to),
        "Date": iso(row.date),
        "Subject": row.subject,
        "Trust": f"{row.evidence.sign} {row.evidence}: {_when(row, message)}",
    }
    for name, value in head.items():
        yield shown(f"{name:8} {value}")
    for attachment in message.attachments:
        yield plain(
            f"{'File':8} {attachment.name} ({attachment.type}, {attachment.size:,} bytes)", one_line=True
        )
    for remark in message.remarks:
        yield f"{'Note':8} {remark.value}"
    yield ""
    yield plain(message.text, one_line=False)
