"""Bytes per key press over a slow line: the app on a terminal of 80x24, beside the linear mode.

``python tests/benchmarks/bench_serial.py``: bytes, and how long a line of 9,600 baud takes for them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "helpers"))

from keybytes import furnish, measured
from plainlines import acting

from terminal import Terminal, program

BYTES_A_SECOND = 960
"""Of a line of 9,600 baud: eight bits, a start bit and a stop bit."""


def line(what: str, mean: float, most: int) -> None:
    """One line of the table."""
    print(f"  {what:24s} {mean:9.0f} {most:9d} bytes {mean / BYTES_A_SECOND:8.2f} s", flush=True)


def linear(root: Path) -> None:
    """The same in plain lines."""
    profile = furnish(root / "profile")
    own = {"HOME": str(root), "TERM": "dumb"}
    terminal = Terminal(*program("--profile", str(profile.root), "--linear"), size=(80, 24), environ=own)
    try:
        terminal.until("Inbox>")
        line("start and list", len(terminal.written), len(terminal.written))
        for what, keys, done in (
            ("no more pages", "pages off\r", "Nothing waits."),
            ("read a message", "1\r", "End of message."),
            ("next message", "n\r", "End of message."),
            ("type a character", "x", "x"),
        ):
            terminal.settle(0.5)
            before = len(terminal.written)
            terminal.send(keys)
            terminal.until(lambda: done.encode() in terminal.written[before:])  # noqa: B023 - asked at once
            terminal.settle(0.5)
            line(what, len(terminal.written) - before, len(terminal.written) - before)
        assert not acting(terminal.written, "\r\n\b")
    finally:
        terminal.end()


def main() -> None:
    """Print both."""
    for title, environ in (("app", {}), ("app, NO_COLOR", {"NO_COLOR": "1"})):
        print(f" {title:25s}      mean      most       at 9,600 baud")
        with tempfile.TemporaryDirectory() as folder:
            for each in measured(Path(folder), **environ):
                line(each.what, each.mean, each.most)
    print(" linear")
    with tempfile.TemporaryDirectory() as folder:
        linear(Path(folder))


if __name__ == "__main__":
    main()
