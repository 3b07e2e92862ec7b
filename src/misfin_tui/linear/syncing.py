"""Commands for accounts kept in sync with servers: how each is doing, looking now, pausing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin_tui.linear.desk import Listing
from misfin_tui.linear.facts import spoken_facts
from misfin_tui.wording.facts import many, moment
from misfin_tui.wording.syncing import folder_words, log_facts, waiting_words

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk
    from misfin_tui.services.syncing import SyncedAccount

NONE = "No account fetches mail from a server. Type setup to add one; Misfin mail comes by itself."

OTHERS = (
    "The process that fetches mail was not started by this program, and keeps its old settings until it is"
    " restarted."
)


async def sync(desk: Desk, _rest: str) -> None:
    """Every account that is fetched from a server, and how it is doing."""
    found = await desk.services.syncing.accounts()

    async def show(account: SyncedAccount) -> None:
        totals, waiting = account.messages or {}, account.waiting or {}
        await desk.say(sync_sentence(account))
        for folder in account.folders:
            total = totals.get(folder.local, 0)
            more = f", {waiting_words(changes)}" if (changes := waiting.get(folder.local, 0)) else ""
            await desk.say(f"{folder.local}: {many(total, 'message')}, {folder_words(folder, total)}{more}.")
        await desk.say("What this program changed on the server:")
        await desk.say(*spoken_facts(log_facts(await desk.services.syncing.log(account.name))))

    desk.list_rows(Listing.SYNC, found, show)
    await desk.say(*(f"{number}. {sync_sentence(each)}" for number, each in enumerate(found, 1)))
    await desk.say("A number says more. Type fetch to look for mail now." if found else NONE)


def sync_sentence(account: SyncedAccount) -> str:
    """``work, ada@example.org: in sync. 1,204 messages. Last in sync 3 Mar 2026 14:02:31.``"""
    said = [f"{account.name}, {account.address}: {account.words}".rstrip(".")]
    if account.folders:
        said.append(many(sum((account.messages or {}).values()), "message"))
        said.append(f"Last in sync {moment(account.in_step)}" if account.in_step else "Never in sync so far")
    if changes := sum((account.waiting or {}).values()):
        said.append(waiting_words(changes))
    return f"{'. '.join(said)}."


async def fetch(desk: Desk, _rest: str) -> None:
    """Look for mail on every server now."""
    if not desk.services.fetching.accounts():
        raise InputError("No account is fetched.", remedy="Type sync to see why.")
    desk.services.fetching.look_now()
    await desk.say("Looking for new mail.")


async def pause(desk: Desk, rest: str) -> None:
    """Stop fetching an account by itself, or go on; it is a setting, so it outlasts the program."""
    account: SyncedAccount = desk.row_listed(rest, Listing.SYNC, "account")
    paused = desk.services.config.accounts[account.name].paused
    adopted = desk.services.fetching.adopted
    await desk.use_config(await desk.services.syncing.pause(account.name, not paused))
    await desk.say(f"{account.name} is {'no longer paused' if paused else 'paused'}.")
    if adopted:
        await desk.say(OTHERS)
