"""The app in a real terminal: first screen, keys to paint, memory, a message drawn, each beside its goal.

Everything runs in a pseudo terminal as a person would run it; times are of this machine, so the ratios count.
``python tests/benchmarks/bench_app.py [--keep FOLDER] [--rounds N] [PART ...]``
Parts: first, building, keys, memory, typing, drawing.
"""

from __future__ import annotations

import argparse
import compileall
import fcntl
import os
import pty
import select
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from pathlib import Path

from bench_compose import TEXTS
from make_mailbox import ACCOUNT, END, make
from page_frames import held_by

import misfin
import misfin_tui
from misfin.store.index import MailIndex
from misfin.store.mail.maildir import MailStore
from misfin_tui.paths import Profile, profile_at
from misfin_tui.picture import Picture
from misfin_tui.widgets.gemtext_rows import lay_out

MARK = b"NEWESTMARK"
SIZE = (120, 40)
BARE = f"""
from textual.app import App
from textual.widget import Widget
class Words(Widget):
    def render(self): return "{MARK.decode()}"
class Bare(App):
    def compose(self): yield Words()
Bare().run()
"""
PARTS = ("first", "building", "keys", "memory", "typing", "drawing")
FEW, SOME, MANY = 1_000, 10_000, 100_000
KEYS = 100
ARRIVALS = 50  # messages per second while keys are measured under load
SENDS = 10
BETWEEN = 0.03  # seconds between two keys, as a key that is held down
ENOUGH = 60.0  # seconds after which a program that shows nothing is given up
A_BUILD = 900.0  # seconds after which an index that is still not whole is given up
SETTLED = 12.0  # seconds after which nothing is left to start
SLOW_HOST = "slow.test"
_missed: list[str] = []


def figure(what: str, value: float, unit: str, goal: float | None = None, note: str = "") -> None:
    """One line; with a goal, whether it was reached: ``value`` may be that at most."""
    verdict = ""
    if goal is not None:
        verdict = f"goal {goal:g}: {'reached' if value <= goal else 'MISSED'}"
        if value > goal:
            _missed.append(what)
    print(f"  {what:44s} {value:8.2f} {unit:7s} {verdict:24s} {note}".rstrip(), flush=True)


def missed() -> None:
    """Say which goals were missed."""
    if _missed:
        print("MISSED: " + ", ".join(_missed))


class Terminal:
    """A program in a pseudo terminal; what it draws is read all the time, as a terminal does."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.started = time.perf_counter()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
            os.chdir("/")
            os.execvpe(command[0], command, {**os.environ, **environment})

    def wait_for(self, mark: bytes) -> float:
        """Seconds from the start until ``mark`` was drawn."""
        seen = b""
        while mark not in seen:
            if time.perf_counter() - self.started > ENOUGH:
                raise TimeoutError(seen[-2000:])
            seen = seen[-len(mark) :] + self._read(1.0)
        return time.perf_counter() - self.started

    def settle(self, quiet: float = 0.3) -> None:
        """Read until nothing was drawn for a while; a cursor blinks twice a second."""
        while self._read(quiet):
            pass

    def write(self, data: bytes) -> None:
        """Type or paste; what the program draws meanwhile is read, else both would wait for each other."""
        for start in range(0, len(data), 512):
            os.write(self.master, data[start : start + 512])
            self._read(0.0)

    def key(self, key: bytes) -> float:
        """Seconds from a key to the first byte drawn after it; what is drawn before it is read away."""
        while self._read(0.0):
            pass
        pressed = time.perf_counter()
        os.write(self.master, key)
        self._read(2.0)
        return time.perf_counter() - pressed

    def memory(self) -> float:
        """Peak resident memory in MB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def processes(self) -> list[int]:
        """The program and every process it started."""
        return [self.pid, *_children(self.pid)]

    def works(self) -> bool:
        """Whether it needs more than a twentieth of a processor: people are learnt from new messages, say."""
        before = _processor_time(self.pid)
        self.settle(1.0)
        return _processor_time(self.pid) - before > 0.05

    def end(self) -> None:
        """Kill it: how it ends is not measured."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)

    def _read(self, patience: float) -> bytes:
        if not select.select([self.master], [], [], patience)[0]:
            return b""
        try:
            return os.read(self.master, 1 << 20)
        except OSError:
            return b""


def _processor_time(pid: int) -> float:
    """Seconds."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(word) for task in tasks.iterdir() for word in (task / "children").read_text().split()]


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def environment(profile: Profile) -> dict[str, str]:
    return {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "MISFIN_TUI_HOME": str(profile.root),
    }


