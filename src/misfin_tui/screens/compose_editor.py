"""An external editor for the text of a message; whatever it saved is kept somewhere, however it ends."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import StoreError
from misfin.store.outgoing.drafts import Draft
from misfin_tui import editor
from misfin_tui.widgets.gemtext_area import typable

if TYPE_CHECKING:
    from pathlib import Path

    from misfin_tui.screens.compose_draft import DraftScreen

LOOK = 0.7
"""Seconds between two looks at whether an editor with a window of its own has saved."""
CLOSE = 1.0
"""Seconds by which a file system may date a file too early."""


async def write(screen: DraftScreen) -> None:
    """Let the text be written in an editor, and come back."""
    keeper = screen.keeper
    if screen.draft.forwards is not None or keeper is None:
        return
    try:
        command = editor.command_for(screen.services.config.ui.editor, os.environ)
    except ValueError:
        screen.misfin.say("The editor's command has an unclosed quote; see the settings.", severity="error")
        return
    try:
        if not keeper.draft_id:
            keeper.put(screen.draft_now())  # by its id the text is found again if this program dies
        screen.keep()
        await keeper.flush()  # on disk before the terminal is given away
    except StoreError as error:
        screen.misfin.report(error, "The draft could not be saved, so no editor was opened.")
        return
    runtime, name = screen.services.profile.runtime, keeper.draft_id
    found = await editor.edit(
        screen.app, screen.body.text, command=command, folder=runtime, name=name, keep=True
    )
    if found.problem:
        screen.misfin.say(found.problem, severity="warning", timeout=12)
    if found.early is not None:
        screen.followed = True
        screen.run_worker(
            _follow(screen, found.early, screen.body.text),
            group="follow editor",
            description="follow an editor",
            exclusive=True,
        )
    try:
        if found.text is not None:
            await _take_up(screen, found.text)
        if found.left is not None:
            await asyncio.to_thread(editor.forget, found.left)
    except StoreError as error:
        screen.misfin.report(error, f"The draft could not be saved; its text is also in {found.left}.")
    screen.body.focus()


async def _follow(screen: DraftScreen, path: Path, given: str) -> None:
    """Take over what an editor with a window of its own saves, as long as the composer is open.

    Once the text here was changed too, what the editor saves is a draft of its own.
    """
    seen = await asyncio.to_thread(editor.saved_at, path)
    other = Draft()
    while screen.standing:
        await asyncio.sleep(LOOK)
        saved = await asyncio.to_thread(editor.saved_at, path)
        if saved in (None, seen) or not screen.standing:
            continue  # some editors remove the file for a moment
        seen = saved
        try:
            text, problem = await asyncio.to_thread(editor.read, path)
            if problem:
                screen.misfin.say(problem, severity="warning", timeout=12)
            if text is None:
                return
            if screen.body.text == given:
                await _take_up(screen, text if given.endswith("\n") else text.removesuffix("\n"))
                given = screen.body.text
                screen.misfin.say("The text your editor saved is now in the message.")
            elif typable(text).removesuffix("\n") != screen.body.text.removesuffix("\n"):
                new = replace(screen.draft_now(), id=other.id, modified=other.modified, body=typable(text))
                other = await screen.services.sending.save(new)
                screen.misfin.say("You wrote here too, so what your editor saved is now a separate draft.")
        except FileNotFoundError:
            continue
        except (OSError, StoreError) as error:
            screen.misfin.report(error, f"What your editor saved is in {path}.")


async def recover(screen: DraftScreen) -> None:
    """Restore what an editor had saved when the program died; separately where the draft is newer."""
    if not screen.draft.id or screen.draft.forwards is not None:
        return
    runtime = screen.services.profile.runtime
    for left in await asyncio.to_thread(editor.leftovers, runtime, screen.draft.id):
        if not screen.standing:
            return
        if left.problem:
            screen.misfin.say(left.problem, severity="warning", timeout=12)
        if left.text is None:
            continue
        text = typable(left.text)
        try:
            if text.removesuffix("\n") == screen.body.text.removesuffix("\n"):
                pass
            elif left.saved + CLOSE < screen.draft.modified:
                await screen.services.sending.save(replace(screen.draft_now(), id="", body=text))
                screen.misfin.say("A text that an earlier editor had saved is now a separate draft.")
            else:
                await _take_up(screen, text)
                screen.misfin.say("The text your editor had saved when the program ended was restored.")
        except StoreError as error:
            screen.misfin.report(error, f"The draft could not be saved; its text is also in {left.path}.")
        else:
            await asyncio.to_thread(editor.forget, left.path)


async def _take_up(screen: DraftScreen, text: str) -> None:
    """Put a text in place of the one that is there, which undo brings back; it is on disk then."""
    body, text = screen.body, typable(text)
    if text == body.text or screen.keeper is None:
        return
    body.replace(text, (0, 0), body.document.end)
    body.move_cursor(body.document.end)
    screen.keep()
    await screen.keeper.flush()
