"""How long honest messages take while 2,000 connections that never become a message flood the receiver.

The receiver is ``misfin-tui receive`` in a process that may open 256, 1,024 or 8,192 files. Messages of 1 KiB
come one after the other, each over a new TLS 1.3 connection from a network nobody has come from before; first
without the flood, then during it. Goal: 99 % of them answered with 20 within one second.

    python tests/benchmarks/bench_flood.py [MESSAGES]
"""

from __future__ import annotations

import contextlib
import itertools
import json
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers"), str(HERE.parents[1] / "src")]

from bench_receiver import SERVER_CPU, cpu_seconds, make_people, pinned, resident_mb  # noqa: E402
from flood import flooding  # noqa: E402 - only to be found on the path just made
from message_load import context_for  # noqa: E402 - as above

FILES = (256, 1024, 8192)
GOAL = 1.0
SETTINGS = '[verification]\nmode = "off"\n[rate_limit]\nenable = false\n'
_numbers = itertools.count()


@contextlib.contextmanager
def receiver(profile: Path, files: int) -> Iterator[tuple[int, int, Path]]:
    """Its port, its process id, and the file of what it says on stderr."""
    (profile / "config.toml").write_text(SETTINGS)
    said = profile / "stderr"
    command = [*pinned(SERVER_CPU), sys.executable, "-m", "misfin_tui", "--profile", str(profile)]
    command += ["receive", "--listen", "127.0.0.1:0", "--json"]
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
        )
    try:
        assert process.stdout is not None
        (address,) = json.loads(process.stdout.readline())["listening"]
        yield int(address.rpartition(":")[2]), process.pid, said
    finally:
        process.terminate()
        process.communicate()


def send(port: int, context: ssl.SSLContext) -> tuple[float, bytes]:
    """One message; the seconds it took, and the answer."""
    number = next(_numbers)
    source = f"127.{100 + number // 250 % 150}.{number % 250}.1"
    body = (f"\n\n\n# Message {number}\n\n" + "A line of an ordinary message.\n" * 40).encode()[:1024]
    began = time.perf_counter()
    answer = b""
    with contextlib.suppress(OSError), contextlib.ExitStack() as open_ones:
        raw = open_ones.enter_context(
            socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0))
        )
        stream = open_ones.enter_context(context.wrap_socket(raw, server_hostname="localhost"))
        stream.sendall(b"misfin://alice@localhost\t%d\r\n%b" % (len(body), body))
        while not answer.endswith(b"\r\n") and (data := stream.recv(4096)):
            answer += data
    return time.perf_counter() - began, answer


def measure(port: int, context: ssl.SSLContext, messages: int) -> tuple[str, bool]:
    """What to print about so many messages, and whether the goal was reached."""
    results = [send(port, context) for _ in range(messages)]
    took = sorted(seconds for seconds, _ in results)
    lost = sum(not answer.startswith(b"20 ") for _, answer in results)
    p99 = took[int(messages * 0.99)]
    text = f"median {took[messages // 2] * 1000:6.1f} ms   99 % {p99 * 1000:7.1f} ms   not taken {lost}"
    return text, p99 <= GOAL and not lost


def main(messages: int = 300) -> int:
    """Print what was measured; 0 unless something broke."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for files in (each for each in FILES if each <= hard):
        with tempfile.TemporaryDirectory() as folder:
            profile, sender = make_people(Path(folder))
            context = context_for(str(sender))
            with receiver(profile, files) as (port, pid, said):
                print(f"{files:5} files  alone        {measure(port, context, messages // 3)[0]}")
                with flooding(port) as flood:
                    used, began = cpu_seconds(pid), time.perf_counter()
                    text, reached = measure(port, context, messages)
                    busy = (cpu_seconds(pid) - used) / (time.perf_counter() - began)
                    facts = flood.report()
                    memory = resident_mb(pid)
                lines = len(said.read_text().splitlines())
                print(f"{files:5} files  in the flood {text}: {'reached' if reached else 'MISSED'}")
                print(
                    f"             {facts['opened']:,} connections came, {facts['open']:,} are open;"
                    f" receiver {busy:.0%} busy, {memory:.0f} MB, {lines} log lines"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
