"""Profiles, receivers and commands as a person at a shell has them: real processes, real TLS on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from freeports import free_port


@dataclass
class Shell:
    """Runs ``misfin-tui`` on one profile."""

    root: Path
    receivers: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *words: str, text: str = "", check: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "misfin_tui", "--profile", str(self.root), *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        if check is not None:
            assert done.returncode == check, (done.stdout, done.stderr)
        return done

    def json(self, *words: str, text: str = "", check: int | None = 0) -> list[dict[str, Any]]:
        done = self.run(*words, "--json", text=text, check=check)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def settings(self, text: str) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "config.toml").write_text(text)

    def receive(self, *words: str) -> subprocess.Popen[str]:
        receiver = subprocess.Popen(
            [sys.executable, "-m", "misfin_tui", "--profile", str(self.root), "receive", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.receivers.append(receiver)
        assert receiver.stdout is not None
        ready = receiver.stdout.readline()
        assert "Receiving on" in ready, receiver.communicate()
        return receiver

    def close(self) -> None:
        for receiver in self.receivers:
            if receiver.poll() is None:
                receiver.send_signal(signal.SIGKILL)
            receiver.wait()
            for pipe in (receiver.stdin, receiver.stdout, receiver.stderr):
                if pipe is not None:
                    pipe.close()


def config_for(port: int, hosts: dict[str, int]) -> str:
    lines = [f'[receive]\nlisten = ["127.0.0.1:{port}"]', "[verification]\nallow_private = true"]
    lines += [f'[hosts."{host}"]\nconnect = "127.0.0.1:{at}"' for host, at in hosts.items()]
    return "\n".join(lines) + "\n"


@pytest.fixture(autouse=True)
def _utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUTF8", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", os.environ.get("PYTHONDONTWRITEBYTECODE", ""))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """One profile that does not exist yet."""
    one = Shell(tmp_path / "profile")
    yield one
    one.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Shell, Shell]]:
    """Ada and Bea, each with an identity, who know where the other listens; nobody listens yet."""
    ports = {"harbour.test": free_port(), "hive.test": free_port()}
    people = []
    for name, host in (("ada", "harbour.test"), ("bea", "hive.test")):
        person = Shell(tmp_path / name)
        person.settings(config_for(ports[host], ports))
        person.run("identity", "new", f"{name}@{host}", "--blurb", name.title())
        people.append(person)
    yield people[0], people[1]
    for person in people:
        person.close()
