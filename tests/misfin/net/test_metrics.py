"""Figures for Prometheus: counted as senders are answered, in its format, from a port that takes little."""

from __future__ import annotations

import asyncio
import re

from peers import ask, message, person
from receiving import serving

from misfin.model.status import StatusCode
from misfin.net.figures import SLOWEST, ReceiverFigures, process_text, receiver_text
from misfin.net.metrics import MetricsServer
from misfin.wire import MisfinResponse

BEA = person("bea@hive.test Bea")
LINE = re.compile(
    r"# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+=\"[^\"\\\n]*\"\})? (\+Inf|[0-9.e+-]+)"
)  # the text format, as far as it is used


def value(lines, name: str) -> float:
    (found,) = [line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == name]
    return float(found)


async def test_answers_and_connections_are_counted():
    async def keep(incoming):
        await asyncio.sleep(0.006)
        return MisfinResponse(StatusCode.MAILBOX_FULL, "full")

    async with serving(handler=keep) as post:
        await ask(post.port, message("ada@mail.example", "Hello"), BEA)
        await ask(post.port, message("nobody@mail.example", "Hello"), BEA)
        lines = [*receiver_text(post.receiver.figures), *process_text(1.5)]
    assert all(LINE.fullmatch(each) for each in lines), lines
    assert value(lines, 'misfin_answers_total{status="45"}') == 1
    assert value(lines, 'misfin_answers_total{status="51"}') == 1
    assert value(lines, 'misfin_connections_total{admission="serve"}') == 2
    assert value(lines, "misfin_keeping_seconds_count") == 1
    assert value(lines, 'misfin_keeping_seconds_bucket{le="0.005"}') == 0
    assert value(lines, 'misfin_keeping_seconds_bucket{le="+Inf"}') == 1
    assert value(lines, "process_start_time_seconds") == 1.5


def test_each_time_is_in_one_bucket_and_all_below_are_added_up():
    figures = ReceiverFigures()
    for seconds in (0.001, 0.005, 0.3, 100.0):
        figures.took(seconds)
    lines = list(receiver_text(figures))
    counts = [value(lines, f'misfin_keeping_seconds_bucket{{le="{bound}"}}') for bound in SLOWEST]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (2, 3)
    assert value(lines, "misfin_keeping_seconds_count") == 4


async def answer(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_only_get_metrics_is_answered(monkeypatch):
    monkeypatch.setattr("misfin.net.metrics._PATIENCE", 60.0)
    server = MetricsServer(lambda: ["one 1", "two 2"])
    _, port = await server.start("127.0.0.1", 0)
    try:
        found = await answer(port, b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _, body = found.partition(b"\r\n\r\n")
        assert body == b"one 1\ntwo 2\n"
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Content-Length: 12" in head
        assert (await answer(port, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        assert (await answer(port, b"POST /metrics HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
        assert (await answer(port, b"\x16\x03\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        assert await answer(port, b"x" * 100_000) == b""
    finally:
        await server.stop()


async def test_silent_and_many_connections_take_nothing_for_long(monkeypatch):
    monkeypatch.setattr("misfin.net.metrics._PATIENCE", 0.2)
    server = MetricsServer(list)
    _, port = await server.start("127.0.0.1", 0)
    try:
        assert await asyncio.gather(*(answer(port, b"GET ") for _ in range(20))) == [b""] * 20
        monkeypatch.setattr("misfin.net.metrics._PATIENCE", 60.0)
        assert (await answer(port, b"GET /metrics HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200")
    finally:
        await server.stop()
