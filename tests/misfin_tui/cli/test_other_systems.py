"""Started where there is no POSIX: one sentence and an exit status, nothing that needs it imported."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CODE = """
import sys
for name in ("fcntl", "termios", "tty", "pty", "resource", "grp", "pwd"):
    sys.modules[name] = None  # importing it fails, as on Windows
sys.platform = "win32"
from misfin_tui.cli import main
sys.exit(main(sys.argv[1:]))
"""


def on_windows(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "words", [(), ("--profile", "x"), ("list",), ("--help",), ("demo",), ("receive",), ("frobnicate",)]
)
def test_it_says_what_it_needs(words: tuple[str, ...]) -> None:
    done = on_windows(*words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "misfin-tui: This program needs a POSIX system such as Linux, macOS or a BSD. "
        "On Windows, use it inside WSL.\n"
    )


def test_its_version_can_be_asked_everywhere() -> None:
    done = on_windows("--version")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_says_so() -> None:
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert "Operating System :: POSIX" in project["classifiers"]
    assert "POSIX" in (root / "README.md").read_text()