def ours() -> list[str]:
    return [sys.executable, "-m", "misfin_tui"]


def prepare(root: Path, messages: int) -> Profile:
    """A profile with one identity, a mailbox, and an index over it; one that is there already is used."""
    profile = profile_at(root)
    if not profile.config.exists():
        command = [*ours(), "--profile", str(root), "identity", "new", ACCOUNT]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        make(profile.mail, messages)
        deliver(profile, MARK.decode(), END + 1000)
    profile.config.write_text("[receive]\nenabled = false\n")
    for path in profile.root.glob("outbox.db*"):
        path.unlink()
    with MailIndex(profile.index_db, profile.mail) as index:
        index.scan()
    return profile


# ---- the first screen


def take_picture(profile: Profile) -> None:
    places = (profile.root, profile.cache, profile.runtime, *SIZE)
    command = [sys.executable, "-m", "misfin_tui.app.still", *map(str, places)]
    subprocess.run(command, check=True, env={**os.environ, **environment(profile)})


def neomutt(profile: Profile) -> list[str]:
    cache = profile.root / "neomutt"
    cache.mkdir(exist_ok=True)
    settings = cache.with_suffix(".rc")
    settings.write_text(f'set header_cache="{cache}"\nset sort=reverse-date\nset folder="{profile.root}"\n')
    return ["neomutt", "-n", "-F", str(settings), "-f", str(MailStore(profile.mail).folder(ACCOUNT).path)]


def frame(command: list[str], profile: Profile) -> float:
    terminal = Terminal(command, environment(profile))
    try:
        return terminal.wait_for(MARK) * 1000
    finally:
        terminal.end()


def first_screens(profiles: dict[int, Profile], rounds: int) -> None:
    """Interleaved, so that a busy moment of the machine hits all alike."""
    runs: dict[str, Callable[[], float]] = {
        "bare": lambda: frame([sys.executable, "-c", BARE], profiles[FEW])
    }
    for messages, profile in profiles.items():

        def drawn(profile: Profile = profile) -> float:
            Picture(profile).drop()
            return frame(ours(), profile)

        def painted(profile: Profile = profile) -> float:
            take_picture(profile)
            return frame(ours(), profile)

        runs[f"drawn {messages}"] = drawn
        runs[f"painted {messages}"] = painted
        if shutil.which("neomutt") and messages != FEW:
            runs[f"neomutt {messages}"] = lambda profile=profile: frame(neomutt(profile), profile)  # type: ignore[misc]
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(run())
    median = {name: statistics.median(values) for name, values in times.items()}
    bare = median["bare"]
    figure("a bare Textual app", bare, "ms")
    for messages in profiles:
        painted_ms, drawn_ms = median[f"painted {messages}"], median[f"drawn {messages}"]
        figure(f"first screen, {messages:,} messages", painted_ms, "ms", note="the picture of it")
        figure(f"  drawn by the program, {messages:,}", drawn_ms, "ms")
        figure("    against a bare Textual app", drawn_ms / bare, "x", 1.5)
        if (other := median.get(f"neomutt {messages}")) is not None:
            figure(f"  neomutt, header cache, {messages:,}", other, "ms")
            goal = 0.5 if messages == MANY else 1.0
            figure("    first screen against neomutt", painted_ms / other, "x", goal)
            figure("    drawn against neomutt", drawn_ms / other, "x")
    figure(
        "drawn, 100,000 against 1,000 messages", median[f"drawn {MANY}"] / median[f"drawn {FEW}"], "x", 1.1
    )


# ---- the first run


def building(profile: Profile) -> None:
    """The app started without an index, as after a first sync: until every message is in, and a little on."""
    with MailIndex(profile.index_db, profile.mail) as index:
        messages = sum(folder.total for folder in index.folders())
    shutil.rmtree(profile.cache)
    for path in profile.root.glob("contacts.db*"):
        path.unlink()
    terminal = Terminal(ours(), environment(profile))
    try:
        figure("first screen without an index", terminal.wait_for(MARK) * 1000, "ms")
        with MailIndex(profile.index_db, profile.mail) as index:
            while sum(folder.total for folder in index.folders()) < messages:
                if time.perf_counter() - terminal.started > A_BUILD:
                    raise TimeoutError("the index is not whole")
                terminal.settle(0.1)
                time.sleep(0.1)
        spent = time.perf_counter() - terminal.started
        figure("whole index, with the app open", messages / spent, "/s", note=f"{spent:.1f} s")
        for _ in range(20):  # meanwhile people are learnt from the messages
            terminal.settle()
            time.sleep(0.5)
        figure("memory of the first run", terminal.memory() * 1.048576, "MB", 90.0, "most of the whole build")
    finally:
        terminal.end()


