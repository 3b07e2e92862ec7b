"""ctrl+c: the exit status is that of an interruption, or the true result, and the outbox is reported."""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

import pytest
from freeports import free_port

from misfin_tui.cli import main, sending

from .conftest import Shell, config_for

PATIENCE = 60.0
"""Seconds until a command must have begun to wait; none takes so long."""


Waits = Callable[[subprocess.Popen[str]], object]


def _hears_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell in the background ignores


def interrupted(shell: Shell, waits: Waits, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that would wait for long, and press ctrl+c once it does."""
    child = subprocess.Popen(
        [sys.executable, "-m", "misfin_tui", "--profile", str(shell.root), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hears_ctrl_c,
    )
    waits(child)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(words, child.returncode, out, err)


def reads_on(child: subprocess.Popen[str]) -> None:
    """Give it the beginning of a text, and wait until it has taken that."""
    assert child.stdin is not None
    child.stdin.write("x")
    child.stdin.flush()
    end = time.monotonic() + PATIENCE
    while struct.unpack("i", fcntl.ioctl(child.stdin, termios.FIONREAD, b"\0" * 4))[0]:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def mute(shell: Shell):  # type: ignore[no-untyped-def]  # a generator
    """A server of a profile's correspondent that never says a word; waits until it has a connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as connections:
        server.settimeout(PATIENCE)
        shell.settings(config_for(free_port(), {"hive.test": server.getsockname()[1]}))
        shell.run("identity", "new", "ada@harbour.test")
        yield lambda _child: connections.enter_context(server.accept()[0])


def test_a_send_that_is_cut_short_says_how_far_it_came(shell: Shell, mute: Waits) -> None:
    done = interrupted(shell, mute, "send", "bea@hive.test", "--body", "x", "--json")
    (row,) = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 130
    assert "Interrupted." in done.stderr
    (queued,) = shell.json("outbox", "list")
    assert row["state"] == queued["state"] != "delivered"


@pytest.mark.parametrize("words", [("outbox", "retry", "1"), ("outbox", "run")])
def test_so_does_a_later_try(shell: Shell, mute: Waits, words: tuple[str, ...]) -> None:
    shell.run("send", "bea@hive.test", "--body", "x", "--queue")
    done = interrupted(shell, mute, *words, "--json")
    assert done.returncode == 130
    assert "Interrupted." in done.stderr


def test_a_send_that_waits_for_its_text_is_interrupted(shell: Shell, mute: Waits) -> None:
    done = interrupted(shell, reads_on, "send", "bea@hive.test")
    assert (done.returncode, done.stdout) == (130, "")
    assert shell.json("outbox", "list") == []


@pytest.mark.parametrize("command", ["send", "retry", "run"])
def test_what_was_delivered_before_ctrl_c_is_reported_as_delivered(
    two: tuple[Shell, Shell],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    ada, bea = two
    bea.receive()
    deliver = sending._deliver

    def too_late(*args: object) -> None:
        deliver(*args)  # type: ignore[arg-type]  # as it was called
        raise KeyboardInterrupt

    words = ["send", "bea@hive.test", "--body", "x"]
    if command != "send":
        (row,) = ada.json(*words, "--queue")
        words = ["outbox", "run"] if command == "run" else ["outbox", "retry", str(row["id"])]
    monkeypatch.setattr(sending, "_deliver", too_late)
    status = main(["--profile", str(ada.root), *words, "--json"])
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    if command == "run":  # what else was due is not known
        assert status == 130
    else:
        assert status == 0
        assert [row["state"] for row in said] == ["delivered"]
    assert ada.json("outbox", "list")[0]["state"] == "delivered"
