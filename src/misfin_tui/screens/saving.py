"""Exporting a message: to a file, asked for until one works, or to a command."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from misfin.errors import LocalError, MisfinError
from misfin_tui.dialogs.text import FactsDialog

if TYPE_CHECKING:
    from misfin_tui.screens.base import AppScreen
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.widgets.thread_document import Part

T = TypeVar("T")


async def save_as(
    prompts: Prompts,
    question: str,
    suggested: str,
    hint: str,
    save: Callable[[Path], Awaitable[T]],
) -> T | None:
    """Ask for a path and save there. A path that does not work is reported, and offered for correction."""
    path = suggested
    while True:
        answer = await prompts.ask(question, path, help=hint, finder=prompts.services.outside.complete_path)
        if not answer or not answer.strip():
            return None
        path = answer.strip()
        try:
            return await save(Path(path))
        except LocalError as error:
            prompts.misfin.report(error)


async def save_message(prompts: Prompts, part: Part) -> None:
    """Save a message: as ``.eml`` what is stored, else the gemmail that came over the wire."""
    screen = prompts.screen

    async def save(path: Path) -> Path:
        data = await _bytes(screen, part, mail=path.suffix == ".eml")
        return await screen.services.outside.save(path, data)

    kind = "gmi" if part.message is None or part.message.misfin is not None else "eml"
    name = time.strftime(f"message-%Y%m%d-%H%M%S.{kind}", time.localtime(part.row.date))
    suggested = f"{screen.services.attached.last_folder}/{name}"
    try:
        saved = await save_as(prompts, "Save to", suggested, "a new file; .eml keeps the whole message", save)
    except MisfinError as error:
        screen.misfin.report(error)
    else:
        if saved:
            screen.services.attached.last_folder = str(saved.parent)
            screen.misfin.say(f"Saved to {saved}.")


async def pipe(prompts: Prompts, part: Part) -> None:
    """Give a message to a command and show what it prints."""
    screen = prompts.screen
    command = await prompts.ask("Pipe to", help="a command; it reads the message from standard input")
    if not command or not command.strip():
        return
    try:
        output = await screen.services.outside.pipe(await _bytes(screen, part), command)
    except MisfinError as error:
        screen.misfin.report(error)
        return
    if output.text.strip():
        ended = [] if not output.status else [("", f"It exited with status {output.status}.")]
        screen.app.push_screen(FactsDialog(command, [("", output.text), *ended]))
    else:
        screen.misfin.say(f"{command}: exited with status {output.status}.")


async def _bytes(screen: AppScreen, part: Part, *, mail: bool = False) -> bytes:
    """The gemmail of a message, or its whole file where ``mail`` says so or it is not gemmail."""
    mails = screen.services.mail
    message = part.message or await mails.read(part.row)
    if message.misfin is not None and not mail:
        return message.misfin.gemmail
    return await mails.raw(part.row)
