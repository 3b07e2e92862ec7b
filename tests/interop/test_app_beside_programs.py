"""mutt, neomutt, notmuch and Dovecot work on the mail while the app has it open: both sides see it at once.

The app is the real one, through Pilot; mutt and neomutt stay open in a terminal, Dovecot has its folder
selected all the time.
"""

from __future__ import annotations

import asyncio
import imaplib
import os
import shutil

import pytest
from desk import ALICE, at_desk, make_profile, on_screen, shown, until
from mailboxes import Mailbox, mail
from mailprograms import (
    Terminal,
    dovecot,
    mutt_command,
    needs_dovecot,
    needs_notmuch,
    needs_tmux,
    notmuch,
)
from post import NOW

START = NOW.timestamp()
NEXT_CHANGE = 5.0
WORDS = ("jade", "kelp", "lamp", "moss", "nile")


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    """Five conversations of one message each, the newest first: nile, moss, lamp, kelp, jade."""
    made = Mailbox(profile.mail, ALICE)
    for number, word in enumerate(WORDS):
        made.put(message(word, number))
    return made


def message(word: str, number: int = 9) -> bytes:
    sender = f"{word.capitalize()} Writer <{word}@hive.test>"
    return mail(word, f"A message about {word}.", sender=sender, date=START + 60 * number)


def line(app, word: str) -> str:
    """The list's line of a message, '' when it is not there."""
    return next((line for line in shown(app).splitlines() if f"{word.capitalize()} Writer" in line), "")


async def listed(pilot, count: int) -> None:
    await until(pilot, lambda: f"Inbox · {count} conversation" in shown(pilot.app), f"{count} in the Inbox")


async def at(pilot, app, word: str) -> None:
    """Put the app's cursor on a message."""
    await pilot.press("g")
    for _ in range(2 * len(WORDS)):
        if app.screen.messages.current.subject == word:
            return
        await pilot.press("j")
    raise AssertionError(f"{word} is not in the list")


def there(terminal: Terminal, word: str) -> bool:
    """Whether mutt lists a message; neomutt keeps one that has gone for a while, marked as deleted."""
    return any(line.endswith(word) and "D" not in line for line in terminal.screen().splitlines())


@needs_tmux
@pytest.mark.parametrize("program", ["mutt", "neomutt"])
async def test_mutt_is_open_beside_the_app(profile, mailbox, tmp_path, program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot, 5)
        terminal = Terminal(mutt_command(program, tmp_path, mailbox.path()), tmp_path)

        async def in_mutt(word: str, *keys: str) -> None:
            """Find a message and press keys; ``$`` writes what they did."""
            await asyncio.to_thread(terminal.press, "/", word, "Enter")
            await asyncio.to_thread(terminal.press, *keys, "$")

        async def mutt_shows(holds, what: str) -> None:
            looking = asyncio.create_task(asyncio.to_thread(terminal.until, holds, what))
            while not (await asyncio.wait([looking], timeout=NEXT_CHANGE))[0]:
                # neomutt can miss what changes while it looks, until the folder changes again
                os.utime(mailbox.path() / "cur")
            await looking

        try:
            await mutt_shows(lambda: "nile" in terminal.screen(), "mutt's list")
            await in_mutt("nile", "F")
            await until(pilot, lambda: "★" in line(app, "nile"), "the star mutt gave")
            assert "●" in line(app, "nile")
            await in_mutt("moss", "Enter", "q")
            await until(pilot, lambda: "●" not in line(app, "moss"), "what was read in mutt")
            await in_mutt("moss", "N")
            await until(pilot, lambda: "●" in line(app, "moss"), "what was marked unread in mutt")
            await in_mutt("lamp", "s", "C-u", str(mailbox.path("Archive")), "Enter")
            await listed(pilot, 4)
            assert not line(app, "lamp")
            await in_mutt("kelp", "d")
            await listed(pilot, 3)
            assert mailbox.files("Archive")

            await at(pilot, app, "jade")
            await pilot.press("s")
            await mutt_shows(lambda: "!" in terminal.line("jade"), "the star given here")
            await at(pilot, app, "moss")
            await pilot.press("u")
            await mutt_shows(lambda: "N" not in terminal.line("moss"), "what was read here")
            await pilot.press("e")
            await listed(pilot, 2)
            await mutt_shows(lambda: not there(terminal, "moss"), "what was archived here")
            if program == "neomutt":  # which takes no message back that was gone
                return
            await pilot.press("z")
            await listed(pilot, 3)
            await mutt_shows(lambda: there(terminal, "moss"), "what was undone here")
        finally:
            terminal.close()


