"""``misfin-tui account add --kind gmap`` and ``test``: mailboxes kept on somebody's server, at the shell."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import TYPE_CHECKING

from misfin.errors import AccountError, LocalError, MisfinError
from misfin.model.account import Kind
from misfin_tui.cli import Exit, complain
from misfin_tui.cli.output import emit, open_services, say
from misfin_tui.services.mailboxes import remote_mailboxes

if TYPE_CHECKING:
    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.services import Services


def add(args: Namespace) -> int:
    """Add an account for a remote mailbox: ask its server first, then write the settings."""
    from misfin.model.address import normal_hostname
    from misfin_tui.config.accounts import AccountConfig

    if not (args.host and args.identity):
        raise LocalError(
            "A mailbox kept on a server needs --host and --identity.",
            remedy="The operator of the server gives you the identity: misfin-tui identity import FILE.",
        )
    host = normal_hostname(args.host)
    settings = AccountConfig(
        Kind.GMAP.value, name=args.title, host=host, port=args.port, identity=args.identity
    )
    status = Exit.DONE
    with open_services(args, new=True) as services:
        if problem := services.email_accounts.name_problem(args.name):
            raise AccountError(problem, remedy="Choose another name.")
        address = services.identity_store.load(args.identity).address.address
        if not args.no_test:
            status = _checked(args, services, settings)
        if status is not Exit.DONE:
            complain("The account was not added.", "Correct what failed, or add it with --no-test.")
            return status
        asyncio.run(services.email_accounts.add(args.name, settings))
        where = str(services.profile.config)
    emit(
        args,
        {"name": args.name, "address": address, "config": where},
        f"Added the account {args.name} ({address}) to {where}.",
    )
    return status


def test(args: Namespace, services: Services, name: str) -> Exit:
    """Ask the server of an account for its inbox, without changing anything."""
    return _checked(args, services, services.config.accounts[name])


def _checked(args: Namespace, services: Services, settings: AccountConfig) -> Exit:
    from misfin.trust.refusal import TrustError

    identity = services.identity_store.load(settings.identity)
    server = settings.host if not settings.port else f"{settings.host}:{settings.port}"
    accept = services.config.trust.first_use == "accept"
    look = remote_mailboxes(services).look
    verdict, remedy, status, fingerprint = "ok", "", Exit.DONE, ""
    try:
        found = asyncio.run(look(settings.host, settings.port, identity, trust_on_first_use=accept))
    except MisfinError as error:
        text, remedy, verdict = str(error), error.remedy, "failed"
        status = Exit.HELD if isinstance(error, TrustError) else Exit.FAILED
    else:
        server, fingerprint = found.server, found.fingerprint
        text = f"{found.inbox:,} {'message' if found.inbox == 1 else 'messages'} in the inbox."
    record = {
        "server": server,
        "step": "inbox",
        "verdict": {"ok": "good", "failed": "bad"}[verdict],
        "text": text,
        "remedy": remedy,
        "fingerprint": fingerprint,
    }
    emit(args, record, f"gmap  {server}  {verdict}  {text}{' ' + remedy if remedy else ''}")
    if fingerprint:
        say(f"The certificate of {server} is trusted from now on: {fingerprint}")
    return status
