"""The demo leaves nothing behind, however it ends."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from misfin_tui.demo.throwaway import throwaway_folder

PATIENCE = 60.0
HOLD = """
import sys, time
from misfin_tui.demo.throwaway import throwaway_folder
with throwaway_folder("misfin-test-") as folder:
    (folder / "deep" / "er").mkdir(parents=True)
    print("made", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, as the commands see it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def left(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name.startswith("misfin-")]


def until_gone(folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while left(folder):
        assert time.monotonic() < end, left(folder)
        time.sleep(0.1)


def test_it_is_private_and_goes_at_the_end(temporary: Path) -> None:
    before = os.umask(0)
    try:
        with throwaway_folder("misfin-test-") as folder:
            assert folder.parent == temporary
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "file").touch()
    finally:
        os.umask(before)
    assert left(temporary) == []


@pytest.mark.parametrize("name", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_it_goes_with_a_process_that_a_signal_ends(temporary: Path, name: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"made\n"
        assert len(left(temporary)) == 1
        child.send_signal(name)
    until_gone(temporary)


def test_what_is_still_written_at_the_end_goes_too(temporary: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        (name,) = left(temporary)
        child.kill()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        with contextlib.suppress(FileExistsError, FileNotFoundError):  # it is removed at just this moment
            (temporary / name / "late").mkdir(parents=True, exist_ok=True)
        time.sleep(0.05)
    until_gone(temporary)
    time.sleep(0.5)
    assert left(temporary) == []


@pytest.mark.parametrize("early", [False, True], ids=["when it stands", "while it is made"])
def test_a_demo_whose_terminal_is_closed_leaves_nothing(temporary: Path, early: bool) -> None:
    pid, fd = pty.fork()
    if pid == 0:
        os.environ |= {
            "TERM": "xterm-256color",
            "TEXTUAL_ANIMATIONS": "none",
            "COLUMNS": "100",
            "LINES": "30",
        }
        os.execv(sys.executable, [sys.executable, "-m", "misfin_tui", "demo"])
    said = ""
    end = time.monotonic() + PATIENCE
    while not left(temporary) if early else "Compose" not in said:
        assert time.monotonic() < end, said[-2000:]
        if select.select([fd], [], [], 0.02)[0]:
            said += os.read(fd, 65536).decode("utf-8", "replace")
    assert len(left(temporary)) == 1
    os.close(fd)  # the window is closed: the system sends SIGHUP
    os.waitpid(pid, 0)
    until_gone(temporary)
    time.sleep(1)
    assert left(temporary) == []
