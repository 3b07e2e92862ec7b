"""Sending a message again: bounced to others after a question, or edited as a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.compose.addresslist import entries_of
from misfin.errors import MisfinError
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screentext import plain
from misfin_tui.services.resending import resending_of
from misfin_tui.widgets.facts import many

if TYPE_CHECKING:
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.screens.selection import Selection


async def bounce(selection: Selection, prompts: Prompts) -> None:
    """Send the selected message on to others, unchanged. Call it in a worker."""
    screen, resending = selection.screen, resending_of(selection.services)
    answer = ""
    try:
        row = await selection.chosen_message()
        if row is None:
            return
        sender = await resending.from_whom(row)
    except MisfinError as error:
        screen.misfin.report(error)
        return
    while True:
        answer = (
            await prompts.ask("Bounce to", answer, help="one or more addresses", finder=resending.people)
            or ""
        )
        if not (to := entries_of(answer)):
            return
        subject = plain(row.subject, one_line=True) or "(no subject)"
        author = plain(row.sender or row.sender_address, one_line=True)
        question = (
            f"Send “{subject}” to {plain(', '.join(to), one_line=True)}?\n\nIt arrives as a message from"
            f" {author}, marked as resent by {sender}. To add a text of your own, forward it instead."
        )
        if not await screen.app.push_screen_wait(
            ConfirmDialog("Bounce this message?", question, yes="Bounce")
        ):
            return
        try:
            sent = await resending.bounce(row, to)
        except MisfinError as error:
            screen.misfin.report(error)  # then ask again
            continue
        screen.misfin.say(f"Bounced to {many(len(sent), 'recipient')}; it is in the outbox until it is sent.")
        return


async def edit_as_new(selection: Selection) -> None:
    """Open the composer with a copy of the selected message. Call it in a worker."""
    try:
        row = await selection.chosen_message()
        if row is not None:
            selection.misfin.open_composer(await resending_of(selection.services).as_new(row))
    except MisfinError as error:
        selection.misfin.report(error)
