"""Titlani's client and a mailing list of ours, and a Titlani mailbox that subscribes to one."""

from __future__ import annotations

import asyncio
import re

import pytest
from freeports import free_port
from listhost import HIVE, make_hosts, until
from tests.helpers.titlani import titlani_sends, titlani_server, why_not

from misfin.store import evidence
from misfin.store.evidence import Evidence
from misfin.store.message import envelope

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")

LIST = "dev@localhost"
BEA, CAL = "bea@hive.test", "cal@hive.test"


async def test_its_client_joins_a_list_and_posts_and_the_subscribers_see_the_author_and_proof(tmp_path):
    hosts = make_hosts(tmp_path, {"localhost": free_port(), HIVE: free_port()})
    lists, hive = hosts["localhost"], hosts[HIVE]
    bea = hive.add("bea@hive.test Bea Worker")
    hive.add(CAL)
    lists.add_list(LIST, CAL)
    pem = tmp_path / "bea.pem"
    pem.write_bytes(bea.pem)

    async def sends(*bodies: str, sender: str = "") -> list[tuple[int, str]]:
        home = tmp_path / "client"
        port = lists.port
        return await asyncio.to_thread(titlani_sends, home, port, LIST, *bodies, identity=pem, sender=sender)

    async with lists.running(), hive.running():
        assert await sends("subscribe") == [(20, "Confirmation sent")]
        (asked,) = await until(lambda: hive.mail(BEA))
        code = re.search(r"confirm ([0-9a-f]{8})", asked.body)[1]
        posts = await sends(f"confirm {code}", "# Hi\n\nHello", sender="bea@hive.test Bea Worker")
        assert posts[0] == (20, "Subscription confirmed")
        assert posts[1][0] == 20
        (got,) = await until(lambda: hive.mail(CAL))
        assert [str(each) for each in got.senders] == [f"{LIST} Dev list", "bea@hive.test Bea Worker"]
        assert (got.subject, got.body.strip()) == ("Hi", "# Hi\n\nHello")
        proof = envelope.read(hive.files(CAL)[0]).verification
        assert evidence.read(proof) is Evidence.VERIFIED
    lists.books.close()


async def test_a_mailbox_on_its_server_gets_what_is_sent_to_a_list(tmp_path):
    with titlani_server(tmp_path / "titlani", mailboxes=("alice",)) as server:
        hosts = make_hosts(tmp_path, {"lists.test": free_port(), HIVE: free_port(), "localhost": server.port})
        lists, hive = hosts["lists.test"], hosts[HIVE]
        bea = hive.add("bea@hive.test Bea Worker")
        lists.add_list("dev@lists.test", "alice@localhost", BEA)
        async with lists.running(), hive.running():
            assert (await lists.post(bea, "# Plan\n\nMeet?")).startswith("20 ")
            (message,) = await until(lambda: server.received("alice", "Meet?"))
            senders = message.partition(b"\n")[0]
            assert senders.startswith(b"dev@lists.test Dev list, bea@hive.test Bea Worker")
        lists.books.close()
