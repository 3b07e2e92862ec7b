"""``misfin-tui account``: list the accounts of the profile, show one."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from misfin_tui.cli import Exit
from misfin_tui.cli.output import emit, emit_table, open_services, say
from misfin_tui.config.writing import set_values, toml_value

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
    """Show one account: its kind, its address, where its mail is, and what is set for it."""
    with open_services(args) as services:
        book, preferred = services.account_book, services.config.identity.default
        account = book.find(args.name) if args.name else book.default(preferred)
        record = _record(account, account == book.default(preferred), services)
        settings = services.config.accounts.get(account.name)
        values = set_values(settings) if settings is not None else {}
    title = f"{account.title} ({account.address})" if account.title else account.address
    lines = [
        title,
        f"  name     {account.name}",
        f"  kind     {account.kind.value}",
        f"  mail     {record['path']}",
        f"  default  {'yes' if record['default'] else 'no'}",
        *([f"  [accounts.{account.name}]"] if values else []),
        *(f"    {key} = {toml_value(value)}" for key, value in values.items()),
    ]
    if args.json:
        emit(args, record | ({"settings": values} if settings is not None else {}), "")
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
