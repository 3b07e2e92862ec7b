"""The lock of the one receiver of a profile, between real processes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading

import pytest

from misfin.errors import StoreError
from misfin.post.receiver_lock import NAME, AlreadyReceivingError, ReceiverLock, Running, running

HOLD = """
import sys
from pathlib import Path
from misfin.post.receiver_lock import ReceiverLock
ReceiverLock(Path(sys.argv[1])).note([("127.0.0.1", 1958), ("::1", 1958)])
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child.stdout.readline()
    yield child
    child.kill()
    child.communicate()


def test_nobody_receives_where_nobody_ever_did(tmp_path):
    assert running(tmp_path / "run") is None


def test_a_second_receiver_is_told_about_the_first(tmp_path, holder):
    assert running(tmp_path / "run") == Running(holder.pid, (("127.0.0.1", 1958), ("::1", 1958)))
    with pytest.raises(AlreadyReceivingError, match=str(holder.pid)) as caught:
        ReceiverLock(tmp_path / "run")
    assert caught.value.pid == holder.pid
    assert caught.value.remedy


def test_the_lock_goes_with_its_process_however_that_ends(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / "run" / NAME).read_bytes()  # the note is still there, and not believed
    assert running(tmp_path / "run") is None
    ReceiverLock(tmp_path / "run").release()


def test_leaving_makes_room_for_the_next(tmp_path):
    mine = ReceiverLock(tmp_path / "run")
    assert running(tmp_path / "run") == Running(os.getpid(), ())
    mine.release()
    mine.release()
    assert running(tmp_path / "run") is None
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_somebody_who_only_looks_is_no_receiver(tmp_path):
    ReceiverLock(tmp_path / "run").release()
    looking = os.open(tmp_path / "run" / NAME, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.03, os.close, [looking]).start()
    ReceiverLock(tmp_path / "run").release()


def test_an_unreadable_note_under_a_held_lock_is_still_a_receiver(tmp_path):
    mine = ReceiverLock(tmp_path / "run")
    (tmp_path / "run" / NAME).write_text("{")
    assert running(tmp_path / "run") == Running(0, ())
    mine.release()


def test_a_folder_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "run").write_text("a file in the way")
    with pytest.raises(StoreError, match="cannot be used"):
        ReceiverLock(tmp_path / "run")
    assert running(tmp_path / "run") is None