# ---- keys


def keys(profile: Profile) -> None:
    """From a key to the first byte of the answer: moving, paging, and the same while much goes on."""
    with SlowHost() as port:
        profile.config.write_text(
            f'[receive]\nenabled = false\n[hosts."{SLOW_HOST}"]\nconnect = "127.0.0.1:{port}"\n'
        )
        done = threading.Event()
        pouring = threading.Thread(target=pour, args=(profile, done))
        terminal = Terminal(ours(), environment(profile))
        try:
            terminal.wait_for(MARK)
            time.sleep(2.0)
            terminal.settle()
            for name, key in (("j", b"j"), ("page down", b"\x1b[6~"), ("k", b"k"), ("page up", b"\x1b[5~")):
                broadcast(name, pressed(terminal, key), median=None if "page" in name else 6.0, p95=15.0)
            for _ in range(SENDS):
                queue_a_message(profile)
            figure("memory", terminal.memory() * 1.048576, "MB", 90.0, "most so far")
            pouring.start()
            time.sleep(1.0)
            broadcast(
                f"j, {ARRIVALS} messages a second, sending", pressed(terminal, b"j"), median=6.0, p99=50.0
            )
            figure("memory with mail pouring in", terminal.memory() * 1.048576, "MB", 90.0, "most")
        finally:
            done.set()
            terminal.end()
            if pouring.ident:
                pouring.join()


