"""Where a link in a message leads: the composer, another message, an attachment, or a program outside."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from misfin.errors import MisfinError
from misfin.model.account import AddressKind
from misfin_tui.dialogs.link import LinkDialog, Opening
from misfin_tui.screens import attachments
from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from misfin_tui.screens.base import AppScreen
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.screens.selection import Selection


async def follow(selection: Selection, prompts: Prompts, target: str) -> None:
    """Follow a link: what leads out of the program asks first. Call it in a worker."""
    screen = selection.screen
    scheme = target.partition(":")[0].lower()
    try:
        if scheme == "misfin" or (
            scheme == "mailto" and await screen.services.sending.can_write_to(AddressKind.MAIL)
        ):
            await screen.misfin.open_link(target)
        elif scheme == "mid":
            await _to_message(selection, target)
        elif scheme == "cid":
            await _to_part(selection, prompts, target)
        else:
            await _outside(screen, target)
    except MisfinError as error:
        screen.misfin.report(error)


def copy(screen: AppScreen, target: str) -> None:
    """Put the target of a link into the clipboard of the terminal."""
    screen.app.copy_to_clipboard(plain(target, one_line=True))
    screen.misfin.say(f"Copied {target}")


async def _to_message(selection: Selection, target: str) -> None:
    found = await selection.services.mail.named(target)
    if found is None:
        selection.misfin.say("The message this link refers to is not here.", severity="warning")
    else:
        await selection.open_message(found)


async def _to_part(selection: Selection, prompts: Prompts, target: str) -> None:
    """To the attachment a ``cid:`` link names, in one of the messages on the screen."""
    name = unquote(target.partition(":")[2]).strip("<>")
    for row, message in selection.messages_shown():
        for number, part in enumerate(message.attachments):
            if name and part.content_id == name:
                await attachments.offer(prompts, row, message, number)
                return
    selection.misfin.say("The attachment this link refers to is not in this message.", severity="warning")


async def _outside(screen: AppScreen, target: str) -> None:
    outside = screen.services.outside
    command = await outside.opener_named(target)
    answer = await screen.app.push_screen_wait(LinkDialog(target, command))
    if answer is Opening.OPEN:
        await outside.open_link(target)
    elif answer is Opening.COPY:
        copy(screen, target)
