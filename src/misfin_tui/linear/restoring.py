"""Commands for the attic: what was deleted on servers, to read and to restore (docs/sync.md §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin_tui.linear.desk import Listing
from misfin_tui.linear.message import head_lines, spoken
from misfin_tui.wording.facts import day, many

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk
    from misfin_tui.services.attics import AtticRow

EMPTY = "The attic is empty. What is deleted on a server is kept there for 30 days."


async def attic(desk: Desk, rest: str) -> None:
    """What was deleted on servers and is kept here, the latest first; of one account if it is named."""
    attics = desk.services.attics
    accounts = await attics.accounts()
    if rest:
        wanted = rest.casefold()
        named = {each.directory: each for each in await desk.services.accounts.all()}
        accounts = [
            directory
            for directory in accounts
            if wanted == directory.casefold()
            or (directory in named and wanted in (named[directory].name, named[directory].address.casefold()))
        ]
        if not accounts:
            raise InputError(f"No account {rest} has an attic.", remedy="Type attic for all of them.")
    rows = [row for account in accounts for row in await attics.messages(account)]
    rows.sort(key=lambda row: -row.deleted)

    async def show(row: AtticRow) -> None:
        message = await attics.read(row)
        text = spoken(message)
        await desk.say(
            *head_lines(row.message, message, place="Attic.", opened=None, doubts=None, spoken_text=text),
            f"{_deleted(row)}.",
            "",
            *text.lines,
            "",
            "End of message.",
        )

    desk.list_rows(Listing.ATTIC, rows, show)
    await desk.say(f"Attic: {many(len(rows), 'message')}." if rows else EMPTY)
    await desk.say(*(f"{number}. {_sentence(row)}" for number, row in enumerate(rows, 1)))


def _sentence(row: AtticRow) -> str:
    message = row.message
    who = message.sender or message.sender_address or "unknown"
    return f"{who}: {message.subject or 'no subject'}. {_deleted(row)}."


def _deleted(row: AtticRow) -> str:
    return f"Deleted from {row.message.folder} {day(row.deleted)}, kept until {day(row.until)}"


async def restore(desk: Desk, rest: str) -> None:
    """Bring a message back to its folder, here and on the server."""
    row: AtticRow = desk.row_listed(rest, Listing.ATTIC, "message")
    folder = await desk.services.attics.restore(row)
    await desk.say(f"The message is back in {folder}, and will soon be on the server again.")
