"""An hour of ``misfin-tui fetch --follow`` on a bad line: how late everything arrives, and what it costs.

``python tests/endurance/follow.py [--minutes 60] [--idle] [--every 60] [--report FILE]``: a Dovecot, the
program behind a proxy, and every minute a message by LMTP and changes of flags on both sides. Meanwhile the
line is cut, reset and goes silent, the server ends sessions, restarts and is away, the program is stopped and
continued, and its clock jumps (with libfaketime, where that is installed). ``--idle``: the server has no
NOTIFY. Run by hand, as root.

At the end every message must be on both sides once, with the flags that either side gave it. The delay of
a message counts from the server's acceptance until it is in the Maildir, that of a flag until the file on the
other side has it; "while" names what was wrong in between, or in the minute before.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import dovecot
from lines import BadLine
from mailflow import MailFlow
from mailprofile import make_mail_profile

_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_WITHOUT_NOTIFY = (
    "imap_capability = IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE UIDPLUS LIST-EXTENDED LIST-STATUS"
    " CONDSTORE QRESYNC ESEARCH MOVE SPECIAL-USE NAMESPACE UNSELECT BINARY\n"
)


@dataclass
class Follower:
    """The program under test, its clock and what it says."""

    process: subprocess.Popen[bytes]
    clock: Path | None
    said: list[tuple[float, str]] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append((time.monotonic(), line.decode(errors="replace").strip()))

    def pause(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def jump(self, seconds: int) -> None:
        if self.clock is not None:
            fresh = self.clock.with_suffix(".new")
            fresh.write_text(f"{seconds:+d}\n")
            fresh.replace(self.clock)

    def costs(self) -> dict[str, float]:
        """Memory in MB, processor time in seconds, open files and threads."""
        folder = Path(f"/proc/{self.process.pid}")
        rollup = (folder / "smaps_rollup").read_text()
        used = {name: int(size) / 1000 for name, size in re.findall(r"(?m)^(Pss|Rss):\s+(\d+)", rollup)}
        times = (folder / "stat").read_text().rpartition(")")[2].split()
        return {
            "pss": used["Pss"],
            "rss": used["Rss"],
            "cpu": (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"),
            "files": len(list((folder / "fd").iterdir())),
            "threads": len(list((folder / "task").iterdir())),
        }


class Trouble:
    """What is done to the line, the server and the program, one after another."""

    def __init__(self, server: dovecot.Dovecot, line: BadLine, follower: Follower) -> None:
        self._server, self._line, self._follower = server, line, follower
        self._offset = 0
        self.log: list[tuple[float, float, str]] = []
        """From when to when something was wrong, and what."""

    def plan(self) -> list[tuple[str, Callable[[], object]]]:
        follower, line = self._follower, self._line
        return [
            ("the line is cut", line.cut),
            ("the line is reset", line.reset),
            ("the server ends the session", self._kick),
            ("the server restarts", lambda: self._away(3)),
            ("stopped for 75 s", lambda: follower.pause(75)),
            ("asleep: stopped for 20 s, the clock goes on for an hour", lambda: self._sleep(20, 3600)),
            ("the line goes silent for good", line.silence),
            ("the line is reset twice, the second time while it connects", self._reset_twice),
            ("the clock is put back 50 minutes", lambda: self._jump(-3000)),
            ("the server is away for 90 s", lambda: self._away(90)),
            ("asleep, and the line is silent when it wakes", self._sleep_and_silence),
            ("the clock is put forward 2 hours", lambda: self._jump(7200)),
            ("the line is held for 40 s", lambda: line.hold(40)),
            ("the clock is 3 days slow for 60 s, and the line is cut", self._clock_too_slow),
            ("the line goes silent for good, again", line.silence),
        ]

    def run(self, seconds: float, stop: threading.Event) -> None:
        """All of it, evenly spread."""
        steps = self.plan()
        if self._follower.clock is None:
            steps = [step for step in steps if "clock" not in step[0]]
        gap = seconds / (len(steps) + 1)
        for number, (what, act) in enumerate(steps, 1):
            if stop.wait(max(0.0, number * gap - (time.monotonic() - self._began))):
                return
            began = time.monotonic()
            print(f"{(began - self._began) / 60:5.1f} min: {what}", flush=True)
            act()
            self.log.append((began, time.monotonic(), what))

    def begin(self) -> None:
        self._began = time.monotonic()

    def _kick(self) -> None:
        config = str(self._server.base / "dovecot.conf")
        subprocess.run(["doveadm", "-c", config, "kick", dovecot.USER], check=False, capture_output=True)

    def _away(self, seconds: float) -> None:
        self._server.stop()
        time.sleep(seconds)
        self._server.start()

    def _jump(self, seconds: int) -> None:
        self._offset += seconds
        self._follower.jump(self._offset)

    def _reset_twice(self) -> None:
        self._line.reset()
        time.sleep(1.05)
        self._line.reset()

    def _clock_too_slow(self) -> None:
        """The server's certificate is not valid yet."""
        self._jump(-3 * 86400)
        time.sleep(5)
        self._line.cut()
        time.sleep(55)
        self._jump(3 * 86400)

    def _sleep(self, seconds: float, slept: int) -> None:
        self._follower.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._jump(slept)
        self._follower.process.send_signal(signal.SIGCONT)

    def _sleep_and_silence(self) -> None:
        self._follower.process.send_signal(signal.SIGSTOP)
        self._line.silence()
        time.sleep(20)
        self._jump(1800)
        self._follower.process.send_signal(signal.SIGCONT)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two messages")
    parser.add_argument("--idle", action="store_true", help="the server has no NOTIFY")
    parser.add_argument("--report", type=Path, help="also write what was measured, as JSON")
    options = parser.parse_args()
    if reason := dovecot.why_not(lmtp=True):
        print(f"not run: {reason}")
        return 0
    with (
        tempfile.TemporaryDirectory(prefix="misfin-endurance-") as name,
        dovecot.running(lmtp=True, more=_WITHOUT_NOTIFY if options.idle else "") as server,
        BadLine(server.imaps) as line,
    ):
        return _measure(Path(name), server, line, options)


