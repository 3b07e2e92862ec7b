"""``kill -9`` at any point of delivery, filing, tagging and rebuilding loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HELPERS = Path(__file__).parents[3] / "helpers"
SOURCES = Path(__file__).parents[4] / "src"


def test_some_hundred_kills_lose_nothing(tmp_path):
    ended = subprocess.run(
        [sys.executable, HELPERS / "kill_rounds.py", tmp_path, "150", "21", "1"],
        env={**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{HELPERS}"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stderr
