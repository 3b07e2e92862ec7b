"""Where a link in a letter leads: the composer, another letter, an attachment, or a program outside."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from misfin.errors import MisfinError
from misfin_tui.dialogs.link import LinkDialog, Opening
from misfin_tui.screens import attachments

if TYPE_CHECKING:
    from misfin_tui.screens.letter_actions import LetterScreen


async def follow(screen: LetterScreen, target: str) -> None:
    """Follow a link: what leads out of the program asks first. Call it in a worker."""
    scheme = target.partition(":")[0].lower()
    try:
        if scheme == "misfin":
            screen.misfin.open_composer(await screen.services.sending.from_link(target))
        elif scheme == "mid":
            await _to_letter(screen, target)
        elif scheme == "cid":
            await _to_part(screen, target)
        else:
            await _outside(screen, target)
    except MisfinError as error:
        screen.misfin.report(error)


async def _to_letter(screen: LetterScreen, target: str) -> None:
    found = await screen.services.mail.named(target)
    if found is None:
        screen.misfin.say("The letter this link names is not here.", severity="warning")
    else:
        await screen.open_letter(found)


async def _to_part(screen: LetterScreen, target: str) -> None:
    """To the attachment a ``cid:`` link names, in one of the letters on the screen."""
    name = unquote(target.partition(":")[2]).strip("<>")
    for row, letter in screen.letters_shown():
        for number, part in enumerate(letter.attachments):
            if name and part.content_id == name:
                await attachments.offer(screen, row, letter, number)
                return
    screen.misfin.say("The attachment this link names is not in this letter.", severity="warning")


async def _outside(screen: LetterScreen, target: str) -> None:
    outside = screen.services.outside
    command = outside.opener() or "nothing (no opener was found)"
    answer = await screen.misfin.push_screen_wait(LinkDialog(target, command))
    if answer is Opening.OPEN:
        await outside.open_link(target)
    elif answer is Opening.COPY:
        screen.copy_link(target)
