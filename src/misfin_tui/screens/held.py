"""Deciding about a message that is held: about the certificate of its sender, or about the message alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.dialogs.confirm import ConfirmDialog

if TYPE_CHECKING:
    from misfin_tui.screens.base import AppScreen
    from misfin_tui.screens.selection import Selection


async def decide(screen: AppScreen, selection: Selection) -> None:
    """Ask what to do with the held message that is selected. Call it in a worker."""
    try:
        row = await selection.held_message()
        if row is None:
            screen.misfin.say("This message is not held.", severity="warning")
        elif not await screen.misfin.ask_trust("sender", row.sender_address):
            await _release(screen, row.id)
    except MisfinError as error:
        screen.misfin.report(error)


async def _release(screen: AppScreen, key: str) -> None:
    """A held message without an open question: the message alone can be let in."""
    trust = screen.services.trust
    held = next((message for message in await trust.held() if message.key == key), None)
    if held is None:
        screen.misfin.say("This message is no longer held.", severity="warning")
        return
    question = (
        "Put this message into the inbox? The pin of its sender does not change: the next message with the"
        " other certificate will be held again."
    )
    if await screen.app.push_screen_wait(ConfirmDialog("Release this message?", question, yes="Release")):
        await trust.release(held)
        screen.misfin.say("The message is now in the inbox.")
