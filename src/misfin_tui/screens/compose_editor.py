"""An external editor for a message; whatever it saved is kept somewhere, however it ends.

The editor has the text, or with ``[compose] edit_headers`` the header above it too. From outside they are one
text either way: :func:`_written` makes it, :func:`_take_up` puts it back into the fields.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.widgets import Input

from misfin.compose.headeredit import WITH_HEADER, EditedMessage, HeaderField, read_header, with_header
from misfin.errors import StoreError
from misfin.store.outgoing.drafts import Draft
from misfin_tui import editor
from misfin_tui.widgets.gemtext_area import typable
from misfin_tui.widgets.handing_over import in_terminal_of

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
    note = WITH_HEADER if screen.services.config.compose.edit_headers else ""
    given = _written(screen, note)
    found = await editor.edit(
        in_terminal_of(screen.app), given, command=command, folder=runtime, name=name, keep=True, note=note
    )
    if found.problem:
        screen.misfin.say(found.problem, severity="warning", timeout=12)
    if found.early is not None:
        screen.followed = True
        screen.run_worker(
            _follow(screen, found.early, given, note),
            group="follow editor",
            description="follow an editor",
            exclusive=True,
        )
    try:
        if found.text is not None:
            await _take_up(screen, found.text, note)
        if found.left is not None:
            await asyncio.to_thread(editor.forget, found.left)
    except StoreError as error:
        screen.misfin.report(error, f"The draft could not be saved; its text is also in {found.left}.")
    screen.body.focus()


async def _follow(screen: DraftScreen, path: Path, given: str, note: str) -> None:
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
            if _written(screen, note) == given:
                await _take_up(screen, text if given.endswith("\n") else text.removesuffix("\n"), note)
                given = _written(screen, note)
                screen.misfin.say("The text your editor saved is now in the message.")
            elif typable(text).removesuffix("\n") != _written(screen, note).removesuffix("\n"):
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
            if text.removesuffix("\n") == _written(screen, left.note).removesuffix("\n"):
                pass
            elif left.saved + CLOSE < screen.draft.modified:
                await screen.services.sending.save(replace(screen.draft_now(), id="", body=text))
                screen.misfin.say("A text that an earlier editor had saved is now a separate draft.")
            else:
                await _take_up(screen, text, left.note)
                screen.misfin.say("The text your editor had saved when the program ended was restored.")
        except StoreError as error:
            screen.misfin.report(error, f"The draft could not be saved; its text is also in {left.path}.")
        else:
            await asyncio.to_thread(editor.forget, left.path)


def _written(screen: DraftScreen, note: str) -> str:
    """What the editor is given: the text, with its header if ``note`` says so."""
    if note != WITH_HEADER:
        return screen.body.text
    fields, sender = screen.fields, screen.from_account.sender
    shown = {
        HeaderField.FROM: screen.from_account.alias or (sender.address if sender else screen.account),
        HeaderField.TO: fields.to.value,
    }
    can = screen.from_account.able()
    if can is not None and can.cc:
        shown[HeaderField.CC] = fields.cc.value
    if can is not None and can.bcc:
        shown[HeaderField.BCC] = fields.bcc.value
    return with_header(shown | {HeaderField.SUBJECT: screen.subject.value}, screen.body.text)


async def _take_up(screen: DraftScreen, text: str, note: str) -> None:
    """Put a text in place of the one that is there, which undo brings back; it is on disk then."""
    text = typable(text)
    if screen.keeper is None or text == _written(screen, note):
        return
    if note == WITH_HEADER:
        edited = read_header(text)
        _fill(screen, edited)
        text = edited.body
    body = screen.body
    if text != body.text:
        body.replace(text, (0, 0), body.document.end)
        body.move_cursor(body.document.end)
    screen.keep()
    await screen.keeper.flush()


def _fill(screen: DraftScreen, edited: EditedMessage) -> None:
    """Put the fields of a header back; what cannot be read of it is reported, and is above the text."""
    fields = screen.fields
    into: dict[HeaderField, Input] = {
        HeaderField.TO: fields.to,
        HeaderField.CC: fields.cc,
        HeaderField.BCC: fields.bcc,
        HeaderField.SUBJECT: screen.subject,
    }
    if (wanted := edited.fields.get(HeaderField.FROM, "")) and not _choose_from(screen, wanted):
        screen.misfin.say(
            f"You have no account with the address {wanted[:80]}; From is still what it was.",
            severity="warning",
            timeout=12,
        )
    for field, widget in into.items():
        if field in edited.fields:
            widget.value = edited.fields[field]
    fields.arrange()
    if edited.unread:
        lines = "this line" if len(edited.unread) == 1 else "these lines"
        screen.misfin.say(
            f"The header has {lines} that cannot be used: {' / '.join(edited.unread)[:200]}."
            " They are now at the top of the text.",
            severity="warning",
            timeout=12,
        )
    elif not edited.fields:
        screen.misfin.say(
            "There was no header above the text, so recipients and subject are still what they were.",
            severity="warning",
            timeout=12,
        )


def _choose_from(screen: DraftScreen, text: str) -> bool:
    address = text.rpartition("<")[2].removesuffix(">").strip() if text.endswith(">") else text.split(" ")[0]
    return screen.from_account.choose_address(address)
