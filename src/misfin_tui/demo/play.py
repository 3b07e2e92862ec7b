"""Runs the correspondents of a demo world for as long as it is open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from misfin.errors import LocalError
from misfin_tui.demo.world import World

READY = "correspondents ready"
"""The line the correspondents' servers print when all of them listen."""


@contextmanager
def correspondents_of(world: World) -> Iterator[None]:
    """The correspondents' servers, in one child process; they end with us, however we end.

    Raises:
        LocalError: they did not get ready.
    """
    log = world.root / "correspondents.log"
    with os.fdopen(os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "a+b") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "misfin_tui.demo.correspondents", str(world.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # ctrl+c in the terminal is for the program, not for them
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            if READY not in child.stdout.readline().decode("utf-8", "replace"):
                raise LocalError(
                    "The correspondents of the demo did not start.",
                    remedy=f"{log} says why; a new demo (without --profile) uses other ports.",
                )
            yield
        finally:
            child.stdin.close()  # their sign to end
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()
