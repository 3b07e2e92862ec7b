"""The receiver over real TLS on loopback: each check of docs/trust.md §5, and how a connection ends."""

import asyncio
import errno

import pytest
from cryptography import x509
from peers import Peer, ask, message, odd_person, person, words_of

from misfin.errors import ListenError
from misfin.model.address import MisfinAddress
from misfin.model.gemmail import Version
from misfin.net.directory import Directory, Moved
from misfin.net.incoming import LOCAL_CHECK, HandlerOutcome, Incoming, accepted
from misfin.net.limits import LimitSettings
from misfin.net.receiver import Receiver, ReceiverSettings
from misfin.trust.identity import KeyKind
from misfin.wire import MisfinResponse

ADA = person("ada@mail.example Ada")
BEA = person("bea@hive.test Bea")
CAL = person("cal@other.test Cal")
ADA_TAKES_IT = b"20 %b\r\n" % ADA.info.fingerprints.cert.encode()


async def test_a_message_reaches_the_handler_with_everything_known_about_it(serve):
    post = await serve(options={"now": lambda: 1_900_000_000.0})
    assert await ask(post.port, message("ada@mail.example", "# Hi"), BEA) == ADA_TAKES_IT
    (incoming,) = post.messages
    assert incoming.request.message == b"\n\n\n# Hi\n"
    assert incoming.request.version is Version.C
    assert incoming.peer_address == "127.0.0.1"
    assert incoming.certificate.fingerprints == BEA.info.fingerprints
    assert incoming.sender == MisfinAddress.parse("bea@hive.test Bea")
    assert incoming.recipient is ADA
    assert incoming.received == 1_900_000_000.0
    assert incoming.checks.results == {}
    assert not incoming.checks.verified


@pytest.mark.parametrize("kind", list(KeyKind))
async def test_certificates_of_every_kind_of_key_are_taken(serve, kind):
    post = await serve()
    assert (
        await ask(post.port, message("ada@mail.example"), person("bea@hive.test Bea", kind)) == ADA_TAKES_IT
    )


async def test_misfin_b_is_spoken_too(serve):
    post = await serve()
    assert await ask(post.port, b"misfin://ada@mail.example # Hi\n\nTwo\tlines\r\n", BEA) == ADA_TAKES_IT
    assert post.messages[0].request.version is Version.B
    assert post.messages[0].request.message == b"# Hi\n\nTwo\tlines"


async def test_a_request_may_come_byte_by_byte(serve):
    post = await serve()
    peer = await Peer.connect(post.port, BEA)
    request = message("ada@mail.example", "slow but sure")
    for index in range(len(request)):
        peer.say(request[index : index + 1])
    assert await peer.answer() == ADA_TAKES_IT
    await peer.close()


async def test_the_longest_message_spans_records(serve):
    post = await serve()
    body = b"\n\n\n" + b"x" * 16381
    request = b"misfin://ada@mail.example\t16384\r\n" + body
    assert await ask(post.port, request, BEA) == ADA_TAKES_IT
    assert post.messages[0].request.message == body


# ---- the checks, in their order -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("ada@MAIL.Example", b"20 "),
        ("ada@mail.example:1958", b"20 "),
        ("Ada@mail.example", b"51 "),
        ("nobody@mail.example", b"51 "),
        ("ada@else.example", b"53 "),
        ("gone@mail.example", b"52 "),
        ("moved@mail.example", b"31 eve@new.example\r\n"),
        ("away@mail.example", b"30 eve@new.example\r\n"),
    ],
)
async def test_only_mailboxes_that_are_here_are_served(serve, to, status):
    eve = MisfinAddress.parse("eve@new.example Eve")
    post = await serve(
        Directory(
            [ADA],
            moved={
                MisfinAddress.parse("moved@mail.example"): Moved(eve),
                MisfinAddress.parse("away@mail.example"): Moved(eve, permanent=False),
            },
            gone=[MisfinAddress.parse("gone@mail.example")],
        )
    )
    assert (await ask(post.port, message(to), BEA)).startswith(status)
    assert len(post.messages) == (status == b"20 ")


