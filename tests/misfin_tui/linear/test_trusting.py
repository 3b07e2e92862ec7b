"""The trust list in plain lines: seen, approved, forgotten, blocked, and nothing in it acts."""

from __future__ import annotations

import time

import pytest
from desk import identity, make_profile
from linedesk import at_lines

from misfin.store.accepted_lists import FILE, AcceptedLists
from misfin.trust.pins import PinBook
from misfin.trust.tofu import PinKind

HOST, SENDER = "hive.test:1958", "bob@hive.test"


@pytest.fixture
def profile(tmp_path):
    made = make_profile(tmp_path / "profile")
    now = time.time()
    with PinBook(made.trust_db) as book:
        book.record(PinKind.HOST, HOST, identity("a@hive.test").info, how="first use", now=now)
        book.offer(PinKind.HOST, HOST, identity("b@hive.test").info, now=now)
        book.record(PinKind.SENDER, SENDER, identity(SENDER).info, how="first message", now=now)
    AcceptedLists(made.root / FILE).accept("talk.list.test", "list.test", now)
    return made


@pytest.fixture(params=["20", "80"])
def width(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", request.param)


async def test_what_is_trusted_is_listed_with_what_waits_first(profile, width):
    async with at_lines(profile) as lines:
        said = await lines.do("trust")
        assert "Trust: 3 entries, 1 needs you." in said
        assert f"1. Host {HOST}. Needs your decision." in said
        assert "Trusted by first use." in said
        assert f"Sender {SENDER}. Unconfirmed." in said
        assert "Mailing list talk.list.test." in said
        assert "Mailing" not in await lines.do("trust hive")
        assert "presented, not accepted: hive.test:1958" in await lines.do("trust log")


async def test_a_number_says_everything_about_it(profile, width):
    async with at_lines(profile) as lines:
        await lines.do("trust host")
        said = await lines.do("1")
        assert f"Host {HOST}." in said
        assert "Trusted by: first use" in said
        assert "Needs your decision: " in said
        assert "Type approve 1 to decide." in said


async def test_a_certificate_is_approved_only_after_its_characters_were_typed(profile):
    async with at_lines(profile) as lines:
        with PinBook(profile.trust_db) as book:
            wanted = book.offered(PinKind.HOST, HOST).certificate.fingerprints.cert
        await lines.do("trust")
        assert "Nothing was decided." in await lines.do("approve 1", "trust", "zzzz", "")
        assert f"{HOST} is trusted." in await lines.do("approve 1", "trust", wanted[:4])
        assert "needs your decision" in await lines.do("approve 1")
        assert "Type trust first." in (await lines.do("contacts")) + await lines.do("approve 1")
    with PinBook(profile.trust_db) as book:
        assert book.get(PinKind.HOST, HOST).cert_sha256 == wanted


async def test_a_pin_and_a_list_are_forgotten_after_asking(profile):
    async with at_lines(profile) as lines:
        await lines.do("trust sender")
        await lines.do("forget 1", "")
        with PinBook(profile.trust_db) as book:
            assert book.get(PinKind.SENDER, SENDER)
        assert f"{SENDER} is forgotten." in await lines.do("forget 1", "forget")
        await lines.do("trust talk")
        assert "talk.list.test is no longer accepted." in await lines.do("forget 1", "take")
        assert f"Host {HOST}" in await lines.do("trust")
        assert "2." not in await lines.do("trust")


async def test_a_sender_is_blocked_from_the_list_and_that_is_undone(profile):
    async with at_lines(profile) as lines:
        await lines.do("trust")
        assert "Only senders can be blocked." in await lines.do("block 1")
        await lines.do("trust sender")
        assert f"{SENDER} is blocked" in await lines.do("block 1")
        assert SENDER in lines.desk.services.contact_book.blocked()
        assert f"{SENDER} is no longer blocked." in await lines.do("undo")


async def test_an_empty_list_says_what_it_is_for(tmp_path):
    async with at_lines(make_profile(tmp_path / "profile")) as lines:
        assert "Nothing is pinned yet." in await lines.do("trust")
