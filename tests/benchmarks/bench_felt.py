"""How soon a key shows on the screen while mail pours in, with 100,000 messages.

``python tests/benchmarks/bench_felt.py [--keep FOLDER]``: in a pseudo-terminal, taking turns with a bare
list of Textual that has as many rows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench_app import (
    ARRIVALS,
    BETWEEN,
    MARK,
    Terminal,
    as_installed,
    environment,
    figure,
    missed,
    ours,
    pour,
    prepare,
)

from misfin_tui.paths import Profile

MESSAGES = 100_000
TURN, TURNS = 20, 15  # keys in a row, and how often each of two programs gets so many
BARE_LIST = f"""
import gc
from textual.app import App
from textual.widgets import OptionList
class Rows(OptionList):
    BINDINGS = [("j", "cursor_down", "")]
class Bare(App):
    def on_mount(self):
        gc.freeze()  # else searching them all for garbage is its slowest key, by far
    def compose(self):
        yield Rows(*(f"{MARK.decode()} {{n:6}}  Bob Example  a subject, words" for n in range(100_000)))
Bare().run()
"""
"""As many rows as the mailbox has messages, each of one line, and nothing beside them."""


def keys(profile: Profile) -> None:
    """The time of a key, taking turns with a bare list of Textual, while mail pours into our program.

    Processor time does not depend on what else the machine does; the time that a person waits does.
    """
    profile.config.write_text("[receive]\nenabled = false\n")
    done = threading.Event()
    pouring = threading.Thread(target=pour, args=(profile, done))
    terminals = [
        Terminal(ours(), environment(profile)),
        Terminal([sys.executable, "-c", BARE_LIST], environment(profile)),
    ]
    times: list[list[float]] = [[], []]
    worked: list[list[float]] = [[], []]
    try:
        for terminal in terminals:
            terminal.wait_for(MARK)
        for terminal in terminals:
            while terminal.works():
                terminal.settle()
        pouring.start()
        time.sleep(1.0)
        for turn in range(TURNS + 1):
            for terminal, waited, processor in zip(terminals, times, worked, strict=True):
                before = _nanoseconds(terminal.pid)
                seconds = [_paced(terminal) for _ in range(TURN)]
                if turn:  # the first warms both up
                    waited += [each * 1000 for each in seconds]
                    processor.append((_nanoseconds(terminal.pid) - before) / TURN / 1e6)
    finally:
        done.set()
        for terminal in terminals:
            terminal.end()
        if pouring.ident:
            pouring.join()
    for what, at in (("median", 0.5), ("p99", 0.99)):
        mine, bare = (sorted(each)[int(len(each) * at)] for each in times)
        figure(f"j, {ARRIVALS} messages a second: {what}", mine, "ms", note=f"a bare list {bare:.2f}")
        figure("  against a bare list", mine / bare, "x", 1.3)
    mine, bare = map(statistics.median, worked)
    figure("  processor time for a key", mine, "ms", note=f"a bare list {bare:.2f}, and no mail")


def _paced(terminal: Terminal) -> float:
    seconds = terminal.key(b"j")
    time.sleep(BETWEEN)
    return seconds


def _nanoseconds(pid: int) -> int:
    """Processor time of the main thread of a process, which is the one that answers keys."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])


def main(folder: Path) -> None:
    """Measure and print; nothing here can fail because a machine is slow."""
    as_installed()
    profile = prepare(folder / str(MESSAGES), MESSAGES)
    print(f"a key beside a bare list, {MESSAGES:,} messages")
    keys(profile)
    missed()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="a folder for the mailbox, to be used again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-felt-") as temporary:
        main(given.keep or Path(temporary))
