"""Printing a message: given as plain text to a command, which is shown first and can be changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from misfin.errors import MisfinError
from misfin_tui.screentext import plain

if TYPE_CHECKING:
    from misfin.store.message.mime import ParsedMessage
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.screens.selection import Selection


async def print_message(selection: Selection, prompts: Prompts) -> None:
    """Print the selected message. Call it in a worker."""
    misfin, services = selection.misfin, selection.services
    try:
        row = await selection.chosen_message()
        if row is None:
            return
        text = as_printed(await services.mail.read(row))
        offer, hint = (
            await asyncio.to_thread(services.outside.printer),
            "a command; it reads the message as text from standard input",
        )
        command = ((await prompts.ask("Print with", offer, help=hint)) or "").strip()
        if not command:
            return
        done = await services.outside.pipe(text.encode(), command)
    except MisfinError as error:
        misfin.report(error)
        return
    said = plain(done.text.strip()[:200], one_line=True)
    if done.status:
        why = f": {said}" if said else "."
        misfin.say(f"Not printed; {command} exited with status {done.status}{why}", severity="error")
    else:
        misfin.say(f"Sent to {command}.{' ' + said if said else ''}")


def as_printed(message: ParsedMessage) -> str:
    """The message as plain text: who, when, what about, the text, and the names of what is attached."""
    lines = [f"From: {message.sender}"]
    for name, people in (("To", message.to), ("Cc", message.cc)):
        if people:
            lines.append(f"{name}: {', '.join(map(str, people))}")
    if message.date is not None:
        lines.append(f"Date: {message.date.astimezone():%Y-%m-%d %H:%M %z}")
    lines.append(f"Subject: {message.subject}")
    lines += [f"Attached: {file.name} ({file.size:,} bytes)" for file in message.attachments]
    head = "\n".join(plain(line, one_line=True) for line in lines)
    return f"{head}\n\n{plain(message.text, one_line=False)}"
