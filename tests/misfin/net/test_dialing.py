"""Finding a host and connecting to it: several addresses, resolvers that hang, and private places."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from misfin.errors import ConnectError, DeliveryTimeoutError, HostUnknownError
from misfin.net import dialing
from misfin.net.dialing import Endpoint, Lookup, Timeouts, dial

MAIL = Endpoint("mail.example", 1958)
V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def answering():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield (V4, listener.getsockname())


@pytest.fixture
def refusing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        name = listener.getsockname()
    return (V4, name)


@pytest.fixture
def silent():
    """A listener whose queue is full: Linux lets further connections wait without a word."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield (V4, listener.getsockname())


def resolver(monkeypatch, answer):
    def getaddrinfo(host, port, **_):
        if isinstance(answer, BaseException):
            raise answer
        return [(family, socket.SOCK_STREAM, 6, "", (ip, port)) for family, ip in answer]

    monkeypatch.setattr(dialing.socket, "getaddrinfo", getaddrinfo)


# ---- connecting -----------------------------------------------------------------------------------


async def test_the_next_address_is_tried_when_one_refuses(refusing, answering):
    with await dial(MAIL, [refusing, answering], 5) as stream:
        assert stream.getpeername() == answering[1]


async def test_a_second_write_does_not_wait_for_the_first_to_be_confirmed(answering):
    with await dial(MAIL, [answering], 5) as stream:
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_silent_address_does_not_hold_up_the_next(silent, answering):
    before = time.monotonic()
    async with asyncio.timeout(30):
        stream = await dial(MAIL, [silent, answering], 120)
    assert time.monotonic() - before > 0.2
    with stream:
        assert stream.getpeername() == answering[1]


async def test_of_two_that_connect_at_once_one_is_closed(monkeypatch):
    both, made = asyncio.Event(), []

    async def connect(address):
        made.append(socket.socket())
        if address == 1:
            await both.wait()
        both.set()
        return made[-1] if address == 2 else made[0]

    monkeypatch.setattr(dialing, "_dial", connect)
    with await dial(MAIL, [1, 2], 5.0) as chosen:
        assert [each.fileno() >= 0 for each in made].count(True) == 1
        assert chosen.fileno() >= 0


async def test_silence_everywhere_ends_with_the_patience(silent):
    with pytest.raises(DeliveryTimeoutError, match=r"mail\.example:1958 did not answer within 0\.3 seconds"):
        await dial(MAIL, [silent, silent], 0.3)


async def test_refusals_everywhere_are_told_as_one(refusing):
    with pytest.raises(ConnectError, match=r"mail\.example:1958 refuses connections"):
        await dial(MAIL, [refusing, refusing, (V6, ("::1", refusing[1][1], 0, 0))], 5)


async def test_an_address_without_route_is_told(monkeypatch):
    with pytest.raises(ConnectError, match="no (route|connection)"):
        await dial(MAIL, [(V4, ("255.255.255.255", 1958))], 5)


# ---- looking up -----------------------------------------------------------------------------------


async def test_families_take_turns_beginning_with_the_resolvers_first(monkeypatch):
    resolver(monkeypatch, [(V6, "::1"), (V6, "::2"), (V6, "::3"), (V4, "127.0.0.1"), (V4, "127.0.0.2")])
    found = await Lookup(MAIL).addresses(5)
    assert [address[1][0] for address in found] == ["::1", "127.0.0.1", "::2", "127.0.0.2", "::3"]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "::1"])
async def test_an_ip_literal_asks_nobody(monkeypatch, host):
    resolver(monkeypatch, AssertionError("asked"))
    ((_, where),) = await Lookup(Endpoint(host, 1958)).addresses(5)
    assert where[:2] == (host.strip("[]"), 1958)


async def test_an_endpoint_elsewhere_is_looked_up_there(monkeypatch):
    resolver(monkeypatch, [(V4, "127.0.0.9")])
    endpoint = Endpoint("mail.example", 1958, ("relay.example", 19580))
    assert await Lookup(endpoint).addresses(5, public_only=True) == [(V4, ("127.0.0.9", 19580))]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "has no address"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "cannot be looked up at the moment"),
        (UnicodeError("label too long"), "has no address"),
    ],
)
async def test_a_name_that_leads_nowhere_is_told(monkeypatch, failure, words):
    resolver(monkeypatch, failure)
    with pytest.raises(HostUnknownError, match=words):
        await Lookup(MAIL).addresses(5)


async def test_a_resolver_that_hangs_costs_only_the_patience(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(dialing.socket, "getaddrinfo", lambda *_, **__: release.wait(60) and [])
    with pytest.raises(DeliveryTimeoutError, match="could not be looked up"):
        await Lookup(MAIL).addresses(0.1)
    release.set()


async def test_many_lookups_at_once_do_not_wait_for_each_other(monkeypatch):
    together = threading.Barrier(20)

    def getaddrinfo(host, port, **_):
        together.wait(60)
        return [(V4, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(dialing.socket, "getaddrinfo", getaddrinfo)
    found = await asyncio.gather(*(Lookup(MAIL).addresses(60) for _ in range(20)))
    assert len(found) == 20


def test_a_resolver_that_hangs_does_not_hold_up_the_end_of_the_program():
    program = """
import asyncio, socket, time
from misfin.net import dialing
dialing.socket.getaddrinfo = lambda *_, **__: time.sleep(600)
async def main():
    await dialing.Lookup(dialing.Endpoint("mail.example", 1958)).addresses(0.1)
try:
    asyncio.run(main())
except TimeoutError:
    print("gave up")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "gave up\n"


PRIVATE = """
127.0.0.1 10.1.2.3 192.168.1.1 169.254.1.1 0.0.0.0 224.0.0.1 100.64.0.1 255.255.255.255
::1 :: fe80::1%lo fc00::1 ff02::1 ::ffff:127.0.0.1 2002:7f00:1:: 64:ff9b::10.1.2.3
"""


@pytest.mark.parametrize("private", PRIVATE.split())
async def test_private_places_are_not_visited_on_a_strangers_word(monkeypatch, private):
    resolver(monkeypatch, [(V6 if ":" in private else V4, private)])
    with pytest.raises(ConnectError, match="private address"):
        await Lookup(MAIL).addresses(5, public_only=True)


async def test_of_mixed_addresses_only_the_public_remain(monkeypatch):
    resolver(monkeypatch, [(V4, "127.0.0.1"), (V4, "93.184.216.34"), (V6, "2606:2800:220:1::1")])
    found = await Lookup(MAIL).addresses(5, public_only=True)
    assert [address[1][0] for address in found] == ["93.184.216.34", "2606:2800:220:1::1"]


def test_patience_is_for_the_answer():
    assert Timeouts.of(60) == Timeouts()
    assert Timeouts.of(5) == Timeouts(5, 5, 5, 5)
