"""Servers that mean harm, or are broken: a client of ours loses nothing, waits no longer than it said, and
keeps no more than an answer's worth of what they send."""

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from peers import odd_person, person
from scripted import ScriptedServer

from misfin.errors import (
    ConnectError,
    DeliveryTimeoutError,
    HandshakeError,
    OutcomeUnknownError,
)
from misfin.net.client import HostOverride, MisfinClient
from misfin.net.dialing import Timeouts
from misfin.trust.pins import PinBook
from misfin.trust.refusal import CertificateChangedError
from misfin.trust.tofu import PinKind, Remark

HOST = person("hostmaster@mail.example")
BEA = person("bea@hive.test Bea Worker")
MESSAGE = b"\n\n\nHello\n"
OK = b"20 \r\n"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def pins():
    with PinBook(None) as book:
        yield book


def client(port, pins, **options):
    hosts = {"mail.example": HostOverride(("127.0.0.1", port))}
    return MisfinClient(**{"identity": BEA, "pins": pins, "hosts": hosts, "timeout": 60, **options})


# ---- odd certificates -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"start": NOW - 3 * DAY, "end": NOW - DAY},
        {"start": NOW + DAY, "end": NOW + 3 * DAY},
        {"padding": 60_000},
        {"users": (), "names": (), "san": ()},
        {"users": ("\0\n\x1b[2J",), "names": ("Bea\r\nBcc: eve",), "san": (x509.DNSName("a\0b"),)},
        {"san": tuple(x509.DNSName(f"host{i}.example") for i in range(1500))},
        {"eku": ExtendedKeyUsageOID.CLIENT_AUTH},
    ],
    ids=["expired", "future", "huge", "nameless", "controls", "many names", "for clients only"],
)
async def test_a_key_is_trusted_whatever_odd_certificate_is_around_it(pins, options):
    with ScriptedServer([odd_person(**options), HOST], OK) as server:
        bea = client(server.port, pins)
        delivery = await bea.deliver("ada@mail.example", MESSAGE)
        assert delivery.response.status == 20
        assert Remark.HOST_MISMATCH in delivery.remarks
        assert delivery.certificate.subject.isprintable()
        with pytest.raises(CertificateChangedError):
            await bea.deliver("ada@mail.example", MESSAGE)
    assert pins.offered(PinKind.HOST, "mail.example:1958").certificate == HOST.info


async def test_a_certificate_beyond_all_measure_ends_the_handshake(pins):
    with ScriptedServer(odd_person(padding=150_000), OK) as server, pytest.raises(HandshakeError):
        await client(server.port, pins).deliver("ada@mail.example", MESSAGE)
    assert pins.all() == []


# ---- odd timing -----------------------------------------------------------------------------------


async def test_an_answer_that_drips_does_not_stretch_the_patience(pins, monkeypatch):
    monkeypatch.setattr(Timeouts, "of", lambda seconds: Timeouts(response=seconds))  # the handshake has time

    def drip(visit):
        visit.read_request()
        while True:  # until nobody listens any more
            visit.say(b"2")
            time.sleep(0.05)

    with (
        ScriptedServer(HOST, drip) as server,
        pytest.raises(OutcomeUnknownError, match=r"within 0\.4 seconds"),
    ):
        async with asyncio.timeout(30):
            await client(server.port, pins, timeout=0.4).deliver("ada@mail.example", MESSAGE)


async def test_a_handshake_that_drips_does_not_either(pins):
    async def drip(reader, writer):
        try:
            writer.write(b"\x16\x03\x03\x3f\xff")
            while not writer.is_closing():
                writer.write(b"\x02")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            writer.close()
            over.set()

    over = asyncio.Event()
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises((DeliveryTimeoutError, HandshakeError)):
            await client(port, pins, timeout=0.4).deliver("ada@mail.example", MESSAGE)
        await over.wait()


async def test_a_flood_instead_of_an_answer_is_cut_off(pins):
    sent = 0

    def flood(visit):
        nonlocal sent
        visit.read_request()
        for _ in range(2000):
            visit.say(b"9" * 16384)
            sent += 16384

    with ScriptedServer(HOST, flood) as server:
        with pytest.raises(OutcomeUnknownError):
            await client(server.port, pins).deliver("ada@mail.example", MESSAGE)
        await server.wait()
    assert sent < 2000 * 16384, "the client hung up"


async def test_a_flood_before_the_request_is_not_kept(pins):
    came = asyncio.Event()
    loop = asyncio.get_running_loop()

    def flood(visit):
        visit.say(b"9" * 16384)
        loop.call_soon_threadsafe(came.set)
        for _ in range(49):
            visit.say(b"9" * 16384)
        visit.read_to_end()

    async def take_your_time():
        await came.wait()
        await asyncio.sleep(0.2)

    with ScriptedServer(HOST, flood) as server:
        with pytest.raises(ConnectError):
            await client(server.port, pins).deliver("ada@mail.example", MESSAGE, before_write=take_your_time)
        assert [visit.got for visit in await server.wait()] == [b""]


@pytest.mark.parametrize("hello_first", [False, True])
async def test_a_connection_cut_before_the_handshake_is_over_took_nothing(pins, hello_first):
    async def cut(reader, writer):
        if hello_first:
            await reader.read(100)
        writer.transport.abort()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        with pytest.raises(ConnectError):
            await client(server.sockets[0].getsockname()[1], pins).deliver("ada@mail.example", MESSAGE)


@pytest.mark.parametrize("said", [b"", b"2"])
async def test_a_connection_cut_after_the_request_leaves_the_outcome_open(pins, said):
    def cut(visit):
        visit.read_request()
        visit.say(said)
        visit.reset()

    with ScriptedServer(HOST, cut) as server, pytest.raises(OutcomeUnknownError):
        await client(server.port, pins).deliver("ada@mail.example", MESSAGE)


async def test_a_server_that_resets_after_its_whole_answer_has_answered(pins):
    def rude(visit):
        visit.read_request()
        visit.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # all of it leaves before the reset
        visit.say(OK)
        visit.reset()

    with ScriptedServer(HOST, rude) as server:
        assert (await client(server.port, pins).deliver("ada@mail.example", MESSAGE)).response.status == 20
