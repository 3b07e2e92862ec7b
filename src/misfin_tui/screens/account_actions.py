"""What can be done with an e-mail account, wherever one is: edit, test, change its password, remove it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from misfin.email.account import Login
from misfin.errors import MisfinError
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.prompt import ChooseDialog, PromptDialog
from misfin_tui.host import AccountAction, Host, host_of
from misfin_tui.wording.message import at_home

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from textual.app import App


async def run(app: App[Any], action: AccountAction, name: str = "") -> None:
    """Do it to the named account, or ask which. Call it in a worker.

    ``name`` is the account at hand; where it is not an e-mail account, which one is asked.
    """
    host = host_of(app)
    accounts = {each: found for each, found in host.config.accounts.items() if found.logs_in}
    if not accounts:
        host.say(f"There is no e-mail account to {action.value.lower()}.")
        return
    if name not in accounts:
        options = [(each, each, account.address) for each, account in accounts.items()]
        chosen: str | None = next(iter(accounts))
        if len(options) > 1:
            question = f"{action.value} which account?"
            dialog: ChooseDialog = ChooseDialog(question, options)
            chosen = await app.push_screen_wait(dialog)
        name = chosen or ""
    if name:
        try:
            await _DO[action](app, host, name)
        except MisfinError as error:
            host.report(error)


async def _edit(app: App[Any], host: Host, name: str) -> None:
    from misfin_tui.screens.email_wizard import EmailWizardScreen

    await app.push_screen_wait(EmailWizardScreen(name))


async def _test(app: App[Any], host: Host, name: str) -> None:
    from misfin_tui.screens.account_test import AccountTestScreen

    await app.push_screen_wait(AccountTestScreen(name))


async def _password(app: App[Any], host: Host, name: str) -> None:
    """Another password; of an account with OAuth, another sign-in."""
    account = await asyncio.to_thread(host.services.email_accounts.account, name)
    if account.login is not Login.OAUTH or account.token is not None:
        await change_password(app, name)
        return
    from misfin_tui.dialogs.sign_in import SignInDialog
    from misfin_tui.services.signing_in import keep_sign_in, sign_in_to

    dialog = SignInDialog(await sign_in_to(account), host.services.outside.open_link)
    token = await app.push_screen_wait(dialog)
    if token is not None:
        await keep_sign_in(account, token)
        await host.services.email_accounts.login_changed(name)
        host.say(f"You are signed in: {name} can be used now.")


async def change_password(app: App[Any], name: str, *, or_say: bool = False) -> bool:
    """Take another password for the keyring; with ``or_say``, False where it is to be kept elsewhere.

    Raises :class:`~misfin.errors.MisfinError`.
    """
    host = host_of(app)
    accounts = host.services.email_accounts
    if problem := await accounts.keyring_problem():
        if not or_say:
            host.say(
                f"{problem} Say where the password of {name} is kept, in the settings.", severity="warning"
            )
        return False
    if or_say:
        how = await app.push_screen_wait(
            ChooseDialog(
                f"Password of {name}",
                [
                    ("type", "Enter a new one", "kept in this computer's keyring"),
                    ("say", "Say where it is kept", "a command, a variable or another entry in the keyring"),
                ],
            )
        )
        if how != "type":
            return how != "say"
    word = await app.push_screen_wait(
        PromptDialog(
            f"New password of {name}",
            "It is kept in this computer's keyring.",
            yes="Save",
            password=True,
            check=lambda text: "" if text else "Enter the password.",
        )
    )
    if word:
        host.use_config(await accounts.set_password(name, word))
        host.say(f"The password of {name} is in the keyring.")
    return True


async def _remove(app: App[Any], host: Host, name: str) -> None:
    from misfin_tui.services.email import removal_question  # late: few come here

    accounts = host.services.email_accounts
    unsent = await accounts.unsent(name)
    mail = at_home(host.services.profile.mail / name)
    question = removal_question(name, host.config.accounts[name].address, mail, unsent)
    title = "Remove this account?"
    if await app.push_screen_wait(ConfirmDialog(title, question, yes="Remove", danger=True)):
        host.use_config((await accounts.remove(name)).config)
        host.say(f"Removed the account {name}. Its mail is still in {mail}, and in the sidebar as “removed”.")


async def delete_leftover_mail(app: App[Any], directory: str) -> None:
    """Delete the mail of a removed account for good, after saying how much that is. Call it in a worker."""
    host = host_of(app)
    left = host.services.email_accounts.leftover
    try:
        found = await left.measure(directory)
        attic = f", and {found.attic:,} more in its attic" if found.attic else ""
        question = (
            f"{found.messages:,} {'message' if found.messages == 1 else 'messages'} in {found.folders:,}"
            f" {'folder' if found.folders == 1 else 'folders'} ({_size(found.size)}){attic}, all in"
            f" {at_home(found.folder)}. This cannot be undone. What is on a server stays there."
        )
        title = f"Delete all mail of {directory} for good?"
        if await app.push_screen_wait(ConfirmDialog(title, question, yes="Delete", danger=True)):
            await left.delete(directory)
            host.say(f"The mail of {directory} was deleted.")
    except MisfinError as error:
        host.report(error)


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 10**6 else f"{max(size, 999) / 1e3:,.0f} kB"


_DO: dict[AccountAction, Callable[[App[Any], Host, str], Coroutine[Any, Any, None]]] = {
    AccountAction.EDIT: _edit,
    AccountAction.TEST: _test,
    AccountAction.PASSWORD: _password,
    AccountAction.REMOVE: _remove,
}
