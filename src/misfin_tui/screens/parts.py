"""What can be done with the parts of a message: read, save, open, delete; and its header in full."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin.store.evidence import Evidence
from misfin_tui.dialogs.attachments import OpenFileDialog
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.dialogs.parts import PartAction, PartsDialog
from misfin_tui.dialogs.text import FactsDialog
from misfin_tui.screens import links
from misfin_tui.screens.embedded import PARTS, EmbeddedMessage
from misfin_tui.screens.saving import save_as
from misfin_tui.screentext import plain
from misfin_tui.services.parts import parts_of

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin.store.message.structure import PartInfo
    from misfin.store.rows import MessageRow
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.screens.selection import Selection
    from misfin_tui.services.parts import Structure


_TEXTS = ("text/", "message/", "application/json", "application/xml")
"""What is read here; anything else is for another program."""


async def show_parts(selection: Selection, prompts: Prompts) -> None:
    """Show the tree of parts of the selected message. Call it in a worker."""
    screen = selection.screen
    try:
        row = await selection.chosen_message()
        if row is not None:
            await _offer(selection, prompts, await parts_of(screen.services).of(row), row)
    except MisfinError as error:
        screen.misfin.report(error)


async def show_headers(selection: Selection) -> None:
    """Show every header field of the selected message. Call it in a worker."""
    screen = selection.screen
    try:
        row = await selection.chosen_message()
        if row is None:
            return
        decoded, raw = await parts_of(screen.services).headers(row)
    except MisfinError as error:
        screen.misfin.report(error)
        return
    facts = [("Decoded", ""), ("", decoded), ("As received", ""), ("", raw)]
    await screen.app.push_screen_wait(FactsDialog("Headers", facts))


async def _offer(selection: Selection, prompts: Prompts, structure: Structure, row: MessageRow) -> None:
    """Show parts until the person has done something with one that ends this, or closes them."""
    screen, at = selection.screen, 0
    can_delete = structure.row is not None and await parts_of(screen.services).can_change(structure.row)
    while True:
        dialog = PartsDialog(structure.parts, at, can_delete=can_delete)
        answer = await screen.app.push_screen_wait(dialog)
        if answer is None:
            return
        what, at = answer
        part = structure.parts[at]
        try:
            if what is PartAction.READ:
                if await _read(selection, prompts, structure, part, row):
                    return
            elif what is PartAction.SAVE:
                await _save(prompts, structure, part, at)
            elif what is PartAction.OPEN:
                await _open(selection, structure, part)
            elif await _delete(selection, structure, part):
                return
        except MisfinError as error:
            screen.misfin.report(error)


async def _read(
    selection: Selection, prompts: Prompts, structure: Structure, part: PartInfo, row: MessageRow
) -> bool:
    """Show a part as text or as a message; whether a link in it led elsewhere."""
    screen, parts = selection.screen, parts_of(selection.services)
    if part.type in ("message/rfc822", "message/global"):
        data, message = await parts.message(structure, part)
        inner = _row(row, message, len(data))
        while answer := await screen.app.push_screen_wait(EmbeddedMessage(inner, message)):
            if answer != PARTS:
                await links.follow(selection, prompts, answer)
                return True
            await _offer(selection, prompts, await parts.inside(data), inner)
        return False
    if not part.holds_parts and not part.type.startswith(_TEXTS):
        await _open(selection, structure, part)
        return False
    text = "This part only contains other parts." if part.holds_parts else await parts.text(structure, part)
    title = plain(part.name, one_line=True) or part.type
    await screen.app.push_screen_wait(FactsDialog(title, [("", text or "(empty)")]))
    return False


def _row(row: MessageRow, message: ParsedMessage, size: int) -> MessageRow:
    """A row for a message inside another one, of which nothing is proven."""
    date = message.date.timestamp() if message.date else 0.0
    return replace(
        row,
        id="",
        sender=message.sender.name,
        sender_address=message.sender.address,
        to=tuple(map(str, message.recipients)),
        subject=message.subject,
        date=date,
        tags=(),
        starred=False,
        unread=False,
        evidence=Evidence.UNPROVEN,
        size=size,
    )


async def _save(prompts: Prompts, structure: Structure, part: PartInfo, number: int) -> None:
    services = prompts.services

    async def save(path: Path) -> Path:
        return await parts_of(services).save(structure, part, path)

    otherwise = "message.eml" if part.type == "message/rfc822" else f"part-{number + 1}"
    suggested = services.attached.suggested(part.name, otherwise)
    if saved := await save_as(prompts, "Save to", suggested, "a new file", save):
        prompts.misfin.say(f"Saved to {saved}.")


async def _open(selection: Selection, structure: Structure, part: PartInfo) -> None:
    screen = selection.screen
    command = await screen.services.outside.opener_named()
    if await screen.app.push_screen_wait(OpenFileDialog(part, command)):
        await parts_of(screen.services).open(structure, part)


async def _delete(selection: Selection, structure: Structure, part: PartInfo) -> bool:
    """Delete a part after a question; whether that was done."""
    from misfin.store.message.removing import can_remove  # late: hardly ever

    screen = selection.screen
    if not can_remove(part):
        screen.misfin.say(
            "This part cannot be deleted: it is the whole message, or contains other parts.",
            severity="warning",
        )
        return False
    name = plain(part.name, one_line=True) or part.type
    question = (
        f"Delete “{name}” ({part.size:,} bytes) from this message?\n\nA note will say what was there."
        " The message is replaced here and on its server, and the old one goes to the trash. If the message"
        " is signed, its signature will no longer be valid."
    )
    dialog = ConfirmDialog("Delete this attachment?", question, yes="Delete", danger=True)
    if not await screen.app.push_screen_wait(dialog):
        return False
    await parts_of(screen.services).remove(structure, part)
    key = screen.misfin.keys.shown("undo")
    screen.misfin.say(f"“{name}” was deleted.  {key} undo", about="filing")
    await selection.filed(True)
    return True
