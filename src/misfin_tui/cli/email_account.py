"""``misfin-tui account add``, ``test``, ``remove``, ``password``: e-mail accounts at the shell."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.email.account import Login, MailServer, SecretPlace, SecretRef, parse_server
from misfin.email.checking import Checked, CheckVerdict
from misfin.email.secrets import own_entry
from misfin.errors import AccountError, LocalError
from misfin.model.account import Kind
from misfin_tui.cli import Exit, complain
from misfin_tui.cli.asking import ask_yes, first_line_or_typed
from misfin_tui.cli.output import emit, open_services, say
from misfin_tui.config.email import check_address, conflicts, secret_reader
from misfin_tui.services.email import account_config, removal_question

if TYPE_CHECKING:
    from misfin.email.discovery import Found
    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.services import Services

_SIGNS = {
    CheckVerdict.GOOD: "ok",
    CheckVerdict.NOTE: "note",
    CheckVerdict.BAD: "failed",
    CheckVerdict.ASKS: "decide",
}


def add(args: Namespace) -> int:
    """Add an e-mail account: find its servers unless they are given, test them, then write the settings."""
    if args.kind == Kind.GMAP:
        from misfin_tui.cli import gmap_account

        return gmap_account.add(args)
    if not args.address:
        raise LocalError("An e-mail account needs --address.", remedy="Write it as name@example.org.")
    try:
        check_address(args.address)
    except ValueError as error:
        raise LocalError(f"{error}.", remedy="Write it as name@example.org.") from None
    with open_services(args, new=True) as services:
        if problem := services.email_accounts.name_problem(args.name):
            raise AccountError(problem, remedy="Choose another name.")
        settings = _settings(args, services)
        if settings is None:
            return Exit.HELD
        password = first_line_or_typed(f"Password for {args.address}") if args.keyring else None
        if password == "":
            raise LocalError("The password is empty.", remedy="Give it on the first line of standard input.")
        status = Exit.DONE
        if not (args.no_test or args.client_id):  # nobody has signed in yet
            status = _checked(args, services, args.name, settings, password)
        if status is Exit.FAILED:
            complain("The account was not added.", "Correct what failed, or add it with --no-test.")
            return status
        asyncio.run(services.email_accounts.add(args.name, settings, password=password))
        where = str(services.profile.config)
    then = f" Sign in now: misfin-tui account login {args.name}" if args.client_id else ""
    emit(
        args,
        {"name": args.name, "address": args.address, "config": where},
        f"Added the account {args.name} to {where}.{then}",
    )
    return status


def test(args: Namespace) -> int:
    """Check an account's servers: DNS, TCP, TLS, login, folders and the largest message."""
    with open_services(args) as services:
        account = services.account_book.find(args.name)
        if account.kind is Kind.GMAP:
            from misfin_tui.cli import gmap_account

            return gmap_account.test(args, services, account.name)
        name = _email(services, args.name)
        settings = services.config.accounts[name]
        if not (settings.imap or settings.pop3 or settings.smtp):
            raise AccountError(f"The account {name} has no servers.", remedy="Set `imap` and `smtp`.")
        status = _checked(args, services, name, settings, None)
        if status is Exit.DONE and (freed := asyncio.run(services.email_accounts.login_changed(name))):
            them = "a delivery that was" if freed == 1 else f"{freed:,} deliveries that were"
            say(f"`misfin-tui outbox run` sends {them} held because of the account.")
    return status


def remove(args: Namespace) -> int:
    """Remove an account from the settings, and its password from the keyring."""
    with open_services(args) as services:
        found = services.account_book.find(args.name)
        name = found.name if found.kind is Kind.GMAP else _email(services, args.name)
        address = found.address
        mail = services.profile.mail / found.directory
        unsent = services.email_accounts.count_unsent(name)
        if not args.yes and not ask_yes(removal_question(name, address, str(mail), unsent)):
            say("Nothing was removed; --yes removes it without asking.")
            return Exit.HELD
        removed = asyncio.run(services.email_accounts.remove(name))
    secret = " Its password was removed from the keyring." if removed.secret else ""
    many = "delivery was" if removed.cancelled == 1 else "deliveries were"
    cancelled = f" {removed.cancelled:,} {many} cancelled." if removed.cancelled else ""
    emit(
        args,
        {
            "name": name,
            "removed": True,
            "path": removed.mail,
            "secret_removed": removed.secret,
            "cancelled": removed.cancelled,
        },
        f"Removed the account {name}. Its mail is still in {removed.mail}.{secret}{cancelled}",
    )
    return Exit.DONE


