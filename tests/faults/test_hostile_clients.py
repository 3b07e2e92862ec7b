"""What clients do to a receiver, by accident or on purpose; nothing of it may cost a message or an answer.

The faults other programs were seen to have (docs/protocol.md §9) each have a test here or in the client's
tests.
"""

import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from endless import write_without_end
from OpenSSL import SSL
from peers import NOW, Peer, ask, message, odd_person, person
from receiving import Post

from misfin.net.client import HostOverride, MisfinClient
from misfin.net.incoming import Incoming, accepted
from misfin.wire import MisfinResponse

ADA = person("ada@mail.example Ada")
BEA = person("bea@hive.test Bea")
ADA_TAKES_IT = b"20 %b\r\n" % ADA.info.fingerprints.cert.encode()
REQUEST = message("ada@mail.example", "Hello")
PATIENT = dict.fromkeys(
    ("handshake_timeout", "header_timeout", "body_timeout", "idle_timeout", "linger"), 120.0
)
HASTE = 0.1
SOON = 30.0
"""Seconds, far from either: what takes less did not wait for a patience of two minutes."""


@pytest.fixture
async def post(serve):
    """A receiver of great patience; afterwards it must be as good as new."""
    post = await serve(**PATIENT)
    yield post
    impatient(post, **PATIENT)
    before = len(post.messages)
    assert await ask(post.port, REQUEST, BEA) == ADA_TAKES_IT
    assert len(post.messages) == before + 1
    async with asyncio.timeout(30):
        while post.receiver.connections:
            await asyncio.sleep(0.01)


def impatient(post: Post, **seconds: float) -> None:
    """From now on the receiver waits no longer than that for these."""
    post.receiver.settings = replace(post.receiver.settings, **seconds)


def reset(peer: Peer) -> None:
    """Cut the connection the hard way."""
    sock = peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.writer.transport.abort()


async def cut(peer: Peer, how: str) -> None:
    if how == "FIN":
        peer.writer.write_eof()
        assert await peer.reader.read() is not None
        await peer.close()
    else:
        reset(peer)
        await asyncio.sleep(0)


