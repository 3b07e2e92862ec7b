"""``misfin-tui account``: list the accounts of the profile, show one."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from typing import TYPE_CHECKING

from misfin.errors import StoreError
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
        server = _proposal(services, account.name)
    title = f"{account.title} ({account.address})" if account.title else account.address
    lines = [
        title,
        f"  name     {account.name}",
        f"  kind     {account.kind.value}",
        f"  mail     {record['path']}",
        f"  default  {'yes' if record['default'] else 'no'}",
        *([f"  [accounts.{account.name}]"] if values else []),
        *(f"    {key} = {toml_value(value)}" for key, value in values.items()),
        *([f'    # authserv_id = "{server}" would count what your server found out'] if server else []),
    ]
    if args.json:
        proposed = {"proposed_authserv_id": server} if server else {}
        emit(args, record | ({"settings": values} if settings is not None else {}) | proposed, "")
    else:
        for line in lines:
            emit(args, {}, line)
    return Exit.DONE


def _proposal(services: Services, name: str) -> str:
    """The server whose results could count for an account that believes none; empty if there is none."""
    settings = services.config.accounts.get(name)
    if settings is None or settings.authserv_id or not services.profile.mail.exists():
        return ""
    from misfin.post.authorship import propose_server  # late: only e-mail needs it

    with suppress(StoreError):
        return propose_server(services.index, name)
    return ""


def _record(account: Account, default: bool, services: Services) -> dict[str, object]:
    return {
        "name": account.name,
        "kind": account.kind.value,
        "address": account.address,
        "title": account.title,
        "default": default,
        "path": str(services.profile.mail / account.directory),
    }
