"""What can be done with the attachments of a message: save one, save all, open one after a question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.dialogs.attachments import Attaching, AttachmentsDialog, OpenFileDialog
from misfin_tui.screens.saving import save_as
from misfin_tui.widgets.facts import many

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.rows import MessageRow
    from misfin_tui.screens.base import AppScreen
    from misfin_tui.screens.prompts import Prompts


async def offer(prompts: Prompts, row: MessageRow, message: ParsedMessage, at: int = 0) -> None:
    """Show the attachments of a message and do what is chosen. Call it in a worker."""
    screen = prompts.screen
    if not message.attachments:
        screen.misfin.say("This message has no attachments.", severity="warning")
        return
    answer = await screen.app.push_screen_wait(AttachmentsDialog(message.attachments, at))
    if answer is None:
        return
    what, number = answer
    try:
        if what is Attaching.SAVE:
            await _save(prompts, row, message, number)
        elif what is Attaching.SAVE_ALL:
            await _save_all(prompts, row)
        else:
            await _open(screen, row, message, number)
    except MisfinError as error:
        screen.misfin.report(error)


async def _save(prompts: Prompts, row: MessageRow, message: ParsedMessage, number: int) -> None:
    attached = prompts.services.attached

    async def save(path: Path) -> Path:
        return await attached.save(row, number, path)

    suggested = attached.suggested(message.attachments[number].name, f"attachment-{number + 1}")
    if saved := await save_as(prompts, "Save to", suggested, "a new file", save):
        prompts.misfin.say(f"Saved to {saved}.")


async def _save_all(prompts: Prompts, row: MessageRow) -> None:
    attached = prompts.services.attached

    async def save(folder: Path) -> list[Path]:
        return await attached.save_all(row, folder)

    hint = "a folder; a number is added to names already in use"
    if saved := await save_as(prompts, "Save all in", attached.last_folder, hint, save):
        prompts.misfin.say(f"Saved {many(len(saved), 'file')} in {saved[0].parent}.")


async def _open(screen: AppScreen, row: MessageRow, message: ParsedMessage, number: int) -> None:
    command = await screen.services.outside.opener_named()
    if await screen.app.push_screen_wait(OpenFileDialog(message.attachments[number], command)):
        await screen.services.attached.open(row, number)
