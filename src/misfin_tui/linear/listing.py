"""Commands for lists: folders, searches, and the rows of either."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin.model.folders import ATTIC, FOLDERS, INBOX, OUTBOX
from misfin.store.rows import View
from misfin_tui.linear.desk import Listing, accounts_by_directory, view_name
from misfin_tui.linear.rows import conversation_sentence, folder_sentences
from misfin_tui.wording.facts import many

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk

ROWS = 10
"""Conversations told at once."""


async def inbox(desk: Desk, _rest: str) -> None:
    """The inboxes of all accounts."""
    await show(desk, View(None, INBOX))


async def folder(desk: Desk, rest: str) -> None:
    """A folder by its name, perhaps of one account; without a name, all of them."""
    rows = await desk.services.mail.folders()
    accounts = await desk.services.accounts.all()
    if not rest:
        await desk.say(*folder_sentences(rows, accounts_by_directory(accounts)))
        return
    if rest.casefold() in (OUTBOX.casefold(), ATTIC.casefold()):
        raise InputError(f"Type {rest.casefold()} to see it.")
    name, _, whose = rest.partition(" of ")
    directory = None
    if whose.strip():
        wanted = whose.strip().casefold()
        meant = [each for each in accounts if wanted in (each.address.casefold(), each.name.casefold())]
        if not meant:
            raise InputError(f"You have no account {whose.strip()}.", remedy="Type accounts for a list.")
        directory = meant[0].directory
    names = dict.fromkeys([*FOLDERS, *(row.folder for row in rows)])
    wanted = name.strip().casefold()
    found = [each for each in names if each.casefold() == wanted] or [
        each for each in names if each.casefold().startswith(wanted)
    ]
    if len(found) != 1:
        which = f"It can mean {' or '.join(found)}." if found else "Type folder for a list."
        raise InputError(f"There is no folder {name.strip()}." if not found else which, remedy="")
    await show(desk, View(directory, found[0]))


async def search(desk: Desk, rest: str) -> None:
    """What a search finds in all folders."""
    if not rest:
        raise InputError("Give words to search for.", remedy="Such as: search from:ada report")
    await show(desk, View(None, None, rest))


async def show(desk: Desk, view: View) -> None:
    """List a view from its top."""
    count = await desk.services.mail.count(view, 10_000)
    unread = await desk.services.mail.unread(view) if view.folder else 0
    desk.leave_conversation()
    desk.view, desk.listing = view, Listing.MAIL
    desk.offset, desk.position, desk.numbered = 0, -1, {}
    about = f" for {view.query}" if view.query else ""
    least = "" if count.complete else "at least "
    news = f", {many(unread, 'unread message')}" if unread else ""
    await desk.say(f"{view_name(view)}{about}: {least}{many(count.total, 'conversation')}{news}.")
    if count.total:
        await more(desk, "")


async def more(desk: Desk, _rest: str) -> None:
    """The next rows of the list."""
    found = await desk.services.mail.conversations(desk.view, desk.offset, ROWS + 1)
    if not found:
        await desk.say("There are no more.")
        return
    lines = []
    for number, row in enumerate(found[:ROWS], desk.offset + 1):
        desk.numbered[number] = row
        lines.append(conversation_sentence(number, row))
    desk.offset += len(lines)
    if len(found) > ROWS:
        lines.append("Type more for more.")
    await desk.say(*lines)


async def again(desk: Desk, rest: str) -> None:
    """The rows of the list again, from the top or from a number."""
    if desk.listing is not Listing.MAIL:
        desk.listing = Listing.MAIL
    desk.leave_conversation()
    if rest and not rest.isdecimal():
        raise InputError("Give the number to begin with.")
    first = max(int(rest[:9]), 1) if rest else 1
    desk.offset, desk.numbered = first - 1, {}
    await more(desk, "")


async def only_unread(desk: Desk, _rest: str) -> None:
    """Of this list only what is unread."""
    await show(desk, replace(desk.view, unread_only=True))
