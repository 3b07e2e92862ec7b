"""ctrl+c: the exit status is that of an interruption, or the true result, and the outbox is reported."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time

import pytest
from freeports import free_port

from misfin_tui.cli import main, sending

from .conftest import Shell, config_for


def interrupted(shell: Shell, *words: str, after: float = 2.0) -> subprocess.CompletedProcess[str]:
    """Run a command that would wait for long, and press ctrl+c."""
    child = subprocess.Popen(
        [sys.executable, "-m", "misfin_tui", "--profile", str(shell.root), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(after)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(words, child.returncode, out, err)


@pytest.fixture
def mute(shell: Shell):  # type: ignore[no-untyped-def]  # a generator of sockets
    """A server of a profile's correspondent that takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        shell.settings(config_for(free_port(), {"hive.test": server.getsockname()[1]}))
        shell.run("identity", "new", "ada@harbour.test")
        yield server


def test_a_send_that_is_cut_short_says_how_far_it_came(shell: Shell, mute: socket.socket) -> None:
    done = interrupted(shell, "send", "bea@hive.test", "--body", "x", "--json")
    (row,) = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 130
    assert "Interrupted." in done.stderr
    (queued,) = shell.json("outbox", "list")
    assert row["state"] == queued["state"] != "delivered"


@pytest.mark.parametrize("words", [("outbox", "retry", "1"), ("outbox", "run")])
def test_so_does_a_later_try(shell: Shell, mute: socket.socket, words: tuple[str, ...]) -> None:
    shell.run("send", "bea@hive.test", "--body", "x", "--queue")
    done = interrupted(shell, *words, "--json")
    assert done.returncode == 130
    assert "Interrupted." in done.stderr


def test_a_send_that_waits_for_its_text_is_interrupted(shell: Shell, mute: socket.socket) -> None:
    done = interrupted(shell, "send", "bea@hive.test")
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
