"""An LMTP server that answers for each recipient, hangs, leaves, or lies: what the pool says of a message."""

from __future__ import annotations

import asyncio

from endless import write_without_end
from smtppeers import ScriptedServer, listening

from misfin.email.lmtp import LmtpPool

SCRIPT: dict[str, str | list[str]] = {
    "greeting": "220 mx.example",
    "LHLO": "250-mx.example\r\n250-8BITMIME\r\n250 SIZE 100000",
    "DATA": "354 go",
    "QUIT": "221 bye",
}
GROUPED = {**SCRIPT, "LHLO": "250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000"}
MESSAGE = b"Subject: Hi\r\n\r\nText.\r\n"
ADA, BEA = "ada@mail.example", "bea@mail.example"


async def given(replies, *to, patience=60.0, message=MESSAGE, **how):
    async with ScriptedServer(dict(replies)) as server:
        pool = LmtpPool(("127.0.0.1", server.port), patience=patience)
        answers = await pool.deliver("", to or (ADA,), message, **how)
        await pool.close()
    return answers, server


def codes(answers):
    return [(each.response and each.response.code, each.taken, each.sent) for each in answers]


async def test_every_recipient_has_an_answer_of_their_own():
    for script in (SCRIPT, GROUPED):
        answers, server = await given({**script, ".": "250 2.0.0 ok\r\n452 4.2.2 full"}, ADA, BEA)
        assert codes(answers) == [(250, True, False), (452, False, False)]
        assert [each.recipient for each in answers] == [ADA, BEA]
        assert b"MAIL FROM:<> " in server.got
        assert server.got.endswith(b"Subject: Hi\r\n\r\nText.\r\n.\r\nQUIT\r\n")


async def test_one_of_two_may_be_refused_before_the_message_and_the_other_has_it():
    for script in (SCRIPT, GROUPED):
        refusing = {**script, "RCPT": ["550 5.1.1 nobody", "250 ok"]}
        answers, _ = await given(refusing, ADA, BEA)
        assert codes(answers) == [(550, False, False), (250, True, False)]


async def test_nothing_is_sent_for_nobody():
    for script in (SCRIPT, GROUPED):
        answers, server = await given({**script, "RCPT": "550 no", "DATA": "554 nobody"}, ADA, BEA)
        assert codes(answers) == [(550, False, False)] * 2
        assert b"Text." not in server.got


async def test_a_server_that_takes_a_message_for_nobody_is_left():
    answers, server = await given({**GROUPED, "RCPT": "550 no"})
    assert codes(answers) == [(550, False, False)]
    assert b"Text." not in server.got


async def test_a_server_that_hangs_is_given_up_in_time_and_it_is_known_whether_it_had_all():
    for step in ("greeting", "LHLO", "MAIL", "RCPT", "DATA"):
        answers, _ = await given({**SCRIPT, step: "hang"}, patience=0.2)
        assert codes(answers) == [(None, False, False)], step
        assert "did not answer" in answers[0].reason
    for patience in (0.2, 2.0, 20.0):  # on a busy machine the server may not have all of it by then
        answers, server = await given({**SCRIPT, ".": "hang"}, patience=patience)
        if server.got.endswith(b"\r\n.\r\n"):
            break
    assert codes(answers) == [(None, False, True)]


async def test_a_second_answer_that_never_comes_leaves_the_first_as_it_is():
    for patience in (0.3, 3.0, 30.0):  # on a busy machine the first answer may come later
        answers, _ = await given({**GROUPED, ".": "250 ok"}, ADA, BEA, patience=patience)
        if answers[0].taken:
            break
    assert codes(answers) == [(250, True, False), (None, False, True)]


async def test_nobody_listens_and_nothing_is_raised(tmp_path):
    for where in (str(tmp_path / "none"), ("127.0.0.1", 1)):
        answers = await LmtpPool(where, patience=60.0).deliver("", (ADA,), MESSAGE)
        assert codes(answers) == [(None, False, False)]


async def test_what_is_no_lmtp_and_has_no_end_is_left():
    async def babble(_reader, writer):
        await write_without_end(writer, b"x" * 65536)

    async with listening(babble) as port:
        answers = await LmtpPool(("127.0.0.1", port), patience=60.0).deliver("", (ADA,), MESSAGE)
    assert codes(answers) == [(None, False, False)]


async def test_one_connection_takes_message_after_message_and_a_lost_one_is_replaced():
    async with ScriptedServer(dict(GROUPED)) as server:
        pool = LmtpPool(("127.0.0.1", server.port))
        for _ in range(3):
            assert codes(await pool.deliver("", (ADA,), MESSAGE)) == [(250, True, False)]
        assert server.connections == 1
        (kept,) = pool._idle
        kept._writer.transport.abort()  # as when the server has gone meanwhile
        kept.opened = True
        assert codes(await pool.deliver("", (ADA,), MESSAGE)) == [(250, True, False)]
        assert server.connections == 2
        await pool.close()


async def test_a_kept_connection_that_the_server_ends_is_no_reason_to_refuse():
    async with ScriptedServer({**GROUPED, "MAIL": ["250 ok", "421 idle for too long", "250 ok"]}) as server:
        pool = LmtpPool(("127.0.0.1", server.port))
        assert codes(await pool.deliver("", (ADA,), MESSAGE)) == [(250, True, False)]
        assert codes(await pool.deliver("", (ADA,), MESSAGE)) == [(250, True, False)]
        assert server.connections == 2
        await pool.close()


async def test_no_more_connections_than_allowed_and_all_messages_arrive():
    async with ScriptedServer(dict(GROUPED)) as server:
        pool = LmtpPool(("127.0.0.1", server.port), most=3)
        answers = await asyncio.gather(*(pool.deliver("", (ADA,), MESSAGE) for _ in range(30)))
        assert all(each.taken for (each,) in answers)
        assert server.connections <= 3
        await pool.close()


async def test_a_server_without_8bitmime_gets_seven_bits():
    plain = {**GROUPED, "LHLO": "250-mx.example\r\n250 PIPELINING"}
    eight, seven = MESSAGE + "ä\r\n".encode(), MESSAGE + b"=C3=A4\r\n"
    answers, server = await given(plain, message=eight, seven_bit=seven)
    assert codes(answers) == [(250, True, False)]
    assert seven in server.got
    answers, server = await given(GROUPED, message=eight, seven_bit=seven)
    assert codes(answers) == [(250, True, False)]
    assert eight in server.got
    assert b"BODY=8BITMIME" in server.got
