"""Mailing lists over real TLS on loopback: two or three hosts that find and verify each other."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from freeports import free_port
from listhost import FAR, HIVE, LIST, LISTS, ListHost, make_hosts, until
from peers import Peer, ask, message, person

from misfin.model.address import MisfinAddress
from misfin.post.hosting.lists import MOST_AN_HOUR
from misfin.store import evidence
from misfin.store.evidence import Evidence
from misfin.store.hosting.lists import Posting
from misfin.store.hosting.posts import PostState
from misfin.store.message import envelope

BEA, CAL, DAN = "bea@hive.test", "cal@hive.test", "dan@far.test"


class World:
    """The host of the lists, and two with people."""

    def __init__(self, root) -> None:
        self.hosts = make_hosts(root, {name: free_port() for name in (LISTS, HIVE, FAR)})
        self.lists, self.hive, self.far = (self.hosts[name] for name in (LISTS, HIVE, FAR))
        self.bea = self.hive.add("bea@hive.test Bea Worker")
        self.cal = self.hive.add("cal@hive.test Cal")
        self.dan = self.far.add("dan@far.test Dan")
        self.stack = AsyncExitStack()

    async def start(self, *hosts: ListHost) -> None:
        for each in hosts:
            await self.stack.enter_async_context(each.running())


@pytest.fixture
async def world(tmp_path):
    made = World(tmp_path)
    yield made
    await made.stack.aclose()
    for each in made.hosts.values():
        each.books.close()


async def test_a_post_reaches_the_subscribers_with_its_author_and_the_list_as_proven_sender(world):
    world.lists.add_list(LIST, BEA, CAL, DAN)
    await world.start(world.lists, world.hive, world.far)
    answer = await world.lists.post(world.bea, "# Plan\n\nMeet?")
    assert answer.startswith("20 "), answer
    for host, reader in ((world.hive, CAL), (world.far, DAN)):
        (got,) = await until(lambda host=host, reader=reader: host.mail(reader))
        assert [each.address for each in got.senders] == [LIST, BEA]
        assert (got.senders[0].blurb, got.senders[1].blurb) == ("Dev list", "Bea Worker")
        assert len(got.timestamps) == 2
        assert got.body == "# Plan\n\nMeet?\n"
        (file,) = host.files(reader)
        assert evidence.read(envelope.read(file).verification) is Evidence.VERIFIED
    (kept,) = await until(lambda: world.lists.mail(LIST))
    assert [each.address for each in kept.senders] == [BEA]
    assert world.hive.mail(BEA) == [], "the author does not get it back"


async def test_people_subscribe_confirm_and_leave_by_message(world):
    world.lists.add_list(LIST, description="All about hives.")
    await world.start(world.lists, world.hive)
    assert (await world.lists.post(world.bea, "Hello?")).startswith("61 Only subscribers")
    assert await world.lists.post(world.bea, "subscribe") == "20 Confirmation sent"
    assert (await world.lists.post(world.bea, "subscribe")).startswith("44 "), "one code an hour"
    (asked,) = await until(lambda: world.hive.mail(BEA))
    code = re.search(r"^confirm ([0-9a-f]{8})$", asked.body, re.MULTILINE)[1]
    assert (await world.lists.post(world.cal, f"confirm {code}")).startswith("50 "), "the code of another"
    assert (await world.lists.post(world.bea, "confirm 00000000")).startswith("50 ")
    assert await world.lists.post(world.bea, f"confirm {code}") == "20 Subscription confirmed"
    assert await world.lists.post(world.bea, f"confirm {code}") == "20 Already subscribed"
    welcome = (await until(lambda: len(world.hive.mail(BEA)) == 2 and world.hive.mail(BEA)))[1]
    assert "All about hives." in welcome.body
    assert (await world.lists.post(world.bea, "Hello!")).startswith("20 ")
    assert await world.lists.post(world.bea, "Unsubscribe") == "20 Unsubscribed"
    assert (await world.lists.post(world.bea, "Hello?")).startswith("61 ")


async def test_codes_cannot_be_guessed(world):
    world.lists.add_list(LIST)
    await world.start(world.lists, world.hive)
    await world.lists.post(world.bea, "subscribe")
    (asked,) = await until(lambda: world.hive.mail(BEA))
    code = re.search(r"confirm ([0-9a-f]{8})", asked.body)[1]
    for guess in range(5):
        assert (await world.lists.post(world.bea, f"confirm 0000000{guess}")).startswith("50 ")
    assert (await world.lists.post(world.bea, f"confirm {code}")).startswith("50 No subscription is waiting")


async def test_a_claimed_or_forged_sender_neither_posts_nor_unsubscribes_anybody(world):
    world.lists.add_list(LIST, BEA, CAL)
    await world.start(world.lists, world.hive, world.far)
    forged = person("bea@hive.test Bea Worker", number=7)
    for text in ("# Lies", "unsubscribe", "subscribe"):
        assert (await world.lists.post(forged, text)).startswith("61 "), text
    claims = await world.lists.post(world.dan, "# Lies", lines="bea@hive.test Bea Worker\n\n\n")
    assert claims.startswith("61 ")
    assert (await world.lists.post(None, "# Lies")).startswith("60 ")
    assert [each.address for each in world.lists.books.lists.subscribers(LIST)] == [BEA, CAL]
    assert world.lists.mail(LIST) == world.hive.mail(CAL) == []


async def test_who_cannot_be_asked_about_may_try_later_and_posts_with_the_key_that_confirmed(world):
    world.lists.add_list(LIST, CAL, DAN)
    await world.start(world.lists, world.hive)
    assert (await world.lists.post(world.dan, "Hi")).startswith("41 ")
    world.lists.books.lists.unsubscribe(LIST, DAN)
    assert (await world.lists.post(world.dan, "subscribe")) == "20 Confirmation sent"
    request = "SELECT code FROM request WHERE address = ?"
    ((code,),) = world.lists.books.lists._db.read(request, (DAN,))  # as if dan had read it
    assert (await world.lists.post(world.dan, f"confirm {code}")) == "20 Subscription confirmed"
    assert (await world.lists.post(world.dan, "Hi")).startswith("20 ")


async def test_an_old_format_post_is_sent_once_and_as_a_new_one(world):
    world.lists.add_list(LIST, BEA, CAL)
    await world.start(world.lists, world.hive)
    request = b"misfin://dev@lists.test : dev@lists.test cal@hive.test\n# Old\nstyle\r\n"
    answer = await ask(world.lists.port, request, world.bea, sni=LISTS)
    assert answer.startswith(b"20 ")
    (got,) = await until(lambda: world.hive.mail(CAL))
    assert [each.address for each in got.senders] == [LIST, BEA]
    assert [each.address for each in got.recipients] == [CAL]
    assert got.body == "# Old\nstyle"


async def test_two_lists_that_subscribe_to_each_other_send_a_post_once(world):
    other = "ops@far.test"
    world.lists.add_list(LIST, BEA, CAL, other)
    world.far.add_list(other, DAN, LIST)
    await world.start(world.lists, world.hive, world.far)
    assert (await world.lists.post(world.bea, "Round and round")).startswith("20 ")
    (got,) = await until(lambda: world.far.mail(DAN))
    assert [each.address for each in got.senders] == [other, LIST, BEA]
    await until(lambda: world.hive.mail(CAL))
    await until(lambda: all(host.idle() for host in (world.lists, world.far, world.lists)))
    assert len(world.hive.mail(CAL)) == len(world.far.mail(DAN)) == 1


async def test_a_list_that_forgets_the_authors_cannot_make_a_loop(world):
    forgetful = "old@far.test"
    world.lists.add_list(LIST, BEA, CAL, forgetful)
    old = world.far.add(f"{forgetful} Old list")
    await world.start(world.lists, world.hive, world.far)
    assert (await world.lists.post(world.bea, "# Round\n\nand round")).startswith("20 ")
    back = await world.lists.post(old, "# Round\n\n# Round\n\nand round")
    assert back == "20 Waiting for a moderator"
    (held,) = world.lists.books.posts.posts(PostState.HELD)
    assert held.author == forgetful


async def test_a_message_that_says_it_was_on_the_list_is_refused_and_so_is_an_automatic_answer(world):
    world.lists.add_list(LIST, BEA)
    await world.start(world.lists, world.hive)
    lines = "dev@lists.test Dev, cal@hive.test\n\n\n"
    assert (await world.lists.post(world.bea, "Again", lines=lines)).startswith("50 ")
    assert (await world.lists.post(world.bea, "# [Auto-Reply]\n\nAway")).startswith("50 ")


async def test_moderators_hear_of_a_post_that_waits_and_decide_by_message(world):
    world.lists.add_list(LIST, BEA, CAL, moderated=True)
    world.lists.books.lists.set_moderator(LIST, DAN, moderates=True)
    await world.start(world.lists, world.hive, world.far)
    assert await world.lists.post(world.bea, "# One") == "20 Waiting for a moderator"
    assert await world.lists.post(world.bea, "# Two") == "20 Waiting for a moderator"
    first, second = await until(lambda: len(world.far.mail(DAN)) == 2 and world.far.mail(DAN))
    assert "bea@hive.test" in first.body
    yes, no = (re.search(r"^approve (\d+)$", each.body, re.MULTILINE)[1] for each in (first, second))
    assert (await world.lists.post(world.bea, f"approve {yes}")).startswith("61 "), "not a moderator"
    assert await world.lists.post(world.dan, f"approve {yes}") == "20 Approved"
    assert await world.lists.post(world.dan, f"reject {no}") == "20 Rejected"
    assert (await world.lists.post(world.dan, f"approve {no}")).startswith("50 ")
    assert (await world.lists.post(world.dan, "# Three")).startswith("20 "), "a moderator's own"
    mail = await until(lambda: len(world.hive.mail(CAL)) == 2 and world.hive.mail(CAL))
    assert Counter(each.subject for each in mail) == Counter(["One", "Three"])


@pytest.mark.parametrize(("posting", "answer"), [(Posting.ANYONE, "20 "), (Posting.MODERATORS, "61 ")])
async def test_who_may_write_is_a_setting_of_the_list(world, posting, answer):
    world.lists.add_list(LIST, CAL, posting=posting, closed=True)
    await world.start(world.lists, world.hive)
    assert (await world.lists.post(world.bea, "Hi")).startswith(answer)
    assert (await world.lists.post(world.bea, "subscribe")).startswith("61 "), "closed"


async def test_the_same_post_twice_in_a_moment_is_one_and_a_flood_is_slowed_down(world):
    world.lists.add_list(LIST, BEA, CAL)
    await world.start(world.lists, world.hive)
    answers = [await world.lists.post(world.bea, "Once") for _ in range(2)]
    assert all(each.startswith("20 ") for each in answers)
    for number in range(MOST_AN_HOUR - 1):
        assert (await world.lists.post(world.bea, f"Post {number}")).startswith("20 ")
    assert (await world.lists.post(world.bea, "One more")).startswith("44 ")
    mail = await until(lambda: len(world.hive.mail(CAL)) >= MOST_AN_HOUR and world.hive.mail(CAL))
    assert Counter(each.body for each in mail).most_common(1)[0][1] == 1


async def test_a_post_that_would_not_fit_with_its_author_is_refused_at_once(world):
    world.lists.add_list(LIST, BEA, CAL)
    await world.start(world.lists, world.hive)
    answer = await world.lists.post(world.bea, "x" * 16370)
    assert answer.startswith("50 The message is too large")


async def test_names_that_are_paths_are_just_not_there(world):
    world.lists.add_list(LIST, BEA)
    await world.start(world.lists, world.hive)
    for name in ("..", "../dev", "dev/../../etc"):
        peer = await Peer.connect(world.lists.port, world.bea, sni=LISTS)
        answer = await peer.ask(message(f"{name}@lists.test", "Hi"))
        assert answer[:2] in (b"51", b"59"), answer
    assert MisfinAddress.parse(LIST).mailbox == "dev"


async def test_a_host_whose_receiver_is_killed_while_it_sends_a_post_neither_loses_nor_doubles_a_copy(
    tmp_path,
):
    """A whole program each time, killed at moments all over the sending; a list of 60 on two hosts."""
    script = Path(__file__).parents[3] / "helpers" / "kill_list.py"
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(script), str(tmp_path), "4"],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["copies"] + found["uncertain and not there"] == found["wanted"]
    assert found["killed while sending"] > 0
