"""The app in a real terminal: first frame against a bare Textual app, keys to paint, a letter drawn.

Everything runs in a pseudo terminal as a person would run it; times are of this machine, so the ratios count.
``python tests/benchmarks/bench_app.py [LETTERS] [ROUNDS]``
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

from make_mailbox import ACCOUNT, END, make

from misfin.store.index import MailIndex
from misfin.store.maildir import MailStore
from misfin_tui.paths import Profile, profile_at
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
KEYS = 60
ARRIVALS = 50  # letters per second while keys are measured under load
ENOUGH = 60.0  # seconds after which a program that shows nothing is given up


class Terminal:
    """A program in a pseudo terminal; what it draws is read all the time, as a terminal does."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.started = time.perf_counter()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir("/")
            os.execvpe(command[0], command, {**os.environ, **environment})
        columns, lines = SIZE
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for(self, mark: bytes) -> float:
        """Seconds from the start until ``mark`` was drawn."""
        seen = b""
        while mark not in seen:
            if time.perf_counter() - self.started > ENOUGH:
                raise TimeoutError(seen[-2000:])
            seen = seen[-len(mark) :] + self._read(1.0)
        return time.perf_counter() - self.started

    def settle(self, quiet: float = 0.6) -> None:
        """Read until nothing was drawn for a while."""
        while self._read(quiet):
            pass

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


def environment(profile: Profile) -> dict[str, str]:
    return {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "MISFIN_TUI_HOME": str(profile.root),
    }


def ours() -> list[str]:
    return [sys.executable, "-m", "misfin_tui"]


def prepare(root: Path, letters: int) -> Profile:
    """A profile with one identity, a mailbox, and an index over it."""
    profile = profile_at(root)
    subprocess.run(
        [*ours(), "--profile", str(root), "identity", "new", ACCOUNT], check=True, stdout=subprocess.DEVNULL
    )
    profile.config.write_text("[receive]\nenabled = false\n")
    make(profile.mail, letters)
    deliver(profile, MARK.decode(), END + 1000)
    with MailIndex(profile.index_db, profile.mail) as index:
        index.scan()
    return profile


def frame(command: list[str], profile: Profile) -> float:
    terminal = Terminal(command, environment(profile))
    try:
        return terminal.wait_for(MARK) * 1000
    finally:
        terminal.end()


def first_frames(profile: Profile, rounds: int) -> None:
    """Interleaved, so that a busy moment of the machine hits all alike."""
    bare = [sys.executable, "-c", BARE]
    for command in (bare, ours()):
        frame(command, profile)
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(rounds):
        times["bare"].append(frame(bare, profile))
        times["ours"].append(frame(ours(), profile))
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"  a bare Textual app             {median['bare']:7.0f} ms")
    ratio = median["ours"] / median["bare"]
    print(f"  misfin-tui                     {median['ours']:7.0f} ms   {ratio:.2f} x bare")


def spread(what: str, seconds: list[float]) -> None:
    times = sorted(second * 1000 for second in seconds)
    print(
        f"  {what:30s} {statistics.median(times):7.1f} ms median, {times[int(len(times) * 0.95)]:.1f} p95,"
        f" {times[-1]:.1f} most"
    )


def keys(profile: Profile) -> None:
    """From a key to the first byte of the answer: moving, paging, and the same while mail pours in."""
    terminal = Terminal(ours(), environment(profile))
    try:
        terminal.wait_for(MARK)
        terminal.settle(1.5)
        spread("j", pressed(terminal, b"j"))
        spread("page down", pressed(terminal, b"\x1b[6~"))
        spread("k", pressed(terminal, b"k"))
        done = threading.Event()
        pouring = threading.Thread(target=pour, args=(profile, done))
        pouring.start()
        time.sleep(1.0)
        spread(f"j, {ARRIVALS} letters a second", pressed(terminal, b"j"))
        done.set()
        pouring.join()
        print(f"  peak memory                    {terminal.memory():7.1f} MB")
    finally:
        terminal.end()


def pressed(terminal: Terminal, key: bytes) -> list[float]:
    times = []
    for _ in range(KEYS):
        times.append(terminal.key(key))
        time.sleep(0.03)
    return times


def pour(profile: Profile, done: threading.Event) -> None:
    """Deliver letters as the receiver does."""
    number = 0
    while not done.wait(1 / ARRIVALS):
        number += 1
        deliver(profile, f"poured {number}", END + 2000 + number)


def deliver(profile: Profile, subject: str, date: float) -> None:
    letter = (
        f"From: Bob <bob@hive.test>\nTo: {ACCOUNT}\nSubject: {subject}\nDate: {formatdate(date)}\n"
        f"Message-ID: <{date:.0f}@poured.test>\n\nHello.\n"
    )
    MailStore(profile.mail).folder(ACCOUNT).deliver(letter.encode())


def drawing() -> None:
    """A letter of the largest size, laid out for a window of 100 columns."""
    words = "The quick brown fox jumps over the lazy dog and sleeps in the garden. "
    texts = {
        "16 KiB of gemtext": ("# Title\n\n" + words * 4 + "\n\n=> gemini://x.test/ a link\n* item\n> quote\n")
        * 60,
        "16 KiB of one-letter lines": "a\n" * 8192,
        "16 KiB in one word": "x" * 16384,
        "16 KiB of wide signs": "漢字かな" * 1365,
    }
    for name, text in texts.items():
        print(f"  {name:30s} {best(lambda text=text: lay_out(text[:16384], 100)):7.2f} ms")


def best(work: Callable[[], object], rounds: int = 9) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


def main(letters: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-app-") as folder:
        profile = prepare(Path(folder) / "profile", letters)
        print(f"first frame, {letters:,} letters, {SIZE[0]}x{SIZE[1]}, median of {rounds}")
        first_frames(profile, rounds)
        print(f"key to paint, {letters:,} letters")
        keys(profile)
    print("a letter laid out")
    drawing()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int(sys.argv[2]) if len(sys.argv) > 2 else 9)
