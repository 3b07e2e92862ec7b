"""Commands for contacts and accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.model.account import Kind
from misfin_tui.linear.desk import Listing
from misfin_tui.linear.rows import account_sentence, person_sentence
from misfin_tui.wording.facts import many

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk

MOST = 50
"""Contacts told at once."""


async def contacts(desk: Desk, rest: str) -> None:
    """The address book, or who in it a word means."""
    found = await desk.services.contacts.all(rest)
    desk.leave_conversation()
    desk.listing, desk.people = Listing.CONTACTS, found
    await desk.say(f"{many(len(found), 'contact')}.")
    await desk.say(*(person_sentence(number, each) for number, each in enumerate(found[:MOST], 1)))
    if len(found) > MOST:
        await desk.say(f"These are the first {MOST}. Type contacts and a word to find others.")


async def accounts(desk: Desk, _rest: str) -> None:
    """Every account, and whether its mail comes in."""
    found = await desk.services.accounts.all()
    sources = desk.services.sources
    await desk.say(
        *(
            account_sentence(number, each, sources.of("" if each.kind is Kind.MISFIN else each.name))
            for number, each in enumerate(found, 1)
        )
    )
    if not found:
        await desk.say(NO_ACCOUNT)


NO_ACCOUNT = "You have no account yet. Type setup to create a Misfin address or add an e-mail account."
