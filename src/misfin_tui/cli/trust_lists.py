"""``misfin-tui trust list --lists``: the mailing lists that were accepted, to look at and to take back."""

from __future__ import annotations

from argparse import Namespace

from misfin.errors import LocalError
from misfin.store.accepted_lists import FILE, AcceptedList, AcceptedLists
from misfin_tui.cli import Exit
from misfin_tui.cli.output import Record, emit, emit_table, iso, open_services, profile_of


def list_all(args: Namespace) -> int:
    """List every accepted mailing list, and the domain that signs for it."""
    emit_table(args, map(_record, _accepted(args)), ("name", "signed_by", "since"))
    return Exit.DONE


def show(args: Namespace) -> int:
    """Show one of them: a line for each domain that may sign for it."""
    found = [each for each in _accepted(args) if each.list_id == args.name]
    if not found:
        raise _unknown(args)
    emit_table(args, map(_record, found), ("name", "signed_by", "since"))
    return Exit.DONE


def forget(args: Namespace) -> int:
    """No longer accept a list, whoever signs for it; what came from it is rated again."""
    from misfin_tui.services.accepted_lists import rate_again

    with open_services(args) as services:
        index = services.index
        if not index.proofs.lists.take_back(args.name):
            raise _unknown(args)
        rate_again(index, args.name)
    emit(args, {"name": args.name, "forgotten": True}, f"{args.name} is no longer accepted.")
    return Exit.DONE


def _accepted(args: Namespace) -> tuple[AcceptedList, ...]:
    return AcceptedLists(profile_of(args).root / FILE).all()


def _record(each: AcceptedList) -> Record:
    return {"name": each.list_id, "signed_by": each.domain, "since": iso(each.since)}


def _unknown(args: Namespace) -> LocalError:
    return LocalError(
        f"The mailing list {args.name} is not accepted.", remedy="`misfin-tui trust list --lists` shows all."
    )