async def dropped(peer: Peer) -> None:
    """Wait until the server ends the connection."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(SOON):
            while await peer.reader.read(65536):
                pass


# ---- one message per connection --------------------------------------------------------------------


async def test_records_after_the_body_never_store_the_message_again(post):
    peer = await Peer.connect(post.port, BEA)
    peer.say(REQUEST)
    for _ in range(20):
        peer.say(b"x")
        peer.say(REQUEST)
        await asyncio.sleep(0)
    assert (await peer.answer())[:3] in {b"20 ", b"59 "}  # 59 when the first of them came with the body
    await peer.close()
    assert len(post.messages) <= 1


async def test_records_that_come_while_the_message_is_stored_are_ignored(serve):
    may_end = asyncio.Event()

    async def slow(incoming: Incoming) -> MisfinResponse:
        await may_end.wait()
        return accepted(incoming)

    post = await serve(handler=slow)
    peer = await Peer.connect(post.port, BEA)
    peer.say(REQUEST)
    await post.came.wait()
    for _ in range(20):
        peer.say(REQUEST)
        await peer.writer.drain()
    await asyncio.sleep(0.01)
    may_end.set()
    assert await peer.answer() == ADA_TAKES_IT
    await peer.close()
    assert len(post.messages) == 1


@pytest.mark.parametrize("goodbye", ["close_notify", "FIN", "both"])
@pytest.mark.parametrize("store_takes", [0.0, 0.05])
async def test_a_request_that_comes_with_the_goodbye_is_answered(serve, goodbye, store_takes):
    async def store(incoming: Incoming) -> MisfinResponse:
        await asyncio.sleep(store_takes)
        return accepted(incoming)

    post = await serve(handler=store)
    peer = await Peer.connect(post.port, BEA)
    peer.session.send(REQUEST)
    if goodbye != "FIN":
        peer.session.close_notify()
    peer.flush()
    if goodbye != "close_notify":
        peer.writer.write_eof()
    assert await peer.answer() == ADA_TAKES_IT
    await peer.close()
    assert len(post.messages) == 1


async def test_the_whole_conversation_in_one_segment_is_answered(post):
    peer = await Peer.dial(post.port)
    peer.begin(BEA)
    peer.flush()
    await peer.hear()  # the server's flight; ours, the request and the goodbye now leave together
    peer.session.send(REQUEST)
    peer.session.close_notify()
    peer.flush()
    peer.writer.write_eof()
    assert await peer.answer() == ADA_TAKES_IT
    await peer.close()


async def test_the_server_ends_the_connection_at_once_after_its_answer(post, monkeypatch):
    """Other servers always wait 100 ms. Only waiting for a timer counts: a busy machine adds none of that."""
    selector = asyncio.get_running_loop()._selector
    select, waited = selector.select, []

    def noting(timeout: float | None) -> list[object]:
        found = select(timeout)
        if not found:
            waited.append(timeout)
        return found

    peer = await Peer.connect(post.port, BEA)
    monkeypatch.setattr(selector, "select", noting)
    peer.say(REQUEST)
    assert await peer.answer() == ADA_TAKES_IT
    monkeypatch.undo()
    assert sum(waited) < 0.09, waited
    assert peer.session.peer_closed  # close_notify came before the end of TCP
    await peer.close()


async def test_unread_input_does_not_destroy_the_answer(post):
    peer = await Peer.connect(post.port, BEA)
    peer.say(b"misfin://ada@mail.example\t99999999\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(50):
            peer.say(b"x" * 4096)
            await peer.writer.drain()
    assert (await peer.answer()).startswith(b"59 ")
    await peer.close()


# ---- time -----------------------------------------------------------------------------------------


async def test_whoever_connects_and_stays_silent_is_dropped(post):
    impatient(post, handshake_timeout=0.3)
    began = time.monotonic()
    peer = await Peer.dial(post.port)
    await dropped(peer)
    assert time.monotonic() - began > 0.2
    await peer.close()


async def test_a_handshake_that_drips_is_dropped(post):
    impatient(post, handshake_timeout=HASTE)
    peer = await Peer.dial(post.port)
    peer.begin(BEA)
    hello = peer.session.outgoing()
    with contextlib.suppress(ConnectionError):
        for byte in hello[:-1]:
            peer.writer.write(bytes([byte]))
            await peer.writer.drain()
            if peer.reader.at_eof():
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("all of it was waited for")
    await peer.close()


async def test_a_client_that_never_ends_its_handshake_is_dropped(post):
    impatient(post, handshake_timeout=HASTE)
    peer = await Peer.dial(post.port)
    peer.begin(BEA)
    peer.flush()
    await dropped(peer)
    await peer.close()


async def test_silence_after_the_handshake_is_ended_politely(post):
    impatient(post, header_timeout=HASTE)
    peer = await Peer.connect(post.port, BEA)
    peer.flush()
    assert await peer.answer() == b""
    assert peer.session.peer_closed
    await peer.close()


@pytest.mark.parametrize("sent", [b"mis", b"misfin://ada@mail.example", REQUEST[:28], REQUEST[:-1]])
@pytest.mark.parametrize(
    "patience", [("header_timeout", "body_timeout"), ("idle_timeout",)], ids=["all", "idle"]
)
async def test_silence_in_the_middle_of_a_request_is_not_waited_for(post, sent, patience):
    impatient(post, **dict.fromkeys(patience, HASTE))
    peer = await Peer.connect(post.port, BEA)
    peer.say(sent)
    answer = await peer.answer()
    assert answer == b"" or answer.startswith(b"41 ")
    await peer.close()
    assert post.messages == []


@pytest.mark.parametrize(("start", "status"), [(0, b""), (30, b"41 ")], ids=["header", "body"])
async def test_a_request_that_drips_is_ended_however_busy_it_looks(post, start, status):
    request = b"misfin://ada@mail.example\t900\r\n" + b"\n" * 900
    if not start:
        request = b"misfin://" + b"a" * 900 + b"@mail.example\t0\r\n"
    impatient(post, **{"body_timeout" if start else "header_timeout": HASTE})
    peer = await Peer.connect(post.port, BEA)
    peer.say(request[:start])
    answering = asyncio.create_task(peer.answer())
    with contextlib.suppress(ConnectionError):
        for index in range(start, len(request) - 1):
            if answering.done():
                break
            peer.say(request[index : index + 1])
            await asyncio.sleep(0.02)
        else:
            pytest.fail("all of it was waited for")
    assert (await answering)[:3] == status
    await peer.close()
    assert post.messages == []


async def test_a_peer_that_never_hangs_up_is_left_after_the_linger_time(post):
    impatient(post, linger=1.0)
    peer = await Peer.connect(post.port, BEA)
    began = time.monotonic()
    peer.say(REQUEST)
    assert await peer.answer() == ADA_TAKES_IT
    async with asyncio.timeout(SOON):
        while post.receiver.connections:
            await asyncio.sleep(0.01)
    assert time.monotonic() - began > 0.9
    await peer.close()


async def test_a_peer_that_talks_on_after_the_answer_is_cut(post):
    impatient(post, linger=HASTE)
    peer = await Peer.connect(post.port, BEA)
    peer.say(REQUEST)
    assert await peer.answer() == ADA_TAKES_IT

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(write_without_end(peer.writer, b"x" * 65536), SOON)
    await peer.close()


async def test_a_half_open_connection_costs_nothing_but_its_time(post):
    """A peer that vanished: its TCP neither ends nor answers. Here: it reads nothing and says nothing."""
    impatient(post, linger=HASTE)
    peer = await Peer.connect(post.port, BEA)
    peer.reader._transport.pause_reading()
    peer.say(REQUEST)
    await post.came.wait()
    async with asyncio.timeout(30):
        while post.receiver.connections:
            await asyncio.sleep(0.01)
    assert len(post.messages) == 1
    await peer.close()


# ---- early ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_a_connection_may_end_before_tls(post, how):
    await cut(await Peer.dial(post.port), how)


@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_a_connection_may_end_in_mid_handshake(post, how):
    peer = await Peer.dial(post.port)
    peer.begin(BEA)
    hello = peer.session.outgoing()
    peer.writer.write(hello[: len(hello) // 2])
    await peer.writer.drain()
    await asyncio.sleep(0.01)
    await cut(peer, how)


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("sent", [b"", b"mis", REQUEST[:29], REQUEST[:-1]])
async def test_a_connection_may_end_in_mid_request_and_delivers_nothing(post, how, sent):
    peer = await Peer.connect(post.port, BEA)
    peer.say(sent)
    await peer.writer.drain()
    await asyncio.sleep(0.01)
    await cut(peer, how)
    assert post.messages == []


async def test_close_notify_in_mid_request_ends_it_without_a_wait(post):
    peer = await Peer.connect(post.port, BEA)
    peer.session.send(REQUEST[:-1])
    peer.session.close_notify()
    peer.flush()
    assert await peer.answer() == b""
    await peer.close()
    assert post.messages == []


async def test_a_whole_message_is_kept_even_if_the_sender_is_gone_before_the_answer(serve):
    may_end, done = asyncio.Event(), asyncio.Event()

    async def slow(incoming: Incoming) -> MisfinResponse:
        await may_end.wait()
        done.set()
        return accepted(incoming)

    post = await serve(handler=slow)
    peer = await Peer.connect(post.port, BEA)
    peer.say(REQUEST)
    await post.came.wait()
    reset(peer)
    async with asyncio.timeout(30):
        while post.receiver.connections:
            await asyncio.sleep(0.01)
    may_end.set()
    await done.wait()


# ---- things that are not request -------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: mail.example\r\n\r\n",
        REQUEST,
        b"\x00" * 1000,
        b"\x16\x03\x01\xff\xff" + b"\x01" * 70_000,
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ],
    ids=["HTTP", "Misfin without TLS", "zeros", "endless ClientHello", "SSH"],
)
async def test_what_is_not_tls_is_turned_away_quickly(post, garbage):
    peer = await Peer.dial(post.port)
    with contextlib.suppress(ConnectionError):
        peer.writer.write(garbage)
        await peer.writer.drain()
        peer.writer.write_eof()
    await dropped(peer)
    await peer.close()
    assert post.messages == []


async def test_a_flood_of_handshake_bytes_is_bounded(serve):
    post = await serve(handshake_timeout=5.0)
    peer = await Peer.dial(post.port)
    # what is counted is what the receiver let in, not what this side's kernel keeps for it: megabytes
    peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    record = b"\x16\x03\x03\x40\x00" + b"\x00" * 16384
    sent = 0
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(30):
            while sent < 64 * 1024 * 1024 and not peer.reader.at_eof():
                peer.writer.write(record)
                await peer.writer.drain()
                sent += len(record)
    await peer.close()
    assert sent < 8 * 1024 * 1024


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"misfin://ada@mail.example\t99999999999999999999\r\n",
        b"misfin://ada@mail.example\t16385\r\n",
        b"misfin://ada@mail.example\t-1\r\n",
        b"misfin://ada@mail.example\t5\r\n\n\n\nHello\n",
        b"misfin://ada@mail.example\t0\r\nX",
        b"misfin://" + b"a" * 5000,
        b"misfin://ada@mail.example " + b"x" * 3000,
        b"\xff" * 3000,
        b"\r\n\r\n\r\n",
    ],
)
async def test_wrong_lengths_and_endless_lines_get_59_at_once(post, request_bytes):
    assert (await ask(post.port, request_bytes, BEA)).startswith(b"59 ")
    assert post.messages == []


async def test_a_length_that_is_too_long_waits_for_the_rest_and_stores_nothing(post):
    impatient(post, body_timeout=HASTE)
    peer = await Peer.connect(post.port, BEA)
    peer.say(b"misfin://ada@mail.example\t100\r\n\n\n\nHi\n")
    assert (await peer.answer()).startswith(b"41 ")
    await peer.close()
    assert post.messages == []


# ---- certificates ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "status"),
    [
        (odd_person(end=NOW - timedelta(hours=1)), b"62"),
        (odd_person(start=NOW + timedelta(hours=1), end=NOW + timedelta(days=9)), b"62"),
        (odd_person(users=(), names=(), san=()), b"62"),
        (odd_person(users=("bea\nX-Evil: 1",)), b"62"),
        (odd_person(users=("bea\x00admin",)), b"62"),
        (odd_person(users=("",)), b"62"),
        (odd_person(san=(x509.DNSName("hive.test\r\nX: y"),)), b"62"),
        (odd_person(san=(x509.DNSName("../../etc"),)), b"62"),
        (odd_person(users=("a" * 10_000,)), b"62"),
        (odd_person(padding=60_000), b"20"),
        (odd_person(san=tuple(x509.DNSName(f"h{i}.test") for i in range(3000))), b"20"),
        (odd_person(users=("bea", "root", "eve")), b"20"),
        (odd_person(names=("Bea\x1b[2J\nmal@evil.test", "\u202eeve")), b"20"),
    ],
    ids=[
        "expired",
        "not yet valid",
        "nameless",
        "newline in the mailbox",
        "NUL in the mailbox",
        "empty mailbox",
        "newline in the host",
        "path as host",
        "endless mailbox",
        "huge",
        "many hosts",
        "many mailboxes",
        "control characters in the blurb",
    ],
)
async def test_odd_certificates_are_judged_by_what_they_name(post, identity, status):
    answer = await ask(post.port, REQUEST, identity)
    assert answer[:2] == status
    assert answer.count(b"\n") == 1
    for incoming in post.messages:
        sender = incoming.sender
        assert sender.mailbox == "bea"
        assert sender.long_form.isprintable()


async def test_a_certificate_too_large_for_tls_ends_the_handshake(post):
    peer = await Peer.connect(post.port, odd_person(padding=120_000))
    with contextlib.suppress(OSError):  # our own TLS may hear the alert first
        peer.say(REQUEST)
        assert await peer.answer() == b""
    await peer.close()
    assert post.messages == []


async def test_a_stolen_certificate_without_its_key_gets_nowhere(post):
    """The certificate of somebody else is public; only who has its key can finish the handshake."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate(x509.load_pem_x509_certificate(BEA.cert_pem))
    with pytest.raises(SSL.Error):
        context.use_privatekey(serialization.load_pem_private_key(ADA.key_pem, None))


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION], ids=["1.2", "1.3"])
async def test_a_client_that_resumes_its_session_is_served_all_the_same(post, version):
    def visit(context: SSL.Context, session: SSL.Session | None) -> tuple[bytes, SSL.Session | None]:
        with socket.create_connection(("127.0.0.1", post.port), 60) as sock:
            sock.settimeout(None)
            tls = SSL.Connection(context, sock)
            tls.set_tlsext_host_name(b"mail.example")
            if session is not None:
                tls.set_session(session)
            tls.set_connect_state()
            tls.do_handshake()
            tls.sendall(REQUEST)
            answer = tls.recv(2048)
            return answer, tls.get_session()

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.use_certificate(x509.load_pem_x509_certificate(BEA.cert_pem))
    context.use_privatekey(serialization.load_pem_private_key(BEA.key_pem, None))
    first, session = await asyncio.to_thread(visit, context, None)
    second, _ = await asyncio.to_thread(visit, context, session)
    assert first == second == ADA_TAKES_IT
    assert [incoming.certificate.fingerprints for incoming in post.messages] == [BEA.info.fingerprints] * 2


# ---- many at once ---------------------------------------------------------------------------------


async def test_silent_connections_do_not_keep_messages_out(serve):
    post = await serve(handshake_timeout=120.0)
    idle = [await Peer.dial(post.port) for _ in range(50)]
    assert await ask(post.port, REQUEST, BEA) == ADA_TAKES_IT
    for peer in idle:
        await peer.close()


async def test_our_own_client_gets_on_with_all_of_it(post):
    hosts = {"mail.example": HostOverride(connect=("127.0.0.1", post.port))}
    async with MisfinClient(identity=BEA, hosts=hosts, timeout=30) as client:
        for _ in range(3):
            assert (await client.send("ada@mail.example", "Hello", subject="Hi")).status == 20
    assert len(post.messages) == 3
