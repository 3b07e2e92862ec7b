"""Handing over: 20 only after the server's 250, the right status for each refusal, and never a hang."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from handingover import ADA, BEA, SCRIPT, handing, incoming
from peers import ask, message
from smtppeers import ScriptedServer

from misfin.email.lmtp import LmtpAnswer
from misfin.email.smtp import SMTPResponse
from misfin.model.address import MisfinAddress
from misfin.post.handing_over import HandOver, status_of
from misfin.post.reception import HandOverSettings
from misfin.store.identities import IdentityStore
from misfin.store.message.envelope import read
from misfin.store.message.signed_seal import handed_over, trusted_by
from misfin.trust.identity import generate


async def test_20_follows_the_250_and_nothing_is_kept_here(tmp_path):
    async with handing(tmp_path, {}) as (port, server):
        answer = await ask(port, message("ada@mail.example", "# Hello\n\nGrüße\n"), BEA)
        assert answer == f"20 {ADA.info.fingerprints.cert}\r\n".encode()
    assert "MAIL FROM:<> BODY=8BITMIME" in server.said
    assert "RCPT TO:<ada@mail.example>" in server.said
    block = handed_over(server.got.partition(b"DATA\r\n")[2].partition(b"\r\n.\r\n")[0] + b"\r\n")
    assert trusted_by(block, lambda spki: spki) == ADA.info.fingerprints.spki
    assert read(block).certificate["subject"] == "bea@hive.test"
    assert not (tmp_path / "mail").exists()


async def test_the_keys_of_the_mailbox_and_of_its_host_seal(tmp_path):
    host = generate(MisfinAddress("postmaster", "mail.example"), now=datetime.now(UTC), ca=True)
    IdentityStore(tmp_path / "identities").save(host)
    async with handing(tmp_path, {}) as (port, server):
        await ask(port, message("ada@mail.example", "Hello"), BEA)
    block = handed_over(server.got.partition(b"DATA\r\n")[2])
    keys = []
    trusted_by(block, keys.append)
    assert keys == [ADA.info.fingerprints.spki, host.info.fingerprints.spki]


@pytest.mark.parametrize(
    ("replies", "status"),
    [
        ({".": "451 4.3.0 later"}, 41),
        ({".": "452 4.2.2 full"}, 45),
        ({".": "552 5.2.2 full"}, 45),
        ({".": "554 5.6.0 no"}, 50),
        ({"RCPT": "550 5.1.1 nobody"}, 51),
        ({"RCPT": "550 nobody"}, 51),
        ({"RCPT": "450 4.2.0 later"}, 41),
        ({"RCPT": "550 5.7.1 not from there"}, 50),
        ({"MAIL": "550 who are you"}, 41),
        ({"greeting": "554 not today"}, 41),
        ({"LHLO": "500 what"}, 41),
        ({"RCPT": "530 5.7.0 log in first"}, 41),
        ({"DATA": "421 going down"}, 41),
        ({".": "hang"}, 41),
        ({"RCPT": "hang"}, 41),
    ],
)
async def test_each_refusal_has_its_status(tmp_path, replies, status):
    patience = 0.3 if "hang" in replies.values() else 60.0
    async with asyncio.timeout(120):
        async with handing(tmp_path, replies, patience) as (port, _server):
            answer = await ask(port, message("ada@mail.example", "Hello"), BEA)
    assert answer.startswith(f"{status} ".encode())
    assert b"later" not in answer or b"try again later" in answer  # the server's words stay here


def test_the_words_of_the_server_never_decide_more_than_its_code():
    def status(code, text, command="."):
        return status_of(LmtpAnswer("ada@x", SMTPResponse(code, text, command))).status

    assert status(550, "5.1.1 late", ".") == 50
    assert status(552, "5.3.4 too large") == 50
    assert status(500, "5.5.1 what", "RCPT") == 41
    assert status_of(LmtpAnswer("ada@x", None, "gone", sent=True)).meta.startswith("It is not known")


async def test_the_same_message_at_the_same_time_is_handed_over_once():
    async with ScriptedServer(dict(SCRIPT)) as server:
        handler = HandOver(HandOverSettings(("127.0.0.1", server.port)), lambda _host: None)
        answers = await asyncio.gather(*(handler(incoming()) for _ in range(3)))
        assert [each.status for each in answers] == [20] * 3
        assert (await handler(incoming())).status == 20
        await handler.close()
    assert server.said.count("RCPT TO:<ada@mail.example>") == 1


async def test_a_message_that_was_refused_is_tried_again_when_it_comes_again():
    async with ScriptedServer({**SCRIPT, ".": ["451 later", "250 ok"]}) as server:
        handler = HandOver(HandOverSettings(("127.0.0.1", server.port)), lambda _host: None)
        assert [(await handler(incoming())).status for _ in range(2)] == [41, 20]
        await handler.close()


async def test_closing_does_not_wait_for_a_server_that_hangs(monkeypatch):
    monkeypatch.setattr("misfin.post.handing_over._LAST_WAIT", 0.1)
    async with ScriptedServer({**SCRIPT, ".": "hang"}) as server:
        handler = HandOver(HandOverSettings(("127.0.0.1", server.port)), lambda _host: None)
        waiting = asyncio.create_task(handler(incoming()))
        async with asyncio.timeout(60):
            while not server.got.endswith(b"\r\n.\r\n"):
                await asyncio.sleep(0.01)
            await handler.close()
            with pytest.raises(asyncio.CancelledError):
                await waiting
