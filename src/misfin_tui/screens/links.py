"""Where a link in a message leads: the composer, another message, an attachment, or a program outside."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from misfin.errors import MisfinError
from misfin_tui.dialogs.link import LinkDialog, Opening
from misfin_tui.screens import attachments

if TYPE_CHECKING:
    from misfin_tui.screens.message_actions import MessageScreen


async def follow(screen: MessageScreen, target: str) -> None:
    """Follow a link: what leads out of the program asks first. Call it in a worker."""
    scheme = target.partition(":")[0].lower()
    try:
        if scheme == "misfin":
            screen.misfin.open_composer(await screen.services.sending.from_link(target))
        elif scheme == "mid":
            await _to_message(screen, target)
        elif scheme == "cid":
            await _to_part(screen, target)
        else:
            await _outside(screen, target)
    except MisfinError as error:
        screen.misfin.report(error)


async def _to_message(screen: MessageScreen, target: str) -> None:
    found = await screen.services.mail.named(target)
    if found is None:
        screen.misfin.say("The message this link names is not here.", severity="warning")
    else:
        await screen.open_message(found)


async def _to_part(screen: MessageScreen, target: str) -> None:
    """To the attachment a ``cid:`` link names, in one of the messages on the screen."""
    name = unquote(target.partition(":")[2]).strip("<>")
    for row, message in screen.messages_shown():
        for number, part in enumerate(message.attachments):
            if name and part.content_id == name:
                await attachments.offer(screen, row, message, number)
                return
    screen.misfin.say("The attachment this link names is not in this message.", severity="warning")


async def _outside(screen: MessageScreen, target: str) -> None:
    outside = screen.services.outside
    command = outside.opener() or "nothing (no opener was found)"
    answer = await screen.misfin.push_screen_wait(LinkDialog(target, command))
    if answer is Opening.OPEN:
        await outside.open_link(target)
    elif answer is Opening.COPY:
        screen.copy_link(target)