async def test_an_unknown_host_is_told_so_before_the_message_has_come(serve):
    post = await serve()
    answer = await ask(post.port, b"misfin://ada@else.example\t16384\r\n", BEA)
    assert answer.startswith(b"53 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"gemini://mail.example/\r\n",
        b"misfin://ada@mail.example\r\n",
        b"misfin://ada@mail.example\t16385\r\n",
        b"misfin://ada@mail.example\t12a\r\n",
        b"misfin://ada@mail.example\t6\r\n\n\n\nHi\nX",
        b"misfin://ada@mail.example\t5\r\na\nb\nc",
        b"misfin://ada@mail.example \xff\xfe\r\n",
        b"misfin://ada@mail.example " + b"x" * 2021 + b"\r\n",
    ],
)
async def test_bad_requests_get_a_59_and_are_not_delivered(serve, request_bytes):
    post = await serve()
    assert (await ask(post.port, request_bytes, BEA)).startswith(b"59 ")
    assert post.messages == []


@pytest.mark.parametrize(("length", "status"), [(1024, b"51 "), (1025, b"59 "), (1515, b"59 ")])
@pytest.mark.parametrize("part", ["mailbox", "length"])
async def test_a_header_over_1024_bytes_gets_59_whoever_it_names(serve, part, length, status):
    post = await serve()
    if part == "mailbox":
        request = b"misfin://%b@mail.example\t5\r\n"
        request = request.replace(b"%b", b"a" * (length - len(request) + 2))
    else:
        request = b"misfin://nobody@mail.example\t5\r\n".replace(b"5", b"5" * (length - 31))
        status = b"59 "  # within the limit it is still not a length
    assert len(request) == length
    assert (await ask(post.port, request, BEA)).startswith(status)


@pytest.mark.parametrize("pause", [0, 0.02])
async def test_a_header_that_comes_in_pieces_is_judged_as_one_that_comes_at_once(serve, pause):
    post = await serve()
    peer = await Peer.connect(post.port, BEA)
    for piece in (b"misfin://nobody@mail.example\t", b"1" * 600, b"1" * 600):
        peer.say(piece)
        await asyncio.sleep(pause)
    assert (await peer.answer()).startswith(b"59 ")
    await peer.close()


async def test_a_message_without_certificate_gets_60(serve):
    post = await serve()
    assert (await ask(post.port, message("ada@mail.example"))).startswith(b"60 ")
    assert post.messages == []


async def test_anonymous_messages_can_be_allowed_and_are_never_verified(serve):
    post = await serve(require_certificate=False)
    claims = message("ada@mail.example", lines="bea@hive.test Bea\n\n\n")
    assert await ask(post.port, claims) == ADA_TAKES_IT
    (incoming,) = post.messages
    assert incoming.certificate is None
    assert incoming.sender.address == "bea@hive.test"
    assert not incoming.checks.verified


@pytest.mark.parametrize(
    "identity",
    [
        odd_person(users=()),
        odd_person(san=()),
        odd_person(users=("b ea",)),
        odd_person(san=(x509.DNSName("hive_\x00.test"),)),
    ],
    ids=["no mailbox", "no host", "blank in the mailbox", "NUL in the host"],
)
async def test_a_certificate_that_names_no_mailbox_gets_62(serve, identity):
    post = await serve()
    assert (await ask(post.port, message("ada@mail.example"), identity)).startswith(b"62 ")


async def test_a_certificate_outside_its_dates_gets_62(serve):
    for now, word in ((0.0, b"yet"), (9e11, b"expired")):
        post = await serve(options={"now": lambda now=now: now})
        answer = await ask(post.port, message("ada@mail.example"), BEA)
        assert answer.startswith(b"62 ")
        assert word in answer


@pytest.mark.parametrize(
    ("identity", "lines"),
    [
        (BEA, "\n\n\n"),
        (CAL, "bea@hive.test Bea\n\n\n"),
        (CAL, "cal@other.test Cal, bea@hive.test Bea\n\n\n"),
    ],
    ids=["by certificate", "by claim", "further down the chain"],
)
async def test_a_blocked_sender_gets_61(serve, identity, lines):
    blocked = MisfinAddress.parse("bea@hive.test")
    post = await serve(options={"blocked": lambda address: address.key == blocked.key})
    assert (await ask(post.port, message("ada@mail.example", lines=lines), identity)).startswith(b"61 ")
    assert post.messages == []
    assert await ask(post.port, message("ada@mail.example"), CAL) == ADA_TAKES_IT


async def test_a_blocked_sender_is_seen_on_b_marker_lines_too(serve):
    post = await serve(options={"blocked": lambda address: address.mailbox == "bea"})
    forward = b"misfin://ada@mail.example : x@y.test\n< bea@hive.test Bea\nHi\r\n"
    assert (await ask(post.port, forward, CAL)).startswith(b"61 ")


