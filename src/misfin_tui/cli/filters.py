"""``misfin-tui filters``: lists filters for new mail, tries them, and runs them on what is in the inbox."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin_tui.cli import Exit, complain
from misfin_tui.cli.mail import record_of, up_to_date
from misfin_tui.cli.output import account_keys, emit, open_services
from misfin_tui.services.filters import filters_of
from misfin_tui.wording.filters import doing

if TYPE_CHECKING:
    from misfin.post.filters import FilterRule


def list_filters(args: Namespace) -> int:
    """List the filters in their order, and report those that cannot run: status 1 if there are any."""
    with open_services(args) as services:
        rules, problems = filters_of(services).rules()
        for rule in rules:
            emit(args, _record(rule), f"{rule.name}: {rule.search}  →  {doing(rule)}")
        for problem in problems:
            complain(problem, "")
    return Exit.FAILED if problems else Exit.DONE


def try_filter(args: Namespace) -> int:
    """Show how many messages in the inbox a filter or a search finds, and the newest of them."""
    if args.most < 0:
        raise InputError("-n must be 0 or greater.")
    with up_to_date(args) as services:
        rule = next((each for each in filters_of(services).rules()[0] if each.name == args.rule), None)
        search, account = (rule.search, rule.account) if rule else (args.rule, "")
        trial = filters_of(services).try_now(search, account, args.most)
        what = f"{rule.name} finds" if rule else "This search finds"
        word = "message" if trial.count == 1 else "messages"
        emit(args, {"count": trial.count}, f"{what} {trial.count:,} {word} in the inbox.")
        for row in trial.first:
            line = f"  {row.sender or row.sender_address}: {row.subject}"
            emit(args, record_of(row, account_keys(services, row.account)) if args.json else {}, line)
    return Exit.DONE


def run_filters(args: Namespace) -> int:
    """Run filters on what is in the inbox already, read or not."""
    with up_to_date(args) as services:
        rules, problems = filters_of(services).rules()
        if unknown := [name for name in args.rule if name not in {rule.name for rule in rules}]:
            raise InputError(
                f"There is no filter {unknown[0]}.", remedy="`misfin-tui filters list` shows your filters."
            )
        for rule in rules:
            if args.rule and rule.name not in args.rule:
                continue
            changed = max((undo.count for undo in filters_of(services).run_now(rule)), default=0)
            word = "message" if changed == 1 else "messages"
            emit(args, {"name": rule.name, "changed": changed}, f"{rule.name}: {changed:,} {word} changed")
        for problem in problems:
            complain(problem, "")
    return Exit.FAILED if problems and not args.rule else Exit.DONE


def _record(rule: FilterRule) -> dict[str, object]:
    return {
        "name": rule.name,
        "search": rule.search,
        "tag": list(rule.tags),
        "folder": rule.folder,
        "star": rule.star,
        "read": rule.read,
        "notify": rule.notify,
        "account": rule.account,
    }