def password(args: Namespace) -> int:
    """Keep the password of an account in the keyring; typed without echo, or the first line of the input."""
    with open_services(args) as services:
        name = _email(services, args.name)
        typed = first_line_or_typed(f"Password for {services.config.accounts[name].address}")
        if not typed:
            raise LocalError("The password is empty.", remedy="Nothing was changed.")
        asyncio.run(services.email_accounts.set_password(name, typed))
    emit(args, {"name": name, "stored": True}, f"The password of {name} is in the keyring.")
    return Exit.DONE


# ---- settings of a new account


def _settings(args: Namespace, services: Services) -> AccountConfig | None:
    """The settings of the new account; None where the person does not agree to the servers found."""
    incoming = _server(args.imap or args.pop3)
    outgoing = _server(args.smtp)
    login = Login.PASSWORD
    if incoming is None and outgoing is None:
        found = _found(args, services)
        if found is None:
            return None
        incoming, outgoing = found.incoming, found.outgoing
    if args.token_command or args.client_id:
        login = Login.OAUTH
    settings = replace(
        account_config(
            args.address,
            title=args.title,
            incoming=incoming,
            outgoing=outgoing,
            login=login,
            password=_kept(args),
        ),
        token=_ref("token", SecretPlace.COMMAND, args.token_command),
        client_id=args.client_id or "",
        ca_file=args.ca_file or "",
    )
    if login is Login.PASSWORD and settings.password is None:
        raise LocalError(
            "Say where the password is.",
            remedy="Give --keyring, --password-command or --password-env (or --token-command for OAuth).",
        )
    if (conflict := conflicts(settings)) is not None:
        raise LocalError(f"{conflict[1]}.", remedy=conflict[1].remedy)
    return settings


def _server(url: str | None) -> MailServer | None:
    return parse_server(url) if url else None


def _ref(key: str, place: SecretPlace, name: str | None) -> SecretRef | None:
    return secret_reader(key)({place.value: name}) if name else None


def _kept(args: Namespace) -> SecretRef | None:
    if args.keyring:
        return own_entry(args.name)
    return _ref("password", SecretPlace.COMMAND, args.password_command) or _ref(
        "password", SecretPlace.ENV, args.password_env
    )


def _found(args: Namespace, services: Services) -> Found | None:
    """The servers of the address, once the person agrees to them."""
    say(f"Looking for the servers of {args.address} …")
    discovery = asyncio.run(services.email_accounts.find(args.address))
    best = discovery.best
    if best is None:
        for failure in discovery.failures:
            say(f"{failure.how.value}: {failure.reason}")
        raise AccountError(
            f"No servers were found for {args.address}.",
            remedy="Give them: --imap imaps://HOST --smtp smtps://HOST; your provider's help names them.",
        )
    say(f"{best.detail}")
    say(f"  incoming  {best.incoming}")
    say(f"  outgoing  {best.outgoing}")
    if best.advice:
        say(best.advice)
    if best.question:
        say(best.question)
    if args.yes or ask_yes("Use these servers?"):
        return best
    say("Nothing was added; --yes uses the servers that are found.")
    return None


# ---- checking


def _checked(
    args: Namespace, services: Services, name: str, settings: AccountConfig, password: str | None
) -> Exit:
    """Check it and print each step as it is known."""

    def report(checked: Checked) -> None:
        protocol, sign = checked.server.protocol.value, _SIGNS[checked.verdict]
        remedy = f" {checked.remedy}" if checked.remedy else ""
        record = {
            "server": str(checked.server),
            "step": checked.step.value,
            "verdict": checked.verdict.value,
            "text": checked.text,
            "remedy": checked.remedy,
            "fingerprint": checked.fingerprint,
        }
        emit(args, record, f"{protocol:<4}  {checked.step:<7}  {sign:<6}  {checked.text}{remedy}")

    found = asyncio.run(services.email_accounts.check(name, settings, report, password=password))
    return _worst(found)


def _worst(found: Sequence[Checked]) -> Exit:
    verdicts = {each.verdict for each in found}
    if CheckVerdict.BAD in verdicts:
        return Exit.FAILED
    return Exit.HELD if CheckVerdict.ASKS in verdicts else Exit.DONE


def _email(services: Services, wanted: str) -> str:
    """The name of the e-mail account that is meant."""
    account = services.account_book.find(wanted)
    if account.kind is not Kind.EMAIL:
        raise AccountError(
            f"{account.name} is not an e-mail account.",
            remedy="A Misfin account is its identity: see `misfin-tui identity`.",
        )
    return account.name
