"""The table of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from misfin.errors import InputError
from misfin_tui.linear import (
    deciding,
    filing,
    filtering,
    first_steps,
    listing,
    outbox,
    people,
    reading,
    restoring,
    settings,
    syncing,
    trusting,
    writing,
)
from misfin_tui.linear.command import LineCommand, command_for, listed

if TYPE_CHECKING:
    from misfin_tui.linear.desk import Desk


async def pages(desk: Desk, rest: str) -> None:
    """Whether long output waits after each screenful."""
    if rest.casefold() not in ("on", "off"):
        raise InputError("Type pages on or pages off.")
    desk.terminal.pages = rest.casefold() == "on"
    await desk.say("Long output waits after each screenful." if desk.terminal.pages else "Nothing waits.")


async def help_(desk: Desk, rest: str) -> None:
    """The commands, or one of them."""
    if rest:
        await desk.say(*listed([command_for(rest, COMMANDS)[0]]))
        return
    await desk.say(
        "A number alone reads that row. A word can be shortened as far as only one command begins so; the"
        " sign in parentheses stands for it too. Where NUMBERS may be left out, the open conversation is"
        " meant. ctrl+c drops a line or a question, ctrl+d leaves.",
        *listed(COMMANDS),
    )


async def quit_(desk: Desk, _rest: str) -> None:
    """Leave."""
    desk.quits = True


COMMANDS: tuple[LineCommand[Desk], ...] = (
    LineCommand("inbox", "i", "", "the inbox of all accounts", listing.inbox, True),
    LineCommand("folder", "f", "NAME of ACCOUNT", "a folder; alone, all of them", listing.folder, True),
    LineCommand("search", "s", "WORDS", "what a search finds, as in the app", listing.search, True),
    LineCommand("list", "l", "NUMBER", "the rows again, from a number", listing.again, True),
    LineCommand("more", "m", "", "further rows", listing.more, True),
    LineCommand("unread", "", "", "only what is unread in this list", listing.only_unread, True),
    LineCommand("read", "", "NUMBER", "a conversation; alone, this message again", reading.read, True),
    LineCommand("next", "n", "", "the next message", reading.forward, True),
    LineCommand("previous", "p", "", "the previous message", reading.back, True),
    LineCommand("messages", "", "NUMBER", "the messages of this conversation", reading.messages, True),
    LineCommand("details", "", "", "how the sender is known, and all else", reading.details, True),
    LineCommand("version", "", "", "another version of this message", reading.version, True),
    LineCommand("unlock", "", "", "decrypt this message with your passphrase", reading.unlock),
    LineCommand("link", "k", "NUMBER", "where links lead; open one", reading.links),
    LineCommand("attachments", "", "", "what is attached to this message", reading.attachments, True),
    LineCommand("save", "", "NUMBER PATH", "an attachment, all, or message", reading.save),
    LineCommand("reply", "r", "all", "to the sender, to all, or to the list", writing.reply),
    LineCommand("forward", "", "", "forward this message", writing.forward),
    LineCommand("compose", "c", "ADDRESS", "write a new message", writing.compose),
    LineCommand("edit", "e", "NUMBER", "this draft, or a delivery of the outbox", outbox.edit),
    LineCommand("archive", "a", "NUMBERS", "to the archive", filing.filing("archive", gone=True)),
    LineCommand("trash", "x", "NUMBERS", "to the trash", filing.filing("trash", gone=True)),
    LineCommand(
        "move", "", "FOLDER NUMBERS", "to a folder", filing.filing_with_word("move", "a folder", gone=True)
    ),
    LineCommand("copy", "", "FOLDER NUMBERS", "to a folder too", filing.filing_with_word("copy", "a folder")),
    LineCommand("tag", "", "TAG NUMBERS", "a tag; -TAG removes it", filing.filing_with_word("tag", "a tag")),
    LineCommand("star", "*", "NUMBERS", "set or remove the star", filing.filing("toggle-star")),
    LineCommand("mark", "", "NUMBERS", "mark as unread, or as read", filing.filing("toggle-unread")),
    LineCommand("block", "", "NUMBER", "refuse further mail from a sender", trusting.block),
    LineCommand("undo", "u", "", "undo sending, filing or blocking", filing.undo),
    LineCommand("outbox", "o", "", "what is being sent", outbox.outbox, True),
    LineCommand("attempts", "", "NUMBER", "what happened to a delivery", outbox.attempts, True),
    LineCommand("retry", "", "NUMBER", "try a delivery again", outbox.retry),
    LineCommand("cancel", "", "NUMBER", "do not send it", outbox.cancel),
    LineCommand("decide", "d", "NUMBER", "what needs your decision", deciding.decide),
    LineCommand("contacts", "", "WORD", "people", people.contacts, True),
    LineCommand("accounts", "", "", "your accounts, and whether mail comes in", people.accounts, True),
    LineCommand("setup", "", "", "add an address, an account or a mailbox on a server", first_steps.setup),
    LineCommand("sync", "", "", "accounts on servers, and whether they are in sync", syncing.sync, True),
    LineCommand("fetch", "", "", "look for mail on the servers now", syncing.fetch),
    LineCommand("pause", "", "NUMBER", "pause an account, or go on fetching it", syncing.pause),
    LineCommand(
        "attic", "", "ACCOUNT", "what was deleted on servers and is kept here", restoring.attic, True
    ),
    LineCommand("restore", "", "NUMBER", "bring a message back from the attic", restoring.restore),
    LineCommand(
        "trust", "", "WORD or log", "what you trust, and what needs your decision", trusting.trust, True
    ),
    LineCommand("approve", "", "NUMBER", "decide about a certificate", trusting.approve),
    LineCommand("forget", "", "NUMBER", "stop trusting a certificate or accepting a list", trusting.forget),
    LineCommand("filters", "", "", "your filters for new mail", filtering.filters, True),
    LineCommand("filter", "", "SEARCH", "try a search, and make a filter of it", filtering.make_filter),
    LineCommand("remove", "", "NUMBER", "remove a filter", filtering.remove_filter),
    LineCommand(
        "settings", "", "WORD", "settings with this word; alone, those you changed", settings.settings, True
    ),
    LineCommand("set", "", "NAME VALUE", "change a setting, by name or number", settings.set_value),
    LineCommand("reset", "", "NAME", "set a setting back to its default", settings.reset),
    LineCommand("pages", "", "on or off", "whether long output waits", pages),
    LineCommand("help", "h", "COMMAND", "list these commands", help_, True),
    LineCommand("quit", "q", "", "leave", quit_),
)
"""Every command."""