async def test_checks_come_in_the_order_of_the_design(serve):
    post = await serve(options={"blocked": lambda _: True})
    bad_body = b"\t5\r\na\nb\nc"
    assert (await ask(post.port, b"misfin://ada@else.example" + bad_body)).startswith(b"53 ")
    assert (await ask(post.port, b"misfin://no@mail.example" + bad_body)).startswith(b"51 ")
    assert (await ask(post.port, b"misfin://ada@mail.example" + bad_body)).startswith(b"59 ")
    assert (await ask(post.port, message("ada@mail.example"))).startswith(b"60 ")
    assert (await ask(post.port, message("ada@mail.example"), odd_person(users=()))).startswith(b"62 ")
    assert (await ask(post.port, message("ada@mail.example"), BEA)).startswith(b"61 ")


# ---- senders that live here -----------------------------------------------------------------------


async def test_a_neighbour_is_verified_without_asking_anybody(serve):
    gus = person("gus@mail.example Gus")
    post = await serve(Directory([ADA, gus]))
    assert await ask(post.port, message("ada@mail.example"), gus) == ADA_TAKES_IT
    assert post.messages[0].checks.verified
    assert words_of(post.messages[0].checks) == {LOCAL_CHECK: "pass", "pin": "trusted"}


async def test_nobody_can_pose_as_a_neighbour(serve):
    post = await serve()
    impostor = person("ada@mail.example Ada", number=1)
    assert (await ask(post.port, message("ada@mail.example"), impostor)).startswith(b"63 ")
    assert post.messages == []


async def test_a_neighbour_that_does_not_exist_is_not_verified(serve):
    post = await serve()
    assert await ask(post.port, message("ada@mail.example"), person("zoe@mail.example")) == ADA_TAKES_IT
    assert post.messages[0].checks.results[LOCAL_CHECK].outcome is HandlerOutcome.FAIL
    assert not post.messages[0].checks.verified


# ---- probes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_bytes", [b"misfin://ada@mail.example\t0\r\n", b"misfin://ada@mail.example \r\n"]
)
@pytest.mark.parametrize("identity", [None, BEA, odd_person(users=())], ids=["anonymous", "bea", "nameless"])
async def test_a_probe_is_answered_with_the_fingerprint_and_delivered_nowhere(serve, request_bytes, identity):
    post = await serve(options={"blocked": lambda _: True})
    assert await ask(post.port, request_bytes, identity) == ADA_TAKES_IT
    assert post.messages == []


async def test_a_probe_of_a_mailbox_that_is_not_there_gets_51(serve):
    post = await serve()
    assert (await ask(post.port, b"misfin://no@mail.example\t0\r\n")).startswith(b"51 ")


# ---- several hosts --------------------------------------------------------------------------------


async def test_each_host_has_its_certificate_by_sni_and_its_mailboxes(serve):
    ben = person("ben@second.example Ben")
    post = await serve(Directory([ADA, ben]))
    for sni, host, owner in (
        ("mail.example", "ada@mail.example", ADA),
        ("second.example", "ben@second.example", ben),
        ("SECOND.example", "ben@second.example", ben),
        ("third.example", "ada@mail.example", ADA),
        (None, "ben@second.example", ADA),
    ):
        peer = await Peer.connect(post.port, BEA, sni)
        assert peer.server_der == owner.info.der
        answer = await peer.ask(message(host))
        assert answer.startswith(b"20 ")
    assert post.messages[1].recipient is ben
    assert (await ask(post.port, message("ada@second.example"), BEA)).startswith(b"51 ")


async def test_a_new_directory_takes_over_while_running(serve):
    ben = person("ben@second.example Ben")
    post = await serve()
    assert (await ask(post.port, message("ben@second.example"), BEA)).startswith(b"53 ")
    post.receiver.use(Directory([ADA, ben]))
    peer = await Peer.connect(post.port, BEA, "second.example")
    assert peer.server_der == ben.info.der
    assert (await peer.ask(message("ben@second.example"))).startswith(b"20 ")


async def test_ipv6_is_served_beside_ipv4():
    async def take(incoming: Incoming) -> MisfinResponse:
        return accepted(incoming)

    settings = ReceiverSettings(listen=(("127.0.0.1", 0), ("::1", 0)), linger=0.2)
    receiver = Receiver(take, Directory([ADA]), settings)
    (_, four), (_, six) = await receiver.start()
    try:
        assert await ask(four, message("ada@mail.example"), BEA) == ADA_TAKES_IT
        assert await ask(six, message("ada@mail.example"), BEA, host="::1") == ADA_TAKES_IT
    finally:
        await receiver.stop()


