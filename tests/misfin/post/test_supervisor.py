"""Processes that are started, started again and ended: by signals to them, and to whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from processes import alive, children, ends

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several processes receive on Linux only")

# Each says its number and process, and then does what the first argument says, until it has to end.
PROGRAM = """
import os, select, signal, sys
from misfin.post.supervisor import Supervisor
import misfin.post.supervisor as supervisor
supervisor._FIRST_PAUSE, supervisor._LONGEST_PAUSE, supervisor._PATIENCE = 0.01, 0.05, float(sys.argv[3])
how, count = sys.argv[1], int(sys.argv[2])

def work(part):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if how == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if how == "never" and part.number == 0:
        return 7
    if how == "final" and part.again:
        return 2
    os.write(1, b"%d %d %d\\n" % (part.number, part.again, os.getpid()))
    part.ready()
    try:
        select.select([part.lifeline], [], [])
    except SystemExit:
        pass
    return 0

def ended(number, cpu, again):
    os.write(1, b"ended %d %d\\n" % (number, again))

sys.exit(Supervisor(count, work, ended, final=(2,)).run())
"""


@contextmanager
def supervised(how: str = "", count: int = 3, patience: float = 60.0):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how, str(count), str(patience)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def started(process, count: int = 3) -> dict[int, int]:
    """The processes by number, once so many have said that they are there."""
    found = {}
    while len(found) < count:
        line = process.stdout.readline()
        assert line, process.communicate()
        if not line.startswith(b"ended"):
            number, _, pid = map(int, line.split())
            found[number] = pid
    return found


def test_all_run_and_end_together():
    with supervised() as process:
        pids = started(process)
        assert sorted(pids) == [0, 1, 2]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert not any(map(alive, pids.values()))


def test_the_first_goes_ahead():
    with supervised() as process:
        assert process.stdout.readline().startswith(b"0 0 ")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_ends_is_started_again_and_the_others_stay(number):
    with supervised() as process:
        pids = started(process)
        for _ in range(3):
            os.kill(pids[1], number)
            (again,) = started(process, 1).items()
            assert again[0] == 1
            pids[1] = again[1]
        assert sorted(children(process.pid)) == sorted(pids.values())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_all_end_when_the_one_that_started_them_is_killed():
    with supervised() as process:
        pids = started(process)
        process.kill()
        assert all(ends(pid) for pid in pids.values())


def test_where_the_first_never_gets_ready_nothing_runs():
    with supervised("never") as process:
        assert process.wait(60) == 7
        assert process.stdout.read() == b"ended 0 0\n"


def test_what_another_start_would_not_change_ends_all():
    with supervised("final") as process:
        pids = started(process)
        os.kill(pids[2], signal.SIGKILL)
        assert process.wait(60) == 2
        assert not any(map(alive, pids.values()))


def test_one_that_does_not_end_is_killed():
    with supervised("stubborn", patience=0.2) as process:
        pids = started(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert not any(map(alive, pids.values()))
        assert b"those that are left are killed" in process.stderr.read()
