"""Automatic answers and blocks over real TLS on loopback, and subscribers whom nothing reaches."""

from __future__ import annotations

import time

import pytest
from freeports import free_port
from listhost import FAR, HIVE, LIST, LISTS, make_hosts, until
from peers import person
from tests.misfin.post.hosting.test_lists import BEA, CAL, DAN, World

from misfin.post.hosting.settings import PATIENCE
from misfin.post.hosting.wording import AUTOMATIC
from misfin.store.hosting.lists import Posting
from misfin.store.hosting.mailboxes import Away

DAY = 86400.0
ADA = "ada@lists.test"


@pytest.fixture
async def world(tmp_path):
    made = World(tmp_path)
    made.lists.add(f"{ADA} Ada")
    made.lists.books.open()
    yield made
    await made.stack.aclose()
    for each in made.hosts.values():
        each.books.close()


def away(world, **span) -> None:
    world.lists.books.rules.set_away(ADA, Away("Back in January.", **span))


async def settled(world) -> list[str]:
    """The texts that bea has, once it is decided whether what was sent to ada before is answered."""
    await world.lists.post(world.dan, "# Last", to=ADA)
    await until(lambda: world.far.mail(DAN))
    await until(lambda: all(host.idle() for host in (*world.hosts.values(), world.lists)))
    return [each.body for each in world.hive.mail(BEA)]


async def test_a_person_gets_one_automatic_answer_a_day_and_the_message_is_kept(world):
    away(world)
    await world.start(world.lists, world.hive, world.far)
    for number in range(3):
        assert (await world.lists.post(world.bea, f"# Hello {number}", to=ADA)).startswith("20 ")
    assert await settled(world) == [f"# {AUTOMATIC}\n\nBack in January.\n"]
    assert len(world.lists.mail(ADA)) == 4
    assert world.lists.books.rules.answer(ADA, BEA, "x", now=time.time() + DAY + 1), "the next day"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# [Auto-Reply]\n\nI am away too", "\n\n\n"),
        ("# Re: [auto-reply]\n\nHm", "\n\n\n"),
        ("# Passed on", "cal@hive.test Cal\n\n\n"),
        ("# To many", "\nada@lists.test, cal@hive.test\n\n"),
        ("# Confirm\n\nconfirm 0a1b2c\n", "\n\n\n"),
    ],
)
async def test_what_no_single_person_wrote_is_not_answered(world, text, lines):
    away(world)
    await world.start(world.lists, world.hive, world.far)
    assert (await world.lists.post(world.bea, text, to=ADA, lines=lines)).startswith("20 ")
    assert await settled(world) == []


async def test_who_asked_to_confirm_a_subscription_is_a_list_and_never_answered(world):
    away(world)
    await world.start(world.lists, world.hive, world.far)
    assert (await world.lists.post(world.bea, "Send back: confirm 0a1b2c", to=ADA)).startswith("20 ")
    assert (await world.lists.post(world.bea, "# A post without its author", to=ADA)).startswith("20 ")
    assert await settled(world) == []


async def test_a_post_of_a_list_and_a_forged_sender_get_no_answer(world):
    away(world)
    world.far.add_list("dev@far.test", ADA, BEA)
    forged = person("cal@hive.test Cal", number=9)
    await world.start(world.lists, world.hive, world.far)
    assert (await world.far.post(world.bea, "# Plan", to="dev@far.test")).startswith("20 ")
    await until(lambda: world.lists.mail(ADA))
    assert (await world.lists.post(forged, "# Hi", to=ADA)).startswith("20 "), "taken, with a remark"
    await settled(world)
    assert world.hive.mail(CAL) == []
    assert len(world.far.mail("dev@far.test")) == 1


@pytest.mark.parametrize("span", [{"begins": 2e10}, {"begins": 0.0, "ends": 1.0}])
async def test_nothing_is_answered_outside_the_days_of_an_absence(world, span):
    away(world, **span)
    await world.start(world.lists, world.hive, world.far)
    assert (await world.lists.post(world.bea, "# Hello", to=ADA)).startswith("20 ")
    assert world.lists.books.posts.notices(9) == []


async def test_two_automatic_answers_that_face_each_other_stop_after_one(world):
    away(world)
    world.hive.books.open()
    world.hive.books.rules.set_away(BEA, Away("I am away as well."))
    await world.start(world.lists, world.hive, world.far)
    assert (await world.lists.post(world.bea, "# Hello", to=ADA)).startswith("20 ")
    assert len(await settled(world)) == 1
    assert [each.subject for each in world.lists.mail(ADA)] == ["Hello", "Last"]


async def test_a_mailbox_refuses_whom_it_has_blocked_and_others_do_not(world):
    rules = world.lists.books.rules
    rules.block(ADA, "BEA@hive.test")
    rules.block(ADA, "@far.test")
    world.lists.add("eve@lists.test Eve")
    await world.start(world.lists, world.hive, world.far)
    assert await world.lists.post(world.bea, "Hi", to=ADA) == "61 Sender blocked"
    assert await world.lists.post(world.dan, "Hi", to=ADA) == "61 Sender blocked"
    passed_on = await world.lists.post(world.cal, "Hi", to=ADA, lines="bea@hive.test\n\n\n")
    assert passed_on == "61 Sender blocked"
    assert (await world.lists.post(world.bea, "Hi", to="eve@lists.test")).startswith("20 ")
    rules.unblock(ADA, BEA)
    world.lists.books.refresh()
    assert BEA not in world.lists.books.hosted.blocks[ADA]


async def test_what_an_operator_decides_counts_for_the_very_next_message(world, monkeypatch):
    monkeypatch.setattr("misfin.post.reception._LOOK_AGAIN", 3600.0)
    await world.start(world.lists, world.hive, world.far)
    rules = world.lists.books.rules
    assert (await world.lists.post(world.bea, "Hi", to=ADA)).startswith("20 ")
    for _ in range(3):
        rules.block(ADA, BEA)
        assert await world.lists.post(world.bea, "Hi", to=ADA) == "61 Sender blocked"
        rules.unblock(ADA, BEA)
        assert (await world.lists.post(world.bea, "Hi", to=ADA)).startswith("20 ")
    away(world)
    assert (await world.lists.post(world.bea, "Are you there?", to=ADA)).startswith("20 ")
    assert await settled(world) == [f"# {AUTOMATIC}\n\nBack in January.\n"]
    world.lists.add_list("new@lists.test", DAN, posting=Posting.ANYONE)
    assert (await world.lists.post(world.bea, "# First", to="new@lists.test")).startswith("20 ")
    await until(lambda: [each for each in world.far.mail(DAN) if each.subject == "First"])


async def test_a_subscriber_whose_host_is_dead_for_a_month_is_unsubscribed(tmp_path):
    hosts = make_hosts(tmp_path, {LISTS: free_port(), HIVE: free_port(), FAR: free_port()})
    lists = hosts[LISTS]
    lists.add_list(LIST, BEA, DAN)
    book = lists.books.lists

    def failed(day: float) -> bool:
        sent = 1_800_000_000.0 + day * DAY
        return book.failed(LIST, DAN, "No answer.", sent=sent, now=sent + DAY, patience=PATIENCE)

    assert not failed(0)
    assert not failed(28)
    book.delivered(LIST, DAN)
    assert not failed(31)
    assert book.noted() == {(LIST, DAN)}
    assert failed(61)
    assert [each.address for each in book.subscribers(LIST)] == [BEA]
    lists.books.close()
