"""Runs commands on a demo world as a person at a shell would: what the steps of ``demo --check`` share."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from misfin.store.mail.maildir import Maildir
from misfin.store.message.envelope import to_gemmail
from misfin_tui.demo.world import World

PATIENCE = 30.0
"""Seconds to wait for something that should happen by itself."""


class StepFailed(Exception):  # noqa: N818 - it reads as what it says
    """A step failed; the text says why."""


@dataclass(slots=True)
class Play:
    """What the steps share."""

    world: World
    children: list[subprocess.Popen[str]] = field(default_factory=list)
    memory: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, expect: int = 0) -> list[dict[str, Any]]:
        """Run one command with ``--json`` and return what it printed; its exit status must be ``expect``."""
        command = [sys.executable, "-m", "misfin_tui", "--profile", str(self.world.root), *words, "--json"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != expect:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise StepFailed(
                f"`misfin-tui {' '.join(words)}` ended with status {done.returncode}, not {expect}: "
                f"{said[-1] if said else 'it printed nothing'}"
            )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, *command: str, ready: str) -> None:
        """Start a child that runs until the end, and wait for its ready line."""
        child = subprocess.Popen(
            [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.children.append(child)
        assert child.stdout is not None
        line = child.stdout.readline()
        need(
            ready in line, f"`{' '.join(command)}` did not get ready: {line.strip() or 'it printed nothing'}"
        )

    def arrived(self, name: str) -> list[bytes]:
        """The gemmail a correspondent has received so far."""
        maildir = Maildir(self.world.people / name)
        return [to_gemmail(entry.path.read_bytes()) for entry in maildir.list()] if maildir.exists() else []

    def arrived_email(self, name: str) -> list[bytes]:
        """The e-mail an invented person has received so far."""
        maildir = self.world.mailbox_of(name)
        return [entry.path.read_bytes() for entry in maildir.list()] if maildir.exists() else []

    def close(self) -> None:
        """End the children, whatever state they are in."""
        for child in self.children:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    pipe.close()


def need(holds: object, otherwise: str) -> None:
    """Fail the step with this sentence unless ``holds``."""
    if not holds:
        raise StepFailed(otherwise)


def wait_for(what: str, look: Callable[[], Any]) -> Any:
    """The first true value ``look`` gives within :data:`PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        need(time.monotonic() < end, f"{what} did not happen within {PATIENCE:g} s")
        time.sleep(0.1)
