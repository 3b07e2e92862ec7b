"""How soon mail is here, and what fetching costs, beside the goal of each figure.

    python tests/benchmarks/bench_fetching.py [PART ...]

``size``: a fetch with nothing to do, for 1,000 and for 100,000 messages (goal: at most twice as long).
``first``: from the start of the process until the newest 50 of 2,000 messages are in the Maildir, with TLS
and a round trip of 40 ms (goal: 0.5 s). ``news``: from the line in which the server reports a message until
it is in the Maildir (goal: 0.3 s). ``memory``: the most the fetching process takes while 50 MB come in one
message (goal: 60 MiB; it does not index), and while it waits for changes (goal: 20 MB). ``drop``: POP3 with
its messages stored durably, against storing alone (goal: 0.9 of its rate). ``keys``: from a key to the screen
while 10,000 messages arrive for the first time (goal: 99 % within 50 ms). Times are of this machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "helpers"), str(HERE), str(HERE.parents[1] / "src")]

import dovecot  # noqa: E402
from bench_sync import SOURCE, Relay, message  # noqa: E402
from mailprofile import MailProfile, make_mail_profile  # noqa: E402

from misfin.store.mail.maildir import Maildir, NewMessage  # noqa: E402

START = "import sys; from misfin_tui.cli import main; sys.exit(main())"
LIMIT = 280.0


def figure(what: str, value: float, unit: str, goal: float, *, most: bool = True) -> None:
    """Print a figure beside its goal, which is the most or the least it should be."""
    reached = value <= goal if most else value >= goal
    print(f"{what:64} {value:8.3f} {unit:3} goal {goal:g}{'' if reached else '  MISSED'}", flush=True)


@contextlib.contextmanager
def account(
    texts: list[bytes], *, kind: str = "imap", delay: float = 0.0, lmtp: bool = False
) -> Iterator[tuple[dovecot.Dovecot, MailProfile]]:
    """A server with these messages, and a profile with an account there; with a delay by TLS."""
    with (
        tempfile.TemporaryDirectory() as folder,
        dovecot.running(pop3=kind == "pop3", lmtp=lmtp) as server,
    ):
        server.put(*texts)
        port, scheme, more = getattr(server, kind), kind, "plaintext = true\n"
        if delay:
            port, scheme, more = Relay(getattr(server, f"{kind}s"), delay).port, f"{kind}s", ""
        made = make_mail_profile(
            Path(folder), "smtps://ada@localhost:1", password=dovecot.PASSWORD, ca_file=server.cert,
            more=f'{kind} = "{scheme}://{dovecot.USER}@localhost:{port}"\n{more}',
        )  # fmt: skip
        yield server, made


def begin(made: MailProfile, *words: str) -> subprocess.Popen[bytes]:
    """Start ``misfin-tui fetch``."""
    return subprocess.Popen(
        [sys.executable, "-c", START, "fetch", *words],
        env={**made.environment, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def fetched(made: MailProfile) -> tuple[float, float]:
    """Fetch once; the seconds, and the most memory in MB."""
    started = time.perf_counter()
    process = begin(made)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    return time.perf_counter() - started, usage.ru_maxrss / 1000


@contextlib.contextmanager
def following(made: MailProfile) -> Iterator[subprocess.Popen[bytes]]:
    """``misfin-tui fetch --follow``."""
    process = begin(made, "--follow")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def here(made: MailProfile) -> int:
    """How many messages are in the inbox here."""
    inbox, count = made.root / "mail" / "work", 0
    for part in ("new", "cur"):
        with contextlib.suppress(FileNotFoundError), os.scandir(inbox / part) as entries:
            count += sum(1 for _ in entries)
    return count


def until(there: Callable[[], object], seconds: float = LIMIT) -> float:
    """When something was so."""
    ends = time.perf_counter() + seconds
    while not there():
        if time.perf_counter() > ends:
            raise TimeoutError
        time.sleep(0.002)
    return time.perf_counter()


def size() -> None:
    """Nothing to do, for few messages and for many."""
    took = {}
    with contextlib.ExitStack() as stack:
        profiles = {}
        for count in (1_000, 100_000):
            texts = [message(number)[:400] + b"\n" for number in range(count)]
            _, profiles[count] = stack.enter_context(account(texts))
            fetched(profiles[count])
        time.sleep(3)
        for made in profiles.values():
            fetched(made)
        for _ in range(7):
            for count, made in profiles.items():
                seconds, _ = fetched(made)
                took[count] = min(seconds, took.get(count, seconds))
    print(f"nothing to do: 1,000 messages {took[1_000]:.3f} s, 100,000 messages {took[100_000]:.3f} s")
    figure("nothing to do, 100,000 messages against 1,000", took[100_000] / took[1_000], "x", 2.0)


def first() -> None:
    """The newest messages of a first fetch."""
    best = LIMIT
    for _ in range(3):
        with account([message(number) for number in range(2000)], delay=0.02) as (_, made):
            started = time.perf_counter()
            with following(made):
                best = min(best, until(lambda: here(made) >= 50) - started)
    figure("first 50 messages, TLS, 40 ms, with the start of the process", best, "s", 0.5)


class Listening:
    """Passes bytes on to a server, and notes when it last said something by itself."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.said = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", self._target))
            for source, sink, heard in ((near, far, False), (far, near, True)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._copy, args=(source, sink, heard), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, heard: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if heard and not self.said and data.startswith(b"* STATUS"):
                    self.said = time.perf_counter()
                sink.sendall(data)


def news() -> None:
    """A new message, from the server's line on."""
    import smtplib

    took = []
    with account([message(number) for number in range(100)], lmtp=True) as (server, made):
        line = Listening(server.imap)
        config = made.root / "config.toml"
        config.write_text(config.read_text().replace(f":{server.imap}", f":{line.port}"))
        with following(made):
            until(lambda: here(made) == 100)
            for number in range(15):
                time.sleep(2)
                line.said = 0.0
                with smtplib.LMTP(str(server.base / "lmtp")) as lmtp:
                    lmtp.sendmail("bea@example.org", ["ada"], message(1000 + number).decode())
                arrived = until(lambda: here(made) == 101 + number)  # noqa: B023 - called at once
                took.append(arrived - line.said)
    took.sort()
    figure("a new message, median", took[len(took) // 2], "s", 0.3)
    figure("a new message, longest of 15", took[-1], "s", 0.3)


def memory() -> None:
    """The most memory with a large message, and the memory at rest."""
    large = message(0) + b"The quick brown fox jumps over the lazy dog, again and again.\n" * 800_000
    with account([large]) as (_, made), following(made) as process:
        until(lambda: here(made) == 1)
        time.sleep(1)
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+)", status)
        assert peak is not None
        figure("fetching a message of 50 MB, at most", int(peak[1]) / 1024, "MiB", 60)
    with account([message(number) for number in range(2000)]) as (_, made), following(made) as process:
        until(lambda: here(made) == 2000)
        time.sleep(8)
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        pss = re.search(r"Pss:\s+(\d+)", rollup)
        assert pss is not None
        figure("waiting for changes (pss)", int(pss[1]) / 1000, "MB", 20)


def drop() -> None:
    """A maildrop, against storing its messages."""
    count = 5000
    texts = [message(number) for number in range(count)]
    best, alone = LIMIT, LIMIT
    for _ in range(3):
        with account(texts, kind="pop3") as (_, made), following(made):
            started = until(lambda: here(made) > 0)
            best = min(best, until(lambda: here(made) >= count) - started)
        with tempfile.TemporaryDirectory() as folder:
            maildir = Maildir(Path(folder) / "mail").create()
            began = time.perf_counter()
            for at in range(0, count, 200):
                maildir.deliver_many([NewMessage(text) for text in texts[at : at + 200]])
            alone = min(alone, time.perf_counter() - began)
    print(f"POP3: {count / best:,.0f} messages a second are stored; storing alone {count / alone:,.0f}")
    figure("POP3, stored durably, against storing alone", alone / best, "x", 0.9, most=False)


def keys() -> None:
    """Keys while mail arrives for the first time."""
    from bench_app import Terminal

    count = 10_000
    with account([message(number) for number in range(count)]) as (_, made):
        config = made.root / "config.toml"
        config.write_text("[receive]\nenabled = false\n" + config.read_text())
        terminal = Terminal(
            [sys.executable, "-m", "misfin_tui"], {**made.environment, "PYTHONPATH": str(SOURCE)}
        )
        took: list[float] = []
        try:
            terminal.wait_for(b"Message 99")
            time.sleep(1.0)
            while here(made) < count and len(took) < 500:
                took.append(terminal.key(b"j" if len(took) // 20 % 2 == 0 else b"k"))
                time.sleep(0.03)
        finally:
            terminal.end()
    took.sort()
    if not took:
        return print("keys: everything had arrived before the first key")
    print(f"{len(took)} keys while messages arrived; median {took[len(took) // 2] * 1000:.1f} ms")
    figure("a key to the screen, 99 %", took[int(len(took) * 0.99)] * 1000, "ms", 50)
    return None


PARTS = {"size": size, "first": first, "news": news, "memory": memory, "drop": drop, "keys": keys}


def main(wanted: list[str]) -> int:
    """Print the figures; nothing here can fail because a machine is slow."""
    if reason := dovecot.why_not(pop3=True, lmtp=True):
        print(f"not measured: {reason}")
        return 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    for name in wanted or PARTS:
        PARTS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
