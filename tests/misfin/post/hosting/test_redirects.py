"""Subscribers whose host sends a list's copies on: over real TLS, with a host that answers 30 and 31."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from freeports import free_port
from listhost import FAR, LIST
from peers import person
from receiving import serving
from tests.misfin.post.hosting.test_lists import BEA, CAL, DAN
from tests.misfin.post.hosting.test_sending import DAY, Desk

from misfin.model.address import MisfinAddress
from misfin.net.client import HostOverride
from misfin.net.directory import Directory, Moved
from misfin.post.hosting.books import HostBooks
from misfin.store.outgoing.outbox import DeliveryState
from misfin.trust.pins import PinBook

OLD = "old.test"
HOST = person("postmaster@old.test")


def moved(**where: str) -> Directory:
    """The directory of a host that redirects: for good, or where the address ends in ? for once."""
    return Directory(
        [HOST],
        moved={
            MisfinAddress(name, OLD): Moved(MisfinAddress.parse(to.rstrip("?")), permanent="?" not in to)
            for name, to in where.items()
        },
    )


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.old_port, port = free_port(), free_port()
    made.lists.hosts[OLD] = HostOverride(connect=("127.0.0.1", made.old_port))
    made.lists.hosts[FAR] = HostOverride(connect=("127.0.0.1", port))
    made.hive.add(CAL)
    made.hive.add("dora@hive.test")
    yield made
    made.books.close()


def at_old(desk, **where: str):
    return serving(moved(**where), listen=(("127.0.0.1", desk.old_port),))


def waiting(sending) -> list:
    return [each for each in sending._outbox.rows() if each.state not in (DeliveryState.DELIVERED,)]


async def test_a_copy_goes_where_the_subscribers_host_sends_it_and_31_is_shown(desk):
    desk.lists.add_list(LIST, BEA, "cal@old.test", "dora@old.test")
    async with desk.hive.running(), at_old(desk, cal=CAL, dora="dora@hive.test?"):
        sending = desk.begin()
        for text in ("One", "Two"):
            desk.post(text)
            await sending.run_once()
    assert [each.body for each in desk.hive.mail(CAL)] == ["One\n", "Two\n"]
    assert [each.body for each in desk.hive.mail("dora@hive.test")] == ["One\n", "Two\n"]
    found = {each.address: each for each in desk.books.lists.subscribers(LIST)}
    assert set(found) == {BEA, "cal@old.test", "dora@old.test"}, "nobody's address is changed unasked"
    assert found["cal@old.test"].moved == CAL
    assert found["dora@old.test"].moved == "", "30 is for this message alone"
    assert not any(each.failing_since for each in found.values())
    assert waiting(sending) == []
    with closing(PinBook(desk.lists.root / "trust.db")) as pins:
        assert {each.name for each in pins.all()} >= {"old.test:1958", "hive.test:1958"}


async def test_a_move_is_forgotten_once_the_mailbox_answers_at_its_own_address_again(desk):
    desk.lists.add_list(LIST, BEA, "cal@old.test")
    sending = desk.begin()
    async with desk.hive.running(), at_old(desk, cal=CAL):
        desk.post("One")
        await sending.run_once()
    assert desk.books.lists.subscriber(LIST, "cal@old.test").moved == CAL
    directory = Directory([HOST, person("cal@old.test")])
    async with serving(directory, listen=(("127.0.0.1", desk.old_port),)) as back:
        desk.post("Two")
        await sending.run_once()
        assert len(back.messages) == 1
    assert desk.books.lists.subscriber(LIST, "cal@old.test").moved == ""


async def test_redirects_in_a_circle_back_to_the_list_or_to_nowhere_count_as_failures_of_that_one(desk):
    desk.lists.add_list(LIST, BEA, CAL, *(f"{name}@old.test" for name in ("one", "back", "lost")))
    ways = {"one": "two@old.test", "two": "one@old.test", "back": LIST, "lost": "nobody@hive.test"}
    async with desk.hive.running(), at_old(desk, **ways):
        desk.post("Hello")
        await desk.begin().run_once()
    assert len(desk.hive.mail(CAL)) == 1
    failing = {each.address: each.why for each in desk.books.lists.subscribers(LIST) if each.failing_since}
    assert set(failing) == {"one@old.test", "back@old.test", "lost@old.test"}
    assert "already been" in failing["one@old.test"]
    assert "back to you" in failing["back@old.test"]


async def test_a_host_whose_certificate_changed_gets_nothing_by_a_redirect_either(desk):
    desk.lists.add_list(LIST, BEA, "cal@old.test")
    far = free_port()
    desk.lists.hosts[FAR] = HostOverride(connect=("127.0.0.1", far))
    sending = desk.begin()
    async with at_old(desk, cal=DAN):
        for number in range(2):
            here = Directory([person(DAN, number=number)])
            async with serving(here, listen=(("127.0.0.1", far),)) as post:
                desk.post(f"Number {number}")
                await sending.run_once()
                assert len(post.messages) == (1 if number == 0 else 0)
    (held,) = sending._outbox.rows([DeliveryState.HELD])
    assert (held.to, held.target, held.pin_name) == ("cal@old.test", DAN, "far.test:1958")


async def test_a_redirect_does_not_lead_to_a_private_address(desk):
    desk.lists.add_list(LIST, BEA, "cal@old.test")
    settings = replace(desk.lists.settings.hosting, allow_private=False)
    sending = desk.begin(settings)
    async with at_old(desk, cal="cal@localhost"):
        desk.post("Hello")
        await sending.run_once()
        (row,) = waiting(sending)
        assert (row.state, row.target) == (DeliveryState.DEFERRED, "cal@localhost")
        assert "private" in row.why
        for _ in range(10):  # it is tried for three days, and some times at least
            desk.clock.now += DAY
            await sending.run_once()
    assert desk.books.lists.subscriber(LIST, "cal@old.test").failing_since


async def test_a_redirect_that_a_crash_left_is_followed_after_the_start(desk):
    desk.lists.add_list(LIST, BEA, "cal@old.test")
    async with desk.hive.running(), at_old(desk, cal=CAL):
        desk.post("Hello")
        first = desk.begin()
        first.queue()
        await first._courier.run_once()
        assert [each.state for each in first._outbox.rows()] == [DeliveryState.HELD]
        first._outbox.close()
        await desk.begin().run_once()
    assert len(desk.hive.mail(CAL)) == 1


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path):
    from misfin.store.hosting.file import STEPS

    with closing(sqlite3.connect(tmp_path / "hosting.db", isolation_level=None)) as file:
        for statement in STEPS[0]:
            file.execute(statement)
        file.execute("INSERT INTO list (address, posting, created) VALUES (?, 'anyone', 0)", (LIST,))
        file.execute("INSERT INTO subscriber (list, address, since) VALUES (?, ?, 5.0)", (LIST, BEA))
        file.execute("PRAGMA user_version = 1")
    books = HostBooks(tmp_path / "hosting.db")
    assert books.refresh()
    (found,) = books.lists.subscribers(LIST)
    assert (found.address, found.since, found.moved) == (BEA, 5.0, "")
    books.close()
