"""``kill -9`` at the steps of a pass against a real Dovecot: no message is lost or doubled, ever.

``MISFIN_THOROUGH=1`` kills at each step, some hundred times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from dovecot import running

HELPERS = Path(__file__).parents[3] / "helpers"
SOURCES = Path(__file__).parents[4] / "src"
THOROUGH = bool(os.environ.get("MISFIN_THOROUGH"))
ROUNDS, STRIDE = (400, 1) if THOROUGH else (24, 5)


def test_a_pass_that_was_killed_is_made_good_by_the_next(tmp_path):
    with running() as dovecot:
        ended = subprocess.run(
            [sys.executable, HELPERS / "kill_sync.py", tmp_path, str(dovecot.imap), str(ROUNDS), str(STRIDE)],
            env={**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{HELPERS}"},
            capture_output=True,
            text=True,
            timeout=3600 if THOROUGH else 600,
        )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    print(found)
    assert found["killed"] > ROUNDS / 2
    assert found["steps"] > 20
