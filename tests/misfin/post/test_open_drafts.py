"""Accounts with an open draft, as one process notes them and another one reads them."""

from __future__ import annotations

import subprocess
import sys

from misfin.post.open_drafts import PROCESSES, OpenDrafts, quiet_folders

HOLDER = """
import sys
from pathlib import Path
from misfin.post.open_drafts import OpenDrafts
drafts = OpenDrafts(Path(sys.argv[1]))
drafts.set(["work"])
print("open", flush=True)
sys.stdin.read()
"""


def test_drafts_are_quiet_from_the_first_composer_to_the_last(tmp_path):
    drafts = OpenDrafts(tmp_path)
    assert quiet_folders(tmp_path, "work") == ()
    drafts.set(["work"])
    assert quiet_folders(tmp_path, "work") == ("Drafts",)
    assert quiet_folders(tmp_path, "home") == ()
    drafts.set(["work", "home"])
    drafts.set(["home"])
    assert (quiet_folders(tmp_path, "work"), quiet_folders(tmp_path, "home")) == ((), ("Drafts",))
    drafts.set([])
    assert quiet_folders(tmp_path, "home") == ()


def test_composers_of_several_programs_are_known(tmp_path):
    mine, others = OpenDrafts(tmp_path), [OpenDrafts(tmp_path) for _ in range(PROCESSES)]
    mine.set(["work"])
    for number, each in enumerate(others):
        each.set([f"a{number}"])
    assert quiet_folders(tmp_path, "work") == quiet_folders(tmp_path, "a6") == ("Drafts",)
    assert quiet_folders(tmp_path, "a7") == ()  # one more than can be told apart: sync goes on as usual


def test_nobody_waits_for_a_composer_that_was_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"open\n"
        assert quiet_folders(tmp_path, "work") == ("Drafts",)
        process.kill()
        process.wait()
    assert quiet_folders(tmp_path, "work") == ()
