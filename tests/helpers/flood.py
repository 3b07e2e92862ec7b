"""A flood: connections that never become a message, from many loopback networks, opened again when closed.

    python flood.py PORT COUNT NETWORKS PAUSE MOST

A fifth of them each: say nothing; stop after the ClientHello; send the ClientHello a byte at a time; stop
after the handshake; send a request a byte at a time. What is closed is opened again after PAUSE seconds.
Nothing is opened while MOST of them wait for a handshake (0: no limit): connections that a server has not
accepted yet fill the system's queue, and once that is full, it is no longer the server that decides.
Prints one line of JSON once each was opened, and another for every line on standard input; ends with that.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import itertools
import json
import os
import resource
import select
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path

DRIP = 0.5
"""Seconds between two bytes of those that drip."""
LOOK_AGAIN = 0.02
"""Seconds after which a connection that may not be opened yet is tried again."""
REQUEST = b"misfin://" + b"a" * 900 + b"@localhost\t0\r\n"
WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)
NO_TIME_WAIT = b"\1\0\0\0\0\0\0\0"  # SO_LINGER of 0 seconds: thousands of sockets must not outlive the test


class Kind(IntEnum):
    SILENT = 0
    HALF = 1
    DRIPS_HELLO = 2
    IDLE = 3
    DRIPS_REQUEST = 4


class Hostile:
    """One of them: a socket that is opened again and again."""

    def __init__(self, flood: Flood, number: int) -> None:
        self.flood = flood
        self.kind = Kind(number % len(Kind))
        network, host = number % flood.networks, number // flood.networks
        self.source = f"127.{1 + network // 250}.{network % 250}.{1 + host % 250}"
        self.socket: socket.socket | None = None
        self.shaking = False

    def open(self) -> None:
        flood = self.flood
        if 0 < flood.most <= flood.shaking:
            flood.later(LOOK_AGAIN, self.open)
            return
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_TIME_WAIT)
        flood.opened += 1
        self.socket, self.sent = raw, -1
        try:
            raw.bind((self.source, 0))
            if raw.connect_ex(("127.0.0.1", flood.port)) not in (0, errno.EINPROGRESS):
                raise OSError("refused")
            if self.kind in (Kind.IDLE, Kind.DRIPS_REQUEST):
                self._shakes(True)
                self.socket = flood.tls.wrap_socket(
                    raw, server_hostname="localhost", do_handshake_on_connect=False
                )
        except OSError:
            self.close()
            return
        flood.all[self.socket.fileno()] = self
        flood.poll.register(self.socket.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def close(self) -> None:
        assert self.socket is not None
        self._shakes(False)
        self.flood.all.pop(self.socket.fileno(), None)
        self.socket.close()
        self.socket = None
        self.flood.later(self.flood.pause, self.open)

    def _shakes(self, shaking: bool) -> None:
        """Note whether it waits for its handshake."""
        self.flood.shaking += shaking - self.shaking
        self.shaking = shaking

    def step(self) -> None:
        """Something has happened to the socket."""
        try:
            if self.sent < 0:
                self.begin()
            assert self.socket is not None
            while self.socket.recv(65536):
                pass
            self.close()
        except WAITS:
            pass
        except OSError:
            self.close()

    def begin(self) -> None:
        raw = self.socket
        assert raw is not None
        if isinstance(raw, ssl.SSLSocket):
            raw.do_handshake()
            self._shakes(False)
            self.flood.shaken += 1
        elif error := raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "connect")
        self.sent = 0
        if self.kind is Kind.HALF:
            raw.send(self.flood.hello)
        elif self.kind in (Kind.DRIPS_HELLO, Kind.DRIPS_REQUEST):
            self.flood.later(DRIP, lambda: self.drip(raw))

    def drip(self, raw: socket.socket) -> None:
        data = self.flood.hello if self.kind is Kind.DRIPS_HELLO else REQUEST
        if self.socket is raw and self.sent < len(data) - 1:
            with contextlib.suppress(OSError):
                raw.send(data[self.sent : self.sent + 1])
            self.sent += 1
            self.flood.later(DRIP, lambda: self.drip(raw))


class Flood:
    """All of them, on one thread."""

    def __init__(self, port: int, count: int, networks: int, pause: float, most: int) -> None:
        self.port, self.networks, self.pause, self.most = port, networks, pause, most
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE
        outgoing = ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
        self.hello = outgoing.read()
        self.poll = select.epoll()
        self.all: dict[int, Hostile] = {}
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.opened = self.shaken = self.shaking = 0
        self.count = count
        for number in range(count):
            self.later(0.0, Hostile(self, number).open)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.due, (time.monotonic() + seconds, next(self.order), act))

    def run(self) -> None:
        """Go on until standard input ends."""
        commands = sys.stdin.fileno()
        self.poll.register(commands, select.EPOLLIN)
        reported = False
        while True:
            for _ in range(20):  # and then those that are open have their turn
                if not self.due or self.due[0][0] > time.monotonic():
                    break
                heapq.heappop(self.due)[2]()
            if not reported and self.opened >= self.count:
                reported = True
                self.report()
            wait = self.due[0][0] - time.monotonic() if self.due else 1.0
            for handle, _ in self.poll.poll(max(0.0, min(1.0, wait))):
                if handle != commands:
                    if handle in self.all:
                        self.all[handle].step()
                elif os.read(handle, 4096):
                    self.report()
                else:
                    return

    def report(self) -> None:
        facts = {"open": len(self.all), "opened": self.opened, "handshakes": self.shaken}
        print(json.dumps(facts), flush=True)


class RunningFlood:
    """A flood in a process of its own, seen from the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.begun = self._read()

    def report(self) -> dict[str, int]:
        """How many connections are open now, were opened so far, and came through their handshake."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, int]:
        assert self._process.stdout is not None
        facts: dict[str, int] = json.loads(self._process.stdout.readline())
        return facts


@contextlib.contextmanager
def flooding(
    port: int,
    count: int = 2000,
    networks: int = 48,
    pause: float = 2.0,
    before: tuple[str, ...] = (),
    most: int = 0,
) -> Iterator[RunningFlood]:
    """Flood a port; begun when this is entered. ``before`` stands before the command, as ``taskset`` does."""
    arguments = [str(each) for each in (port, count, networks, pause, most)]
    command = [*before, sys.executable, str(Path(__file__)), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield RunningFlood(process)
        finally:
            process.communicate()


def main(port: int, count: int, networks: int, pause: float, most: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
    Flood(port, count, networks, pause, most).run()


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:4]), float(sys.argv[4]), int(sys.argv[5]))