@needs_notmuch
async def test_notmuch_works_beside_the_app(profile, mailbox, tmp_path):
    async def run(*arguments: str, data: bytes | None = None) -> str:
        return await asyncio.to_thread(notmuch, tmp_path, profile.mail, *arguments, data=data)

    await run("new")
    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot, 5)
        await run("insert", f"--folder={ALICE}", data=message("opal"))
        await listed(pilot, 6)
        assert "●" in line(app, "opal")
        await run("tag", "+flagged", "-unread", "subject:nile")
        await until(pilot, lambda: "★" in line(app, "nile") and "●" not in line(app, "nile"))

        await at(pilot, app, "jade")
        await pilot.press("s")
        await until(pilot, lambda: "★" in line(app, "jade"))
        await at(pilot, app, "kelp")
        await pilot.press("e")
        await listed(pilot, 5)
        await run("new")
        assert "flagged" in await run("search", "--output=tags", "subject:jade")
        (file,) = (await run("search", "--output=files", "subject:kelp")).splitlines()
        assert "/.Archive/" in file


@needs_dovecot
async def test_imap_works_beside_the_app(profile, mailbox, tmp_path):
    def number(client, word: str) -> str:
        client.noop()
        client.untagged_responses.clear()
        _, [found] = client.search(None, "SUBJECT", word)
        return found.decode()

    def flags(client, word: str) -> set[str]:
        _, lines = client.fetch(number(client, word), "(FLAGS)")
        return {flag.decode() for flag in imaplib.ParseFlags(lines[-1])} - {"\\Recent"}

    async with at_desk(profile, (120, 40)) as (app, pilot):
        await listed(pilot, 5)
        with dovecot(tmp_path, mailbox.path()) as client:
            await asyncio.to_thread(client.store, number(client, "nile"), "+FLAGS", r"(\Flagged honey)")
            await until(pilot, lambda: "★" in line(app, "nile"), "the star IMAP gave")
            await on_screen(pilot, "honey")
            await asyncio.to_thread(client.store, number(client, "moss"), "+FLAGS", r"(\Seen)")
            await until(pilot, lambda: "●" not in line(app, "moss"), "what was read by IMAP")
            await asyncio.to_thread(client._simple_command, "MOVE", number(client, "lamp"), "Archive")
            await listed(pilot, 4)
            await asyncio.to_thread(client.store, number(client, "kelp"), "+FLAGS", r"(\Deleted)")
            await asyncio.to_thread(client.expunge)
            await listed(pilot, 3)
            when = imaplib.Time2Internaldate(START)
            await asyncio.to_thread(client.append, "INBOX", None, when, message("opal"))
            await listed(pilot, 4)

            await at(pilot, app, "jade")
            await pilot.press("s")
            await until(pilot, lambda: "★" in line(app, "jade"))
            await pilot.press("t", *"bees", "enter")
            await until(pilot, lambda: app.screen.messages.current.tags == ("bees",))
            assert await asyncio.to_thread(flags, client, "jade") == {"\\Flagged", "bees"}
            await pilot.press("e")
            await listed(pilot, 3)
            assert await asyncio.to_thread(number, client, "jade") == ""
            await asyncio.to_thread(client.select, "Archive")
            assert await asyncio.to_thread(flags, client, "jade") == {"\\Flagged", "bees"}
            assert await asyncio.to_thread(number, client, "lamp") != ""
