"""``misfin-tui account``: list the accounts of the profile, show one."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from misfin_tui.cli import Exit
from misfin_tui.cli.output import emit, emit_table, open_services, say

if TYPE_CHECKING:
    from misfin.model.account import Account
    from misfin_tui.services import Services


def list_accounts(args: Namespace) -> int:
    """List the accounts, the default first."""
    with open_services(args) as services:
        accounts = services.accounts.read_all()
        records = [_record(each, at == 0, services) for at, each in enumerate(accounts)]
        emit_table(args, records, ("name", "kind", "address", "title", "default"))
        for problem in services.account_book.problems():
            say(problem)
    return Exit.DONE


def show(args: Namespace) -> int:
    """Show one account: its kind, its address and where its mail is."""
    with open_services(args) as services:
        book, preferred = services.account_book, services.config.identity.default
        account = book.find(args.name) if args.name else book.default(preferred)
        record = _record(account, account == book.default(preferred), services)
    title = f"{account.title} ({account.address})" if account.title else account.address
    lines = [
        title,
        f"  name     {account.name}",
        f"  kind     {account.kind.value}",
        f"  mail     {record['path']}",
        f"  default  {'yes' if record['default'] else 'no'}",
    ]
    if args.json:
        emit(args, record, "")
    else:
        for line in lines:
            emit(args, {}, line)
    return Exit.DONE


def _record(account: Account, default: bool, services: Services) -> dict[str, object]:
    return {
        "name": account.name,
        "kind": account.kind.value,
        "address": account.address,
        "title": account.title,
        "default": default,
        "path": str(services.profile.mail / account.directory),
    }
