"""``misfin-tui account add --kind gmap`` and ``test``: mailboxes kept on somebody's server, at the shell."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import TYPE_CHECKING

from misfin.errors import AccountError, LocalError, MisfinError
from misfin.model.account import Kind
from misfin_tui.cli import Exit, complain
from misfin_tui.cli.output import emit, open_services, say
from misfin_tui.services.mailboxes import remote_mailboxes, remove_empty_mail

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
        remove_empty_mail(services, address)
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
    """Look at the mailbox, and report each step up to the first that failed."""
    from misfin.trust.refusal import TrustError

    identity = services.identity_store.load(settings.identity)
    server = settings.host if not settings.port else f"{settings.host}:{settings.port}"
    accept = services.config.trust.first_use == "accept"
    look = remote_mailboxes(services).look
    try:
        found = asyncio.run(look(settings.host, settings.port, identity, trust_on_first_use=accept))
    except MisfinError as error:
        failed = _step_of(error)
        for step in _STEPS[: _STEPS.index(failed)]:
            _report(args, server, step, _DONE[step])
        _report(args, server, failed, str(error), remedy=error.remedy, good=False)
        return Exit.HELD if isinstance(error, TrustError) else Exit.FAILED
    server, fingerprint = found.server, found.fingerprint
    for step in _STEPS[:-1]:
        _report(args, server, step, _DONE[step], fingerprint=fingerprint if step == "trust" else "")
    _report(
        args,
        server,
        "inbox",
        f"{found.inbox:,} {'message' if found.inbox == 1 else 'messages'} in the inbox.",
        fingerprint=fingerprint,
    )
    if fingerprint:
        say(f"The trusted certificate of {server} has the fingerprint {fingerprint}.")
    return Exit.DONE


_DONE = {
    "server": "It answers, and speaks TLS.",
    "trust": "Its certificate is the trusted one.",
    "identity": "It accepts the certificate of the mailbox.",
}
_STEPS = (*_DONE, "inbox")


def _step_of(error: MisfinError) -> str:
    """The step at which something failed."""
    from misfin.errors import DeliveryError
    from misfin.gmap.errors import GmapTimeoutError, NotForUsError
    from misfin.trust.refusal import TrustError

    match error:
        case TrustError():
            return "trust"
        case NotForUsError():
            return "identity"
        case GmapTimeoutError():
            return "inbox"
        case DeliveryError():
            return "server"
    return "inbox"


def _report(
    args: Namespace,
    server: str,
    step: str,
    text: str,
    *,
    remedy: str = "",
    fingerprint: str = "",
    good: bool = True,
) -> None:
    record = {
        "server": server,
        "step": step,
        "verdict": "good" if good else "bad",
        "text": text,
        "remedy": remedy,
        "fingerprint": fingerprint,
    }
    line = f"gmap  {server}  {step}  {'ok' if good else 'failed'}  {text}"
    emit(args, record, f"{line} {remedy}".rstrip())
