"""The receiver's process runs all day beside the program, so it loads nothing that it never uses."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import person

from misfin.store.identities import IdentityStore

PROC = Path("/proc/self/maps")


@contextmanager
def running(profile: Path, *before: str):
    IdentityStore(profile / "identities").save(person("ada@localhost Ada"))
    command = [sys.executable, *before, "-m", "misfin_tui", "--profile", str(profile)]
    process = subprocess.Popen(
        [*command, "receive", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Receiving on ")
        yield process
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.skipif(not PROC.exists(), reason="only Linux says what a process has loaded")
def test_it_does_not_load_a_second_openssl(tmp_path):
    with running(tmp_path / "profile") as process:
        loaded = {
            Path(line.split()[-1]).name for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines()
        }
    assert any(name.startswith("_rust") for name in loaded)
    assert not {name for name in loaded if name.startswith(("_ssl.", "libssl."))}


def test_it_imports_neither_the_screen_nor_the_index(tmp_path):
    with running(tmp_path / "profile", "-X", "importtime") as process:
        process.terminate()
        _, report = process.communicate()
    imported = {line.rpartition("|")[2].strip() for line in report.splitlines()}
    assert "misfin.net.receiver" in imported
    for never in ("textual", "rich", "misfin.store.index", "misfin.post.courier", "difflib", "_ssl"):
        assert not any(name == never or name.startswith(f"{never}.") for name in imported), never
