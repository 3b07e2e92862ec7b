"""Adding an e-mail account in plain lines: who, which servers, does it work. Nothing is saved before that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.email.account import MailServer, SecretPlace
from misfin.email.secrets import own_entry
from misfin.errors import MisfinError
from misfin_tui.config.email import check_address, conflicts, secret_reader, server_for
from misfin_tui.linear.account_test import tested
from misfin_tui.linear.oauth_steps import OAuthSteps, wants_oauth
from misfin_tui.linear.questions import choose, typed
from misfin_tui.services.email import account_config
from misfin_tui.wording.first_steps import (
    EMAIL,
    LOOKING,
    NOTHING,
    UNTESTED,
    WITHOUT_KEYRING,
)

if TYPE_CHECKING:
    from misfin.email.discovery import Discovery, Found
    from misfin_tui.config.accounts import AccountConfig
    from misfin_tui.linear.desk import Desk

INCOMING = "Such as imaps://imap.example.org or pop3s://pop.example.org, or imap:// for STARTTLS."
OUTGOING = "Such as smtps://smtp.example.org, or smtp:// for STARTTLS."
STOPPED = "Nothing was saved. Type setup to begin again."


async def add_email(desk: Desk) -> None:
    """Ask for an account and test it, then save it. Raises :class:`Interrupted` for ctrl+c."""
    accounts = desk.services.email_accounts
    await desk.say(EMAIL)
    address = await typed(desk.terminal, "E-mail address", problem=_wrong_address)
    search = asyncio.create_task(_find(desk, address))  # while the rest is typed
    try:
        title = await typed(desk.terminal, "Your name (optional)", problem=_wrong_name)
        no_keyring = await accounts.keyring_problem()
        password, command = await _secret(desk, no_keyring)
        if not search.done():
            await desk.say(LOOKING.format(address=address))
        discovery = await search
    finally:
        search.cancel()
    found = discovery.best if discovery is not None else None
    servers = await _servers(desk, address, found)
    if servers is None:
        await desk.say(STOPPED)
        return
    incoming, outgoing = servers
    name = await _name(desk, address)
    settings = account_config(address, title=title, incoming=incoming, outgoing=outgoing)
    if command:
        settings = replace(settings, password=secret_reader("password")({SecretPlace.COMMAND.value: command}))
    elif password:
        settings = replace(settings, password=own_entry(name))
    oauth = OAuthSteps()
    if await wants_oauth(desk, found, typed_password=bool(password or command)):
        settings = await oauth.sign_in(desk, name, settings)
    elif not (password or command):
        await desk.say("An account needs a password.", STOPPED)
        return
    if (conflict := conflicts(settings)) is not None:
        await desk.say(f"{conflict[1]}.", STOPPED)
        return
    if not await _worth_saving(desk, name, settings, password or None, oauth.access):
        await desk.say(STOPPED)
        return
    secrets = oauth.secrets(name)
    await desk.use_config(await accounts.add(name, settings, password=password or None, more=secrets))
    await desk.say(
        f"{address} is ready. Type compose to write a message. New mail is announced as it arrives."
    )


def _wrong_address(text: str) -> str:
    try:
        check_address(text)
    except ValueError as error:
        return f"{error}."
    return "" if text else "Enter your address."


def _wrong_name(text: str) -> str:
    return "" if text.isprintable() else "A name cannot contain control characters."


async def _find(desk: Desk, address: str) -> Discovery | None:
    try:
        return await desk.services.email_accounts.find(address)
    except MisfinError:
        return None  # the next step says that nothing was found


async def _secret(desk: Desk, no_keyring: str) -> tuple[str, str]:
    """The password for the keyring, or a command that prints it."""
    if no_keyring:
        await desk.say(f"{no_keyring} {WITHOUT_KEYRING}")
        return "", await typed(desk.terminal, "Command")
    await desk.say(
        "The password is not shown while you type it, and is kept in the keyring.",
        "Leave it empty to sign in with a browser.",
    )
    return await desk.terminal.ask_secret("Password: "), ""


async def _servers(desk: Desk, address: str, found: Found | None) -> tuple[MailServer, MailServer] | None:
    """The servers for incoming and outgoing mail, once somebody agrees to them; None where they do not."""
    if found is None:
        await desk.say(NOTHING.format(address=address))
    else:
        user = found.incoming.user or address
        said = (found.detail, f"Incoming: {found.incoming}", f"Outgoing: {found.outgoing}")
        more = (f"You log in as {user}.", found.advice, found.question)
        choices: dict[str | None, str] = {None: "Stop", "use": "Use these servers", "other": "Enter others"}
        chosen = await choose(desk.terminal, filter(None, (*said, *more)), choices)
        if chosen is None:
            return None
        if chosen == "use":
            return found.incoming, found.outgoing
    return await _server(desk, found, incoming=True), await _server(desk, found, incoming=False)


async def _server(desk: Desk, found: Found | None, *, incoming: bool) -> MailServer:
    await desk.say(INCOMING if incoming else OUTGOING)

    def problem(text: str) -> str:
        try:
            server_for(text, incoming=incoming)
        except MisfinError as error:
            return f"{error} {error.remedy}".strip()
        return ""

    usual = str(found.incoming if incoming else found.outgoing) if found else ""
    url = await typed(
        desk.terminal, "Incoming server" if incoming else "Outgoing server", usual, problem=problem
    )
    return server_for(url, incoming=incoming)


async def _name(desk: Desk, address: str) -> str:
    accounts = desk.services.email_accounts
    while True:
        name = await typed(desk.terminal, "Account name", await accounts.suggested_name(address))
        problem = await accounts.problem_with_name(name)
        if not problem:
            return name
        await desk.say(problem)


async def _worth_saving(
    desk: Desk, name: str, settings: AccountConfig, password: str | None, token: str | None
) -> bool:
    """Test it, and ask whether to save it; again as often as somebody wants."""
    while True:
        works = await tested(desk, name, settings, password, token)
        lines = (f"Save {settings.address} as {name}?",) if works else UNTESTED
        choices: dict[str | None, str] = {None: "Stop without saving", "save": "Save"}
        if not works:
            choices["again"] = "Test again"
        chosen = await choose(desk.terminal, lines, choices)
        if chosen != "again":
            return chosen == "save"
