"""The library guide does what it says: its scripts run in order and print what it shows."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from freeports import free_port

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "docs/examples/headless_receiver.py"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = "1959"


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text("utf-8"))


def outcome_of(script: str) -> str:
    """What a script prints; it runs as ``__main__`` would, without a process of its own."""
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(script, "<guide>", "exec"), {"__name__": "__main__"})
    return printed.getvalue()


@contextmanager
def guest_book(port: str):
    """The server of docs/library.md §3, with Bob's files as they are now."""
    Path("bob-both.pem").write_bytes(Path("bob.pem").read_bytes() + Path("bob.key").read_bytes())
    command = [sys.executable, SERVER, "bob-both.pem", "guestbook.gmi", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert "listening" in server.stdout.readline()
            yield
        finally:
            server.terminate()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asyncio.set_event_loop(None)  # the scripts call asyncio.run()
    return tmp_path


def test_the_scripts_of_the_library_guide_run_and_print_what_it_says(folder):
    port = str(free_port())
    parts = [(kind, text.replace(PORT, port)) for kind, text in blocks(ROOT / "docs/library.md")]
    steps = [(text, shown) for (kind, text), shown in pairwise(parts) if kind == "python"]
    assert len(steps) >= 8
    (make_identities, (_, made)), *rest = steps
    assert outcome_of(make_identities) == made
    with guest_book(port):
        for script, (kind, shown) in rest:
            if "except CertificateChangedError" in script:
                assert outcome_of(script) == shown
                trust_script = script
                break
            assert (kind, outcome_of(script)) == ("text", shown)
    outcome_of(make_identities)  # Bob gets another key, as the guide suggests trying
    other_branch = parts[parts.index(("python", trust_script)) + 2][1]
    later = rest[[script for script, _ in rest].index(trust_script) + 1 :]
    with guest_book(port):
        assert outcome_of(trust_script) == other_branch
        for script, (kind, shown) in later:
            assert (kind, outcome_of(script)) == ("text", shown)
    lines = Path("guestbook.gmi").read_text("utf-8").splitlines()
    assert lines[0] == "* First message - alice@mail.example Alice Smith"


def test_the_script_of_the_readme_runs(folder):
    port = str(free_port())
    (make_identities, *_) = (text for kind, text in blocks(ROOT / "docs/library.md") if kind == "python")
    outcome_of(make_identities)
    (script,) = (text for kind, text in blocks(ROOT / "README.md") if kind == "python")
    assert "bob@example.com" in script
    with guest_book(port):
        assert outcome_of(script.replace("bob@example.com", f"bob@localhost:{port}")).startswith("20 ")
    assert Path("known_hosts.db").exists(), "trust is not forgotten"


def test_the_blocking_example_prints_what_the_guide_shows():
    (shown,) = (
        text for kind, text in blocks(ROOT / "docs/library.md") if kind == "text" and "stored:" in text
    )
    command = [sys.executable, ROOT / "docs/examples/blocking_socket.py"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == shown
