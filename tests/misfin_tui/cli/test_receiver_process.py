"""The receiver's process runs all day beside the program, so it loads nothing that it never uses."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import person

from misfin.store.identities import IdentityStore

PROC = Path("/proc/self/maps")


@contextmanager
def running(profile: Path, *before: str):
    if not (profile / "identities").exists():
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


def loaded_by(process) -> set[str]:
    return {
        Path(line.split()[-1]).name for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines()
    }


def openssl_in(loaded: set[str]) -> set[str]:
    return {
        name for name in loaded if name.startswith(("_rust", "_ssl.", "libssl.", "_hashlib.", "libcrypto."))
    }


@pytest.mark.skipif(not PROC.exists(), reason="only Linux says what a process has loaded")
def test_it_loads_no_openssl_until_somebody_connects(tmp_path):
    profile = tmp_path / "profile"
    IdentityStore(profile / "identities", profile / "cache" / "identities.json").save(
        person("ada@localhost Ada")
    )
    with running(profile) as process:
        assert openssl_in(loaded_by(process)) == set()
        (note,) = (profile / "run").glob("*")
        port = int(re.search(r"127\.0\.0\.1\W+(\d+)", note.read_text())[1])
        with socket.create_connection(("127.0.0.1", port)):
            ends = time.monotonic() + 30
            while not openssl_in(loaded_by(process)) and time.monotonic() < ends:
                time.sleep(0.02)
        assert any(name.startswith("_rust") for name in loaded_by(process))


@pytest.mark.skipif(not PROC.exists(), reason="only Linux says what a process has loaded")
def test_it_does_not_load_a_second_openssl(tmp_path):
    with running(tmp_path / "profile") as process:
        loaded = loaded_by(process)
    assert any(name.startswith("_rust") for name in loaded)
    assert {name for name in openssl_in(loaded) if not name.startswith("_rust")} == set()


def test_it_imports_neither_the_screen_nor_the_index(tmp_path):
    with running(tmp_path / "profile", "-X", "importtime") as process:
        process.terminate()
        _, report = process.communicate()
    imported = {line.rpartition("|")[2].strip() for line in report.splitlines()}
    assert "misfin.net.receiver" in imported
    for never in ("textual", "rich", "misfin.store.index", "misfin.post.courier", "difflib", "_ssl"):
        assert not any(name == never or name.startswith(f"{never}.") for name in imported), never
