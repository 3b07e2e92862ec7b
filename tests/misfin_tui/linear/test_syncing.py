"""Accounts on servers in plain lines: in sync or not, paused, and the attic with what they deleted."""

from __future__ import annotations

import pytest
from desk import make_profile
from linedesk import at_lines
from syncdesk import SyncDesk

from misfin_tui import config

WORK = '[accounts.work]\nkind = "email"\naddress = "ada@x.example"\nimap = "imaps://x.example"\n'


@pytest.fixture
async def fetched(tmp_path):
    """A profile whose account has two messages in the inbox and one in the attic."""
    profile = make_profile(tmp_path / "profile", settings=WORK, address="")
    desk = SyncDesk(profile.root)
    desk.fill(3)
    await desk.settle()
    desk.server[b"INBOX"].remove(1)
    await desk.settle()
    assert sum(desk.attic().values()) == 1
    desk.state.close()
    return profile


@pytest.fixture(params=["20", "80"])
def width(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", request.param)


async def test_the_state_of_accounts_is_said_with_their_folders(fetched, width):
    async with at_lines(fetched) as lines:
        said = await lines.do("sync")
        assert "1. work, ada@x.example: not fetching. 2 messages." in said
        said = await lines.do("1")
        assert "Inbox: 2 messages, in sync." in said
        assert "Nothing was changed on the server within the last 30 days." in said


async def test_an_account_is_paused_and_goes_on(fetched):
    async with at_lines(fetched) as lines:
        await lines.do("sync")
        assert "work is paused." in await lines.do("pause 1")
        assert config.load(fetched.config).accounts["work"].paused
        assert "paused: not fetched automatically" in await lines.do("sync")
        assert "No account is fetched." in await lines.do("fetch")
        assert "work is no longer paused." in await lines.do("pause 1")
        assert "Looking for new mail." in await lines.do("fetch")


async def test_a_message_in_the_attic_is_read_and_restored(fetched, width):
    async with at_lines(fetched) as lines:
        said = await lines.do("attic")
        assert "Attic: 1 message." in said
        assert "1. unknown: 1. Deleted from Inbox " in said
        said = await lines.do("1")
        assert "hello End of message." in said
        assert "kept until" in said
        assert "No account other has an attic." in await lines.do("attic other")
        assert "1 message" in await lines.do("attic work")
        assert "The message is back in Inbox" in await lines.do("restore 1")
        assert "The attic is empty." in await lines.do("attic")
        assert len(lines.desk.services.store.folder("work").list()) == 3


async def test_without_an_account_it_says_so(tmp_path):
    async with at_lines(make_profile(tmp_path / "profile")) as lines:
        assert "No account fetches mail from a server." in await lines.do("sync")
        assert "The attic is empty." in await lines.do("attic")