async def test_an_address_in_use_is_an_error_and_nothing_stays_open(serve):
    post = await serve()
    settings = ReceiverSettings(listen=(("127.0.0.1", 0), ("127.0.0.1", post.port)))
    other = Receiver(post.receiver.deliver, Directory([ADA]), settings)
    with pytest.raises(ListenError, match="in use") as caught:
        await other.start()
    assert caught.value.port == post.port
    assert caught.value.remedy
    await other.stop()


@pytest.mark.parametrize("others", [(("127.0.0.1", 0),), ()])
async def test_a_machine_without_ipv6_is_served_by_ipv4(monkeypatch, others):
    loop = asyncio.get_running_loop()
    create_server = loop.create_server

    async def without_ipv6(make, host, port, **options):
        if host == "::":
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return await create_server(make, host, port, **options)

    monkeypatch.setattr(loop, "create_server", without_ipv6)
    receiver = Receiver(None, Directory([ADA]), ReceiverSettings(listen=(*others, ("::", 0))))
    if others:
        assert [host for host, _ in await receiver.start()] == ["127.0.0.1"]
    else:
        with pytest.raises(ListenError):
            await receiver.start()
    await receiver.stop()


# ---- limits ---------------------------------------------------------------------------------------


async def test_too_many_messages_from_one_address_get_44_with_seconds(serve):
    post = await serve(limits=LimitSettings(capacity=2, refill_rate=0.001, retry_after=7))
    for _ in range(2):
        assert await ask(post.port, message("ada@mail.example"), BEA) == ADA_TAKES_IT
    assert await ask(post.port, message("ada@mail.example"), BEA) == b"44 Slow down. Retry after 7s\r\n"
    assert len(post.messages) == 2


async def test_who_ignores_the_44_is_not_given_a_handshake_any_more(serve):
    post = await serve(limits=LimitSettings(capacity=1, refill_rate=0.001))
    for expected in [b"20"] + [b"44"] * 5:
        assert (await ask(post.port, message("ada@mail.example"), BEA)).startswith(expected)
    with pytest.raises(OSError):
        await ask(post.port, message("ada@mail.example"), BEA)


async def test_a_newcomer_gets_the_room_of_the_oldest_that_has_not_said_its_request(serve):
    post = await serve(limits=LimitSettings(enable=False, max_connections=2, max_per_network=2))
    silent = await Peer.dial(post.port)
    waiting = await Peer.connect(post.port, BEA)
    assert await ask(post.port, message("ada@mail.example"), BEA) == ADA_TAKES_IT
    assert await silent.reader.read() == b""
    assert (await waiting.ask(message("ada@mail.example"))) == ADA_TAKES_IT
    await silent.close()


async def test_who_gives_way_in_mid_request_hears_44(serve):
    post = await serve(limits=LimitSettings(enable=False, max_connections=1, max_per_network=1))
    slow = await Peer.connect(post.port, BEA)
    slow.say(b"misfin://ada@mail.example\t5\r\n\n\n")
    await asyncio.sleep(0.05)
    assert await ask(post.port, message("ada@mail.example"), BEA) == ADA_TAKES_IT
    assert (await slow.answer()).startswith(b"44 Slow down. Retry after ")
    await slow.close()


async def test_one_whose_request_is_complete_never_gives_way(serve):
    may_end = asyncio.Event()

    async def slow(incoming: Incoming) -> MisfinResponse:
        await may_end.wait()
        return accepted(incoming)

    limits = LimitSettings(enable=False, max_connections=2, max_per_network=2)
    post = await serve(handler=slow, limits=limits)
    storing = [await Peer.connect(post.port, BEA) for _ in range(2)]
    for peer in storing:
        peer.say(message("ada@mail.example"))
    async with asyncio.timeout(30):
        while len(post.messages) < 2:
            await asyncio.sleep(0.01)
    assert (await ask(post.port, message("ada@mail.example"), BEA)).startswith(b"44 ")
    may_end.set()
    for peer in storing:
        assert await peer.answer() == ADA_TAKES_IT
        await peer.close()
    assert await ask(post.port, message("ada@mail.example"), BEA) == ADA_TAKES_IT


