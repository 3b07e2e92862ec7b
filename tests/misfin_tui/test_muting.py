"""Muted conversations: archived, marked, quiet about what comes later; also after a restart and a rebuild."""

from __future__ import annotations

import time

import pytest
from desk import ALICE, at_desk, make_profile, notices, on_screen, shown, until
from mailboxes import Mailbox, mail

from misfin.store.mail.keywords import read_keywords


@pytest.fixture
def profile(profile_root):
    return make_profile(profile_root)


@pytest.fixture
def mailbox(profile):
    made = Mailbox(profile.mail, ALICE)
    made.put(mail("Noise", message_id="<1@x>", date=time.time() - 99), flags="S")
    made.put(mail("Other", message_id="<9@x>", date=time.time() - 50), flags="S")
    return made


def reply(number: int) -> bytes:
    return mail("Re: Noise", message_id=f"<{number}@x>", references=["<1@x>"], date=time.time())


async def muted(app, pilot, mailbox):
    await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
    await pilot.press("j", "Q")
    await until(pilot, lambda: "Inbox · 1 conversation" in shown(app))


def archived(mailbox) -> list[str]:
    """The flags of what is in the archive, tags by their names."""
    tags = read_keywords(mailbox.path("Archive"))
    names = [file.name.partition(":2,")[2] for file in mailbox.files("Archive")]
    return sorted(" ".join(tags.get(flag, flag) for flag in flags) for flags in names)


async def test_a_muted_conversation_stays_quiet_after_a_restart_and_a_rebuilt_index(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await muted(app, pilot, mailbox)
        await until(pilot, lambda: any("1 conversation muted" in notice for notice in notices(app)))
        assert archived(mailbox) == ["S muted"]
        mailbox.put(reply(2))
        await until(pilot, lambda: archived(mailbox) == ["S muted", "S muted"])
    for file in profile.cache.glob("index*"):
        file.unlink()
    async with at_desk(profile) as (app, pilot):
        await until(pilot, lambda: "Inbox · 1 conversation" in shown(app))
        await until(pilot, lambda: app.services.mail._known is not None)
        mailbox.put(reply(3))
        mailbox.put(mail("loud", date=time.time()))
        await until(pilot, lambda: any("loud" in notice for notice in notices(app)))
        await until(pilot, lambda: archived(mailbox) == ["S muted"] * 3)
        assert not any("Noise" in notice for notice in notices(app))
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))


async def test_undo_takes_muting_back_at_once(profile, mailbox):
    async with at_desk(profile) as (app, pilot):
        await muted(app, pilot, mailbox)
        await pilot.press("z")
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
        await until(pilot, lambda: "#muted" not in shown(app))
        mailbox.put(reply(2))
        await until(pilot, lambda: "Inbox · 2 conversations" in shown(app))
        assert not mailbox.files("Archive")


async def test_the_list_shows_it_and_the_same_key_unmutes(profile, mailbox):
    async with at_desk(profile, (120, 30)) as (app, pilot):
        await muted(app, pilot, mailbox)
        await pilot.press("slash", *"tag:muted", "enter")
        await until(pilot, lambda: "Search: tag:muted · 1 conversation" in shown(app))
        await on_screen(pilot, "#muted")
        await pilot.press("Q")
        await until(pilot, lambda: any("no longer muted" in notice for notice in notices(app)))
        await until(pilot, lambda: archived(mailbox) == ["S"])
