"""The load: so many clients, each sending one message after the other over a new TLS connection.

    python message_load.py PORT CLIENTS SECONDS IDENTITY.pem ADDRESS [BYTES [MAILBOXES]]

With MAILBOXES, ``{}`` in the address is the number of a mailbox, another one each time.
Prints one line of JSON: messages accepted per second, and the seconds one message took (median, 99 %) from
connect() to the end of the answer. One thread over non-blocking sockets and Python's own TLS, so that the
load is light, the clients do not wait for each other, and neither server is favoured. No two messages are
the same.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable

WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)


def context_for(identity: str) -> ssl.SSLContext:
    """TLS as a Misfin client needs it, with the pins left out: this only measures the other end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(identity)
    return context


class Client:
    """One client; :meth:`step` goes as far as it can without waiting."""

    def __init__(self, context: ssl.SSLContext, port: int, host: str, messages: Callable[[], bytes]) -> None:
        self._context, self._port, self._host, self._messages = context, port, host, messages
        self.took: list[float] = []

    def begin(self) -> int:
        """Connect again; the file number to watch."""
        self._began = time.perf_counter()
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BlockingIOError):
            raw.connect(("127.0.0.1", self._port))
        self._raw = raw
        self._stream: ssl.SSLSocket | None = None
        self._answer = b""
        self._next: Callable[[], bool] = self._connected
        return raw.fileno()

    def step(self) -> bool:
        """True when the answer is there and the connection closed."""
        try:
            while not self._next():
                pass
        except WAITS:
            return False
        self.took.append(time.perf_counter() - self._began)
        self._raw.close()
        if self._stream is not None:
            self._stream.close()
        if not self._answer.startswith(b"20 "):
            raise SystemExit(f"the server answered {self._answer!r}")
        return True

    def _connected(self) -> bool:
        code = self._raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "connect")
        self._stream = self._context.wrap_socket(
            self._raw, server_hostname=self._host, do_handshake_on_connect=False
        )
        self._next = self._shake_hands
        return False

    def _shake_hands(self) -> bool:
        assert self._stream is not None
        self._stream.do_handshake()
        self._next = self._listen
        self._stream.send(self._messages())  # some kilobytes: an empty socket buffer takes them whole
        return False

    def _listen(self) -> bool:
        assert self._stream is not None
        data = self._stream.recv(4096)
        self._answer += data
        if data and not self._answer.endswith(b"\r\n"):
            return False
        with contextlib.suppress(OSError):
            self._stream.unwrap()  # says goodbye; does not wait for theirs
        return True


def load(
    port: int, clients: int, seconds: float, identity: str, address: str, size: int, mailboxes: int = 1
) -> dict[str, float]:
    """Run the load and measure it."""
    context = context_for(identity)
    text = b"A line of an ordinary message, neither short nor long.\n" * 400
    numbers = itertools.count(time.time_ns())

    def message() -> bytes:
        number = next(numbers)
        body = (b"\n\n\n# Message %d\n\n" % number + text)[: size - 1] + b"\n"
        to = address.replace("{}", str(number % mailboxes)).encode()
        return b"misfin://%b\t%d\r\n%b" % (to, len(body), body)

    poll = select.epoll()
    active: dict[int, Client] = {}
    everyone = [Client(context, port, address.partition("@")[2], message) for _ in range(clients)]
    both_ways = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET
    began = time.perf_counter()
    end = began + seconds
    for client in everyone:
        active[number := client.begin()] = client
        poll.register(number, both_ways)
    while active:
        for number, _ in poll.poll(30):
            client = active[number]
            if client.step():  # closing took the file out of the poll
                del active[number]
                if time.perf_counter() < end:
                    active[number := client.begin()] = client
                    poll.register(number, both_ways)
    elapsed = time.perf_counter() - began
    took = sorted(one for client in everyone for one in client.took)
    return {
        "clients": clients,
        "messages": len(took),
        "rate": len(took) / elapsed,
        "median": took[len(took) // 2],
        "p99": took[int(len(took) * 0.99)],
        "worst": took[-1],
        "cpu": time.process_time() / len(took),
    }


if __name__ == "__main__":
    where, count, duration, pem, to, *more = sys.argv[1:]
    length, many = (*map(int, more), *(1024, 1)[len(more) :])
    print(json.dumps(load(int(where), int(count), float(duration), pem, to, length, many)))