class SlowHost:
    """A host that takes connections and never answers: what is sent there stays under way."""

    def __enter__(self) -> int:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def queue_a_message(profile: Profile) -> None:
    words = ("send", "--queue", "--body", "Hello.", f"bob@{SLOW_HOST}")
    command = [*ours(), "--profile", str(profile.root), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def pressed(terminal: Terminal, key: bytes) -> list[float]:
    times = []
    for _ in range(KEYS):
        times.append(terminal.key(key))
        time.sleep(BETWEEN)
    return times


def broadcast(
    what: str,
    seconds: list[float],
    *,
    median: float | None,
    p95: float | None = None,
    p99: float | None = None,
) -> None:
    times = sorted(second * 1000 for second in seconds)
    figure(f"{what}: median", statistics.median(times), "ms", median)
    figure(f"{what}: p95", times[int(len(times) * 0.95)], "ms", p95)
    figure(f"{what}: p99", times[int(len(times) * 0.99)], "ms", p99, f"most {times[-1]:.1f}")


def pour(profile: Profile, done: threading.Event) -> None:
    """Deliver messages as the receiver does, and take them away again in the end."""
    inbox = MailStore(profile.mail).folder(ACCOUNT).path / "new"
    before, number = set(inbox.iterdir()), 0
    while not done.wait(1 / ARRIVALS):
        number += 1
        deliver(profile, f"poured {number}", END + 2000 + number)
    for path in set(inbox.iterdir()) - before:
        path.unlink()


def deliver(profile: Profile, subject: str, date: float) -> None:
    message = (
        f"From: Bob <bob@hive.test>\nTo: {ACCOUNT}\nSubject: {subject}\nDate: {formatdate(date)}\n"
        f"Message-ID: <{date:.0f}.{time.time_ns()}@poured.test>\n\nHello.\n"
    )
    MailStore(profile.mail).folder(ACCOUNT).deliver(message.encode())


# ---- memory


def memory(profile: Profile) -> None:
    """The app with its receiver: once everything has started, and after some use."""
    if not Path("/proc/self/smaps_rollup").exists():
        print("  only Linux says what several processes hold together")
        return
    profile.config.write_text('[receive]\nlisten = ["127.0.0.1:0"]\n')
    terminal = Terminal(ours(), environment(profile))
    try:
        terminal.wait_for(MARK)
        held(terminal, "app and receiver, settled", SETTLED, 70.0)
        terminal.write(b"j" * 30 + b"\x1b[6~" * 20)
        terminal.settle()
        terminal.write(b"\r")  # a conversation
        held(terminal, "  scrolled, and with a conversation", 3.0, 70.0)
        terminal.write(b"\x1b")
        terminal.settle()
        terminal.write(b"c")
        terminal.settle()
        terminal.write(b"bob@hive.test\tSubject\tHello.")
        terminal.settle()
        terminal.write(b"\x1b")
        held(terminal, "  after the composer was closed", 6.0, 70.0)
    finally:
        terminal.end()


def held(
    terminal: Terminal,
    what: str,
    seconds: float,
    goal: float,
    names: Sequence[str] = ("app", "receiver"),
) -> None:
    """Wait a while, until the picture of the first screen is drawn and nothing is working; then measure.

    ``names`` are those of the processes in the order in which they are started.
    """
    begun = time.perf_counter()
    while (
        time.perf_counter() - begun < seconds or len(terminal.processes()) != len(names) or terminal.works()
    ):
        if time.perf_counter() - begun > A_BUILD:
            raise TimeoutError("it does not settle")
        terminal.settle()
        time.sleep(0.1)
    pids = sorted(terminal.processes())
    shares = [_pss(pid) for pid in pids]
    pss = f"pss {sum(shares):.1f}: {_listed(names, shares)}"
    if (pages := held_by(pids)) is None:
        figure(what, sum(shares), "MB", goal, f"{pss}; less beside other Pythons: root counts pages")
        return
    alone = f"{_listed([f'{name} alone' for name in names], pages.alone)}, shared {pages.shared:.1f}"
    figure(what, pages.together, "MB", goal, f"{alone}; {pss}")


def _listed(names: Sequence[str], megabytes: Sequence[float]) -> str:
    return ", ".join(f"{name} {each:.1f}" for name, each in zip(names, megabytes, strict=True))


# ---- writing and drawing


def typing(profile: Profile) -> None:
    """Keys into the middle of a draft of 16 KiB, with meter, autosave and preview at work."""
    for name, text in TEXTS.items():
        terminal = Terminal(ours(), environment(profile))
        try:
            terminal.wait_for(MARK)
            terminal.settle()
            for words in ("c", "bob@hive.test\t", "Subject\t", f"\x1b[200~{text}\x1b[201~", "\x1b[A" * 15):
                terminal.write(words.encode())
                terminal.settle()
            broadcast(f"16 KiB of {name}", pressed(terminal, b"x"), median=10.0)
        finally:
            terminal.end()


def drawing() -> None:
    """A message of the largest size, laid out for a window of 100 columns."""
    words = "The quick brown fox jumps over the lazy dog and sleeps in the garden. "
    texts = {
        "16 KiB of gemtext": ("# Title\n\n" + words * 4 + "\n\n=> gemini://x.test/ a link\n* item\n> quote\n")
        * 60,
        "16 KiB of one-message lines": "a\n" * 8192,
        "16 KiB in one word": "x" * 16384,
        "16 KiB of wide signs": "漢字かな" * 1365,
    }
    for name, text in texts.items():
        figure(name, best(lambda text=text: lay_out(text[:16384], 100)), "ms", 20.0)


def best(work: Callable[[], object], rounds: int = 9) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


def as_installed() -> None:
    """Compile the program, as installing does: a process that has to compile it keeps megabytes of memory."""
    for package in (misfin, misfin_tui):
        compileall.compile_dir(Path(package.__file__).parent, quiet=1)


def main(parts: list[str], folder: Path, rounds: int) -> None:
    as_installed()
    if "first" in parts:
        profiles = {messages: prepare(folder / str(messages), messages) for messages in (FEW, SOME, MANY)}
        print(f"first screen, {SIZE[0]}x{SIZE[1]}, median of {rounds}")
        first_screens(profiles, rounds)
    if "building" in parts:
        profile = prepare(folder / str(MANY), MANY)
        print(f"a first run, {MANY:,} messages")
        building(profile)
    if "keys" in parts:
        profile = prepare(folder / str(MANY), MANY)
        print(f"key to paint, {MANY:,} messages")
        keys(profile)
    if "memory" in parts:
        profile = prepare(folder / str(MANY), MANY)
        print(f"memory, {MANY:,} messages")
        memory(profile)
    if "typing" in parts:
        profile = prepare(folder / str(FEW), FEW)
        print("key to paint in the composer")
        typing(profile)
    if "drawing" in parts:
        print("a message laid out")
        drawing()
    missed()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--keep", type=Path, help="a folder for the mailboxes, to be used again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-app-") as temporary:
        main(given.parts or list(PARTS), given.keep or Path(temporary), given.rounds)
