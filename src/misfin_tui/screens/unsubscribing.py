"""Leaving a mailing list: by one request after a question, by a message in the composer, or in a browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from misfin.errors import MisfinError
from misfin_tui.dialogs.confirm import ConfirmDialog
from misfin_tui.screens import links
from misfin_tui.screentext import plain
from misfin_tui.services.lists import lists_of
from misfin_tui.wording.links import remarks

if TYPE_CHECKING:
    from misfin_tui.screens.base import AppScreen
    from misfin_tui.screens.prompts import Prompts
    from misfin_tui.screens.selection import Selection


async def unsubscribe(selection: Selection, prompts: Prompts) -> None:
    """Leave the list that the selected message came from. Call it in a worker."""
    screen, lists = selection.screen, lists_of(selection.services)
    try:
        row = await selection.chosen_message()
        if row is None:
            return
        name, ways = await lists.ways(row)
        if ways.one_click:
            await _by_one_click(screen, name or row.sender or row.sender_address, ways.one_click)
        elif ways.mailto:
            draft = await asyncio.to_thread(lists.unsubscribe_draft, row, ways.mailto)
            screen.misfin.open_composer(draft)
            screen.misfin.say("Send this message to leave the list.")
        elif ways.page:
            await links.follow(selection, prompts, ways.page)
        else:
            screen.misfin.say("This message does not say how to unsubscribe.", severity="warning")
    except MisfinError as error:
        screen.misfin.report(error)


async def _by_one_click(screen: AppScreen, name: str, url: str) -> None:
    host = plain(urlsplit(url).hostname or "", one_line=True)
    odd = "".join(f"\n\n⚠ {remark}" for remark in remarks(url))
    question = (
        f"Unsubscribe from {plain(name, one_line=True)}?\n\nOne request will be sent to {host}. It will"
        f" see your network address, and that somebody reads this mail.{odd}"
    )
    if await screen.app.push_screen_wait(ConfirmDialog("Unsubscribe", question, yes="Unsubscribe")):
        screen.misfin.say(f"Asking {host} …", about="unsubscribing")
        try:
            await lists_of(screen.services).leave(url)
        finally:
            screen.misfin.withdraw("unsubscribing")
        screen.misfin.say(f"{host} accepted: you are unsubscribed from {plain(name, one_line=True)}.")
