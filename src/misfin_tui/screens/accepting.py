"""Accepting a mailing list, or the results of one's own mail server, at a message and after a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screentext import plain
from misfin_tui.services.accepted_lists import acceptance_of
from misfin_tui.wording.trust_list import taking_back

if TYPE_CHECKING:
    from misfin.store.rows import MessageRow
    from misfin_tui.screens.selection import Selection


async def accept_list(selection: Selection) -> None:
    """Call it in a worker."""
    screen, lists = selection.screen, acceptance_of(selection.services)
    try:
        row = await selection.chosen_message()
        signer = None if row is None else await lists.signer(row)
        if signer is None:
            screen.misfin.say(
                "No mailing list signed this message, so there is none to accept. The details say more.",
                severity="warning",
            )
            return
        name, domain = plain(signer.list_id, one_line=True), plain(signer.domain, one_line=True)
        if signer.accepted:
            title, yes = "Accepted list", "Take back"
            question = taking_back(name, domain)
        else:
            title, yes = "Accept list", "Accept"
            question = (
                f"Accept the mailing list {name}?\n\n{domain} signed this message for it. What it signs for"
                " this list will be unconfirmed (◐) and no longer marked ⚠, even if the author's domain asks"
                f" for proof. Accept only a list you know: {domain} can change what people write to it."
            )
        if not await screen.app.push_screen_wait(ConfirmDialog(title, question, yes=yes)):
            return
        await (lists.take_back(signer) if signer.accepted else lists.accept(signer))
    except MisfinError as error:
        screen.misfin.report(error)
        return
    key = screen.misfin.keys.shown("accept-list")
    done = f"{name} is no longer accepted." if signer.accepted else f"{name} is accepted.  {key} take back"
    screen.misfin.say(done, about="lists")


async def accept_server(selection: Selection) -> None:
    """Call it in a worker."""
    screen, authorship = selection.screen, selection.services.mail.authorship
    try:
        row = await selection.chosen_message()
        server = "" if row is None else await authorship.proposal(row.account)
        if row is None or not server:
            screen.misfin.say(_no_server(selection, row), severity="warning")
            return
        name = plain(server, one_line=True)
        question = (
            f"Count what {name} found out?\n\nAll mail that came to {row.account} by this server has its"
            " results (Authentication-Results). If it is your own mail server, they can count beside what is"
            f' checked here.\n\nThe settings will say authserv_id = "{name}" for {row.account}; remove the'
            " line to take it back."
        )
        if not await screen.app.push_screen_wait(ConfirmDialog("Accept server", question, yes="Accept")):
            return
        screen.misfin.use_config(await authorship.accept_server(row.account, server))
        selection.services.mail.rescan()
    except MisfinError as error:
        screen.misfin.report(error)
    except OSError as error:
        screen.misfin.say(f"The settings could not be written: {error.strerror}.", severity="error")
    else:
        screen.misfin.say(f"What {name} found out counts for {row.account} from now on.", about="lists")


def _no_server(selection: Selection, row: MessageRow | None) -> str:
    account = None if row is None else selection.services.config.accounts.get(row.account)
    if account is not None and account.authserv_id:
        name = plain(account.authserv_id, one_line=True)
        return f"What {name} found out counts already; authserv_id in the settings says so."
    return (
        "No server is known whose results could count: they must be in all mail that came by it, from several"
        " proven senders."
    )
