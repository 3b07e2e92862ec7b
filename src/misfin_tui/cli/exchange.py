"""``misfin-tui import`` and ``export``: mail from and to other programs."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from misfin.errors import AccountError
from misfin.model.account import Account, Kind
from misfin.model.address import MisfinAddress
from misfin.model.folders import FOLDERS
from misfin.store.mail.maildir import Entry
from misfin.store.rows import View
from misfin.store.transfer.exporting import export_gemtext, export_mbox
from misfin.store.transfer.importing import import_mail as take_in
from misfin_tui.cli import Exit
from misfin_tui.cli.mail import in_any_case
from misfin_tui.cli.output import account_keys, emit, open_services, say
from misfin_tui.services import Services

_SHOWN = 20
"""Skipped messages that are listed one by one."""
_EVERY = 0.2
"""Seconds between two lines of progress."""


def import_mail(args: Namespace) -> int:
    """Copy mail into an account; skip what is already there, and report what cannot be read."""
    with open_services(args, new=bool(args.account)) as services:
        account = _account(args, services)
        folders = {*FOLDERS, *services.store.folders(account.directory)}
        with _progress("imported", "comparing with existing mail …") as update:
            report = take_in(
                Path(args.source).expanduser(),
                services.store,
                MisfinAddress.parse(account.address),
                now=datetime.now(UTC),
                directory=account.directory,
                folder=next(iter(in_any_case(args.folder, folders)), args.folder),
                progress=update,
            )
        for address in report.blocked:
            services.contact_book.block(address, now=time.time())
        named = account_keys(services, account.directory)
    for skipped in report.skipped[:_SHOWN]:
        say(f"skipped: {skipped.where}: {skipped.why}")
    record = {
        "kind": report.kind.value,
        **named,
        "added": report.added,
        "known": report.known,
        "skipped": report.skipped_count,
        "blocked": list(report.blocked),
    }
    emit(
        args,
        record,
        f"{report.added} added to {account.address}, {report.known} already there, "
        f"{report.skipped_count} skipped",
    )
    return Exit.DONE


def export_mail(args: Namespace) -> int:
    """Write what a search finds, or everything, as one mbox file or as ``.gmi`` files."""
    target = Path(args.target).expanduser()
    with open_services(args) as services:
        services.index.scan()
        messages = _entries(services, args.query)
    write = export_mbox if args.format == "mbox" else export_gemtext
    with _progress("exported") as update:
        report = write(messages, target, progress=update)
    for skipped in report.skipped[:_SHOWN]:
        say(f"skipped: {skipped.where}: {skipped.why}")
    record = {"path": str(target), "written": report.written, "skipped": len(report.skipped)}
    emit(args, record, f"{report.written} written to {target}, {len(report.skipped)} skipped")
    return Exit.DONE


def _account(args: Namespace, services: Services) -> Account:
    """The account of that name or address; an address without an account gets a mailbox of its own."""
    book = services.account_book
    if not args.account:
        accounts = book.all()
        if not accounts:
            raise AccountError(
                "There is no account to import into.",
                remedy="Create an identity first, or name an account with --account.",
            )
        return accounts[0]
    try:
        return book.find(args.account)
    except AccountError:
        if "@" not in args.account:
            raise
        address = MisfinAddress.parse(args.account).address
        return Account(address, Kind.MISFIN, address)


def _entries(services: Services, query: str) -> list[Entry]:
    """The files of the messages that a query finds, oldest first."""
    everything = sum(folder.total for folder in services.index.folders())
    rows = services.index.messages(View(query=query), everything, 0)
    entries = (services.store.folder(row.account, row.folder).find(row.id) for row in reversed(rows))
    return [entry for entry in entries if entry is not None]


@contextmanager
def _progress(verb: str, at_first: str = "") -> Iterator[Callable[[int, int], None]]:
    """Show progress on a terminal now and then; ``at_first`` until there is a number."""
    last, width = time.monotonic(), 0

    def write(text: str) -> None:
        nonlocal width
        if sys.stderr.isatty():
            print(f"\r{text.ljust(width)}", end="", file=sys.stderr, flush=True)
            width = len(text)

    def update(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > _EVERY:
            last = time.monotonic()
            write(f"{verb} {done:,} of {total:,}")

    write(at_first)
    try:
        yield update
    finally:
        if width:
            write("")
            write("")  # puts the cursor back, too