async def test_one_sender_is_limited_by_its_key_and_not_by_the_name_it_claims(serve):
    # Whole seconds are enough for a bucket, so that the address limit (same numbers) stays out of the way
    post = await serve(limits=LimitSettings(capacity=3, refill_rate=0.001))
    post.receiver.limits._addresses._capacity = 100.0  # every peer of this test has the same address
    impostor = person("bea@hive.test Bea", number=1)
    for _ in range(3):
        assert await ask(post.port, message("ada@mail.example"), impostor) == ADA_TAKES_IT
    assert (await ask(post.port, message("ada@mail.example"), impostor)).startswith(b"44 ")
    assert await ask(post.port, message("ada@mail.example"), BEA) == ADA_TAKES_IT


# ---- handlers -------------------------------------------------------------------------------------


async def test_the_handler_decides_the_answer(serve):
    async def full(_: Incoming) -> MisfinResponse:
        return MisfinResponse(45, "Mailbox full")

    post = await serve(handler=full)
    assert await ask(post.port, message("ada@mail.example"), BEA) == b"45 Mailbox full\r\n"


async def test_a_handler_that_fails_is_a_temporary_failure_without_details(serve, caplog):
    async def broken(_: Incoming) -> MisfinResponse:
        raise OSError("disk /secret/path is full")

    post = await serve(handler=broken)
    answer = await ask(post.port, message("ada@mail.example"), BEA)
    assert answer.startswith(b"41 ")
    assert b"secret" not in answer
    assert "could not be stored" in caplog.text


# ---- stopping -------------------------------------------------------------------------------------


async def test_a_message_under_way_is_finished_before_the_receiver_stops(serve):
    may_end = asyncio.Event()

    async def slow(incoming: Incoming) -> MisfinResponse:
        await may_end.wait()
        return accepted(incoming)

    post = await serve(handler=slow, stop_timeout=60.0)
    peer = await Peer.connect(post.port, BEA)
    idle = await Peer.connect(post.port, BEA)
    silent = await Peer.dial(post.port)
    peer.say(message("ada@mail.example"))
    await post.came.wait()
    stopping = asyncio.create_task(post.receiver.stop())
    assert await idle.answer() == b""
    assert await silent.reader.read() == b""
    with pytest.raises(OSError):
        await Peer.dial(post.port)
    assert not stopping.done()
    may_end.set()
    assert await peer.answer() == ADA_TAKES_IT
    for each in (peer, idle, silent):
        await each.close()
    await stopping
    assert post.receiver.connections == 0


async def test_a_request_half_way_may_still_arrive_while_stopping(serve):
    post = await serve(stop_timeout=60.0)
    request = message("ada@mail.example")
    peer = await Peer.connect(post.port, BEA)
    peer.say(request[:-2])
    while not post.receiver.connections or not next(iter(post.receiver._connections))._recipient:
        await asyncio.sleep(0)
    stopping = asyncio.create_task(post.receiver.stop())
    await asyncio.sleep(0)
    assert await peer.ask(request[-2:]) == ADA_TAKES_IT
    await stopping


async def test_a_handler_that_never_ends_is_cancelled_after_the_stop_time_out(serve):
    async def stuck(_: Incoming) -> MisfinResponse:
        await asyncio.Event().wait()
        raise AssertionError

    post = await serve(handler=stuck, stop_timeout=0.05)
    peer = await Peer.connect(post.port, BEA)
    peer.say(message("ada@mail.example"))
    await post.came.wait()
    await post.receiver.stop()
    assert post.receiver.connections == 0 or await peer.reader.read() is not None
    await peer.close()


async def test_a_stopped_receiver_can_start_again(serve):
    post = await serve()
    await post.receiver.stop()
    ((_, port),) = await post.receiver.start()
    assert await ask(port, message("ada@mail.example"), BEA) == ADA_TAKES_IT


async def test_a_message_that_waits_while_the_receiver_stops_is_not_kept_without_an_answer(serve):
    asked, news = asyncio.Event(), asyncio.get_running_loop().create_future()

    def outdated():
        asked.set()
        return news

    post = await serve(options={"outdated": outdated})
    sending = asyncio.create_task(ask(post.port, message("ada@mail.example", "Hello"), BEA))
    await asked.wait()
    await asyncio.sleep(0)  # what waits for the news is a task that has begun
    stopping = asyncio.create_task(post.receiver.stop())
    news.set_result(None)  # in the same turn of the loop: after the connection is closed, before it is lost
    (answer,) = await asyncio.gather(sending, return_exceptions=True)
    await stopping
    assert bool(post.messages) == (answer == ADA_TAKES_IT)