def _measure(folder: Path, server: dovecot.Dovecot, line: BadLine, options: argparse.Namespace) -> int:
    lines = f'imap = "imaps://ada@localhost:{line.port}"\n'
    made = make_mail_profile(
        folder, "smtps://ada@localhost:1", password=dovecot.PASSWORD, ca_file=server.cert, more=lines
    )
    clock = folder / "clock" if _FAKETIME.exists() else None
    environment = dict(made.environment)
    if clock is not None:
        clock.write_text("+0\n")
        environment |= {
            "LD_PRELOAD": str(_FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "NO_FAKE_STAT": "1",
        }
    else:
        print("libfaketime is not installed: the clock does not jump")
    process = subprocess.Popen(
        [made.bin / "misfin-tui", "fetch", "--follow"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    follower = Follower(process, clock)
    threading.Thread(target=follower.listen, daemon=True).start()
    mail = MailFlow(
        *(server.base / "lmtp", made.root / "mail" / "work", server.base / "mail" / dovecot.USER),
        *(server.imap, dovecot.USER, dovecot.PASSWORD),
    )
    stop = threading.Event()
    trouble = Trouble(server, line, follower)
    costs: list[dict[str, float]] = []
    try:
        threading.Thread(target=mail.watch, args=(stop,), daemon=True).start()
        mail.send(0)
        _until(lambda: 0 in mail.came, 60)
        time.sleep(10)  # memory is tidied two seconds after the last change
        trouble.begin()
        began = time.monotonic()
        costs.append(follower.costs())
        worker = threading.Thread(target=trouble.run, args=(options.minutes * 60, stop), daemon=True)
        worker.start()
        number = 0
        while time.monotonic() - began < options.minutes * 60 and process.poll() is None:
            number += 1
            mail.send(number)
            time.sleep(options.every / 4)
            mail.change_flags(number)
            time.sleep(max(0.0, began + number * options.every - time.monotonic()))
            costs.append(follower.costs())
        worker.join(200)
        _until(lambda: mail.settled, 400)
        time.sleep(10)
        costs.append(follower.costs())
    finally:
        stop.set()
        process.terminate()
        process.wait(30)
    return _report(mail, trouble, costs, follower, began, options)


def _until(there: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not there() and time.monotonic() < ends:
        time.sleep(0.1)


def _report(
    mail: MailFlow,
    trouble: Trouble,
    costs: list[dict[str, float]],
    follower: Follower,
    began: float,
    options: argparse.Namespace,
) -> int:
    calm: dict[str, list[float]] = {}
    for what, sent, came in sorted(_arrivals(mail), key=lambda each: each[1]):
        wrong = [said for start, end, said in trouble.log if start <= (came or 1e18) and end >= sent - 60]
        if came is not None and not wrong:
            calm.setdefault(what.partition(":")[0], []).append(came - sent)
        if wrong or came is None:
            shown = "LOST" if came is None else f"{came - sent:7.2f} s"
            print(f"{what} at {(sent - began) / 60:5.1f} min: {shown}, while {'; '.join(wrong)}")
    for what, delays in calm.items():
        delays.sort()
        median = delays[len(delays) // 2]
        print(f"undisturbed, {what}: {len(delays)}, median {median:.2f} s, longest {delays[-1]:.2f} s")
    faults = mail.faults()
    print(
        f"{len(mail.sent)} messages, {len(mail.flagged)} changes of flags, {len(faults)} faults",
        *faults,
        sep="\n  ",
    )
    for name, unit in {"pss": "MB", "rss": "MB", "files": "", "threads": "", "cpu": "s"}.items():
        print(
            f"{name}: {costs[0][name]:.1f} {unit} at the beginning, {costs[-1][name]:.1f} {unit} at the end"
        )
    print("it said:")
    for at, sentence in follower.said:
        print(f"  {(at - began) / 60:5.2f} min {sentence}")
    if options.report:
        options.report.write_text(
            json.dumps(
                {
                    "sent": mail.sent,
                    "came": mail.came,
                    "flagged": [[*dataclasses.astuple(change), at] for change, at in mail.flagged],
                    "trouble": trouble.log,
                    "costs": costs,
                    "said": follower.said,
                    "began": began,
                }
            )
        )
    return 1 if faults or not mail.settled else 0


def _arrivals(mail: MailFlow) -> list[tuple[str, float, float | None]]:
    """What was sent or flagged, when, and when the other side had it."""
    flags = [
        (
            f"flag {'from here' if change.here else 'from there'}: {change.flag} of {change.number}",
            change.at,
            at,
        )
        for change, at in mail.flagged
    ]
    return [
        *((f"message: {number}", at, mail.came.get(number)) for number, at in mail.sent.items()),
        *flags,
    ]


if __name__ == "__main__":
    sys.exit(main())
