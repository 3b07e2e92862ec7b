"""PROXY protocol: trusted balancers say whose connection it is; nobody else can, and nothing hangs."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from peers import message, person
from receiving import serving

from misfin.errors import RemoteProtocolError
from misfin.net.limits import LimitSettings
from misfin.net.proxy import (
    FIXED,
    MAX_HEADER,
    MAX_WAITING,
    SIGNATURE,
    ProxyGate,
    ProxyTrust,
    missing,
    source_of,
)

BEA = person("bea@hive.test Bea")
NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
LOOPBACK, IMPATIENT = ProxyTrust(NETWORKS, timeout=60.0), ProxyTrust(NETWORKS, timeout=0.3)


def header(source="192.0.2.77", *, command=0x21, family=None, extra=b"", length=None) -> bytes:
    packed = ipaddress.ip_address(source).packed
    kind = {4: 0x11, 16: 0x21}[len(packed)] if family is None else family
    rest = packed + packed + b"\x10\x00\x07\xa6" + extra
    size = len(rest) if length is None else length
    return SIGNATURE + bytes([command, kind]) + size.to_bytes(2, "big") + rest


def read(data: bytes) -> str | None:
    assert missing(data) == 0
    return source_of(data)


@pytest.mark.parametrize("source", ["192.0.2.77", "2001:db8::7"])
def test_the_source_is_read_and_what_follows_the_addresses_is_passed_over(source):
    assert read(header(source)) == source
    assert read(header(source, extra=b"\x04\x00\x01x")) == source


def test_a_health_check_and_an_unknown_family_are_the_balancers_own():
    assert read(header(command=0x20)) is None
    assert read(header(family=0x00)) is None
    assert read(header(family=0x31)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        header(command=0x11),
        header(command=0x22),
        header(family=0x12),
        header(family=0x21),
        header(length=4)[: FIXED + 4],
        header(length=MAX_HEADER),
    ],
)
def test_anything_else_is_refused(data):
    with pytest.raises(RemoteProtocolError):
        read(data)


@given(st.binary(max_size=300))
@example(SIGNATURE + b"\x21\x11\xff\xff")
def test_no_bytes_do_more_than_be_refused(data):
    for whole in (data, SIGNATURE + data):
        try:
            if missing(whole) <= 0:
                source_of(whole)
        except RemoteProtocolError:
            pass


@given(st.binary(max_size=60))
def test_never_more_is_asked_for_than_the_header_has(extra):
    whole = header(extra=extra)
    at = 0
    while wanted := missing(whole[:at]):
        at += wanted
    assert at == len(whole)


async def tls_hello(port: int, first: bytes, *, pieces: bool = False) -> str:
    """What happens to a connection that begins like this: an answer by TLS, or the end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in (bytes([each]) for each in first) if pieces else [first]:
            writer.write(piece)
            await writer.drain()
        # By asyncio and not by SSLContext.wrap_socket, which forgets to close a socket that was reset before.
        await writer.start_tls(context, ssl_handshake_timeout=60)
        writer.write(message("ada@mail.example", "Hello"))
        return (await reader.read(100)).decode() or "closed"
    except OSError:
        return "closed"
    finally:
        writer.transport.abort()


async def test_the_message_comes_from_whom_the_balancer_names(tmp_path):
    async with serving(proxy=LOOPBACK, require_certificate=False) as post:
        for source in ("192.0.2.77", "2001:db8::7"):
            answer = await tls_hello(post.port, header(source), pieces=True)
            assert answer.startswith("20 "), answer
        assert [each.peer_address for each in post.messages] == ["192.0.2.77", "2001:db8::7"]


async def test_without_a_header_a_balancer_is_closed_and_others_need_none():
    async with serving(proxy=LOOPBACK, require_certificate=False) as post:
        for first in (b"", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", header(length=MAX_HEADER)):
            assert await tls_hello(post.port, first) == "closed"
        assert post.receiver.connections == 0
    elsewhere = ProxyTrust((ipaddress.ip_network("203.0.113.0/24"),))
    async with serving(proxy=elsewhere, require_certificate=False) as post:
        assert (await tls_hello(post.port, b"")).startswith("20 ")
        assert await tls_hello(post.port, header()) == "closed"
        assert [each.peer_address for each in post.messages] == ["127.0.0.1"]


async def test_limits_count_for_whom_the_balancer_names():
    limits = LimitSettings(capacity=1, refill_rate=0.001)
    async with serving(proxy=LOOPBACK, require_certificate=False, limits=limits) as post:
        answers = [
            await tls_hello(post.port, header(source)) for source in ("192.0.2.1", "192.0.2.2", "192.0.2.1")
        ]
    assert [each[:2] for each in answers] == ["20", "20", "44"]


async def test_silence_is_given_up_in_time_and_so_are_too_many(monkeypatch):
    loop, taken = asyncio.get_running_loop(), []
    gate = ProxyGate(IMPATIENT, loop, lambda connection, address: taken.append(address))
    pairs = [socket.socketpair() for _ in range(MAX_WAITING + 3)]
    for ours, _ in pairs:
        gate(ours, "127.0.0.1")
    assert sum(ours.fileno() < 0 for ours, _ in pairs) == 3
    async with asyncio.timeout(60):
        while any(ours.fileno() >= 0 for ours, _ in pairs):
            await asyncio.sleep(0.02)
    for _, theirs in pairs:
        theirs.close()
    assert taken == []


async def test_what_waits_is_closed_when_the_receiver_stops():
    ours, theirs = socket.socketpair()
    gate = ProxyGate(LOOPBACK, asyncio.get_running_loop(), lambda *_: None)
    gate(ours, "127.0.0.1")
    gate.close()
    assert ours.fileno() < 0
    theirs.close()


def test_mapped_addresses_and_what_is_none():
    assert LOOPBACK.covers("::ffff:127.0.0.1")
    assert not LOOPBACK.covers("::1")
    assert not LOOPBACK.covers("")
