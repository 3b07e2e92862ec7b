"""``kill -9`` at every step of a submission loses nothing, and doubles only what is marked uncertain.

``MISFIN_THOROUGH=1`` kills at each step, not only some, and some hundred times before a real Postfix.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import postfix
from kill_submission import IN_A_ROW

HELPERS = Path(__file__).parents[3] / "helpers"
SOURCES = Path(__file__).parents[4] / "src"
THOROUGH = bool(os.environ.get("MISFIN_THOROUGH"))
ROUNDS = 300 if THOROUGH else 8


def kills(*words: object) -> dict[str, int]:
    ended = subprocess.run(
        [sys.executable, HELPERS / "kill_submission.py", *map(str, words)],
        env={**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{HELPERS}"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, int] = json.loads(ended.stdout)
    print(found)
    return found


def test_at_every_step_the_outbox_knows_what_the_server_has(tmp_path):
    found = kills(tmp_path / "desk", 1 if THOROUGH else 8)
    assert found["steps of the client"] > 50
    assert {"waiting", "uncertain", "accepted"} <= found.keys()


def test_a_real_server_has_each_message_once(tmp_path):
    with postfix.running() as server:
        maildir = server.dovecot.base / "mail" / "ada"
        found = kills(tmp_path / "desk", ROUNDS, server.smtp, maildir, server.base / "queue")
    ended = sum(count for state, count in found.items() if state != "uncertain that arrived")
    assert ended == (ROUNDS + 1) * IN_A_ROW
