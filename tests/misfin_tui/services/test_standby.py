"""A process forked early: it becomes the receiver when it is taken, and never outlives the program."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from processes import alive, ends

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

TAKEN = """
import asyncio, json, os, sys
from pathlib import Path
from misfin_tui.services import standby

def work():
    print("ready", os.getsid(0) == os.getpid(), sorted(map(int, os.listdir("/proc/self/fd")))[:3], flush=True)
    how = sys.stdin.readline()
    if how == "break\\n":
        raise ValueError("it broke")
    while os.read(0, 100):
        pass
    return 7

async def use(how):
    taken = await standby.take(Path("/profile"))
    said = (await taken.stdout.readline()).decode()
    if how == "kill":
        taken.kill()
    elif how == "terminate":
        taken.terminate()
    elif how == "break":
        os.write(taken.stdin._handle, b"break\\n")
    else:
        taken.stdin.close()
    status = await taken.wait()
    errors = (await taken.stderr.read()).decode()
    try:
        taken.terminate()
    except ProcessLookupError:
        gone = True
    return said, status, errors, gone, await standby.take(Path("/profile")) is None

standby.split_off(Path("/profile"), work)
print(json.dumps(asyncio.run(use(sys.argv[1]))))
"""

UNUSED = """
import asyncio, sys, threading
from pathlib import Path
from misfin_tui.services import standby

if "thread" in sys.argv:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
standby.split_off(Path("/profile"), lambda: 0)
print(*(each.pid for each in standby._waiting))
assert asyncio.run(standby.take(Path("/other"))) is None
if "dismiss" in sys.argv:
    standby.dismiss()
    assert not standby._waiting
    print("dismissed")
"""


def run(script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *words], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


@pytest.mark.parametrize(("how", "status"), [("close", 7), ("kill", -9), ("terminate", -15), ("break", 1)])
def test_it_works_once_it_is_taken_and_says_how_it_ended(how, status):
    said, ended, errors, gone, taken = json.loads(run(TAKEN, how))
    assert said == "ready True [0, 1, 2]\n"
    assert ended == status
    assert ("ValueError: it broke" in errors) is (how == "break")
    assert gone
    assert taken


def test_a_process_that_nobody_takes_ends_with_the_program():
    assert ends(int(run(UNUSED)))


def test_a_process_that_is_not_needed_is_ended():
    pid, words = run(UNUSED, "dismiss").split()
    assert words == "dismissed"
    assert not alive(int(pid))


def test_a_program_with_threads_is_not_forked():
    assert run(UNUSED, "thread").split() == []
