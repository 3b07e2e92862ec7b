"""The transport of accepted connections ends, waits and fails as asyncio's own does."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import contextmanager

import pytest
from receiving import serving

from misfin.net.accepted import AcceptedTransport


class Noting(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self, stays: bool = False, fails: bool = False) -> None:
        self.stays, self.fails = stays, fails
        self.data = b""
        self.over = False
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.fails:
            raise ValueError("a bug")
        self.data += data
        self.news.set()

    def eof_received(self) -> bool:
        self.over = True
        self.news.set()
        return self.stays

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)

    async def until(self, condition) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await self.news.wait()
                self.news.clear()


@contextmanager
def connected(**how: bool):
    ours, theirs = socket.socketpair()
    protocol = Noting(**how)
    transport = AcceptedTransport(asyncio.get_running_loop(), ours, protocol)
    assert protocol.transport is transport
    with theirs:
        theirs.setblocking(False)
        yield transport, protocol, theirs
        transport.abort()


async def read_all(stream: socket.socket) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    async with asyncio.timeout(30):
        while piece := await loop.sock_recv(stream, 65536):
            data += piece
    return data


async def test_what_comes_is_passed_on_and_an_end_closes():
    with connected() as (transport, protocol, theirs):
        theirs.send(b"hello")
        await protocol.until(lambda: protocol.data == b"hello")
        transport.write(b"hi")
        theirs.shutdown(socket.SHUT_WR)
        assert await read_all(theirs) == b"hi"
        assert await protocol.lost is None
        assert transport.is_closing()
        transport.write(b"too late")


async def test_after_an_end_an_answer_can_be_sent_if_the_protocol_stays():
    with connected(stays=True) as (transport, protocol, theirs):
        theirs.shutdown(socket.SHUT_WR)
        await protocol.until(lambda: protocol.over)
        assert not transport.is_closing()
        assert not transport.is_reading()
        transport.write(b"answer")
        transport.write_eof()
        assert await read_all(theirs) == b"answer"
        transport.close()
        assert await protocol.lost is None


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_what_does_not_fit_is_sent_before_the_end(end):
    with connected(stays=True) as (transport, protocol, theirs):
        data = bytes(range(256)) * 20_000
        transport.write(data)
        transport.write(b"more")
        assert transport.get_write_buffer_size() > 0
        getattr(transport, end)()
        assert await read_all(theirs) == data + b"more"
        assert transport.get_write_buffer_size() == 0
        transport.close()
        assert await protocol.lost is None


async def test_abort_drops_what_was_not_sent():
    with connected() as (transport, protocol, theirs):
        transport.write(bytes(10_000_000))
        transport.close()
        transport.abort()
        assert await protocol.lost is None
        assert len(await read_all(theirs)) < 10_000_000


async def test_a_peer_that_is_gone_is_an_error_of_the_connection():
    with connected() as (transport, protocol, theirs):
        theirs.close()
        transport.write(b"x")
        async with asyncio.timeout(30):
            assert isinstance(await protocol.lost, OSError)


async def test_reading_can_pause():
    with connected() as (transport, protocol, theirs):
        transport.pause_reading()
        theirs.send(b"later")
        for _ in range(5):
            await asyncio.sleep(0)
        assert protocol.data == b""
        transport.resume_reading()
        await protocol.until(lambda: protocol.data == b"later")
        assert transport.is_reading()


async def test_a_bug_in_the_protocol_ends_the_connection_and_is_logged(caplog):
    with connected(fails=True) as (_, protocol, theirs), caplog.at_level(logging.ERROR, "asyncio"):
        theirs.send(b"x")
        assert await read_all(theirs) == b""
        await protocol.lost
    assert "a bug" in caplog.text


async def test_a_connection_that_the_system_cannot_watch_takes_no_place(monkeypatch):
    def refused(*_args):
        raise OSError(28, "No space left on device")

    async with serving() as post:
        monkeypatch.setattr("misfin.net.accepted.AcceptedTransport.__init__", refused)
        reader, writer = await asyncio.open_connection("127.0.0.1", post.port)
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()
        assert post.receiver.connections == 0
        assert post.receiver.figures.open_now == 0
