"""Sockets from systemd: a restart refuses nobody and loses nothing, and only what listens is taken."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest
from freeports import free_port
from peers import ask, message, person

from misfin.net.inherited import InheritedSocketError, inherited_sockets
from misfin.store.identities import IdentityStore
from misfin.store.mail.maildir import MailStore

BEA = person("bea@hive.test Bea")
SETTINGS = "[rate_limit]\nenable = false\n[verification]\nmode = 'off'\n"
START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "profile"
    IdentityStore(root / "identities").save(person("ada@mail.example Ada"))
    (root / "config.toml").write_text(SETTINGS)
    return root


def command(root, *words: str) -> list[str]:
    return [sys.executable, "-m", "misfin_tui", "--profile", str(root), "receive", *words]


@contextlib.contextmanager
def receiver(root, listening: socket.socket, *words: str):
    """A receiver that was started as systemd does it."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(listening.fileno()), *command(root, *words)],
        pass_fds=[listening.fileno()],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Receiving on 127.0.0.1:")
        yield
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize("words", [(), ("--processes", "2")])
async def test_a_restart_under_load_refuses_nobody_and_loses_nothing(root, words):
    if words and sys.platform != "linux":
        pytest.skip("several processes receive on Linux only")
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        port = listening.getsockname()[1]
        answers: list[bytes] = []
        enough = asyncio.Event()

        async def send(name: int) -> None:
            number = 0
            while not enough.is_set():
                number += 1
                answers.append(await ask(port, message("ada@mail.example", f"{name} {number}"), BEA))

        clients = [asyncio.create_task(send(name)) for name in range(3)]
        for last in (False, False, True):
            running = receiver(root, listening, *words)
            await asyncio.to_thread(running.__enter__)
            before = len(answers)
            async with asyncio.timeout(60):
                while len(answers) < before + 20:
                    await asyncio.sleep(0.01)
                if last:
                    enough.set()
                    await asyncio.gather(*clients)
            await asyncio.to_thread(running.__exit__, None, None, None)
    assert {each[:2] for each in answers} == {b"20"}
    assert len(MailStore(root / "mail").folder("ada@mail.example").list()) == len(answers)


async def test_systemds_own_program_starts_it_with_the_first_connection(root):
    program = shutil.which("systemd-socket-activate")
    if program is None:
        pytest.skip("systemd-socket-activate is not installed")
    port = free_port()
    path = ["-E", f"PYTHONPATH={os.pathsep.join(sys.path)}"]
    process = subprocess.Popen([program, "-l", f"127.0.0.1:{port}", *path, *command(root)])
    try:
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(OSError):
                    assert (await ask(port, message("ada@mail.example", "Hello"), BEA))[:2] == b"20"
                    break
                await asyncio.sleep(0.05)
    finally:
        process.terminate()
        process.wait()


# ---- what is taken


def taken(fds: int, names: str = "", pid: int | None = None):
    environment = {
        "LISTEN_PID": str(os.getpid() if pid is None else pid),
        "LISTEN_FDS": str(fds),
        "LISTEN_FDNAMES": names,
    }
    try:
        return inherited_sockets(environment)
    finally:
        assert environment == {}


@contextlib.contextmanager
def as_descriptors(monkeypatch, *sockets):
    """Let those be the descriptors from the first on, wherever that is."""
    from misfin.net import inherited

    first = max(each.fileno() for each in sockets) + 50
    for number, each in enumerate(sockets):
        os.dup2(each.fileno(), first + number)
    monkeypatch.setattr(inherited, "_FIRST", first)
    yield


def test_they_are_told_apart_by_name(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        with as_descriptors(monkeypatch, one, other):
            found = taken(2, "misfin:gmap")
        for name, listening in (("misfin", one), ("gmap", other)):
            (each,) = found[name]
            assert each.getsockname() == listening.getsockname()
            assert not each.get_inheritable()
            each.close()


def test_those_of_another_process_are_not_ours():
    assert taken(1, pid=1) == {}
    assert inherited_sockets({}) == {}


def test_what_does_not_listen_is_refused(monkeypatch):
    with socket.socket() as quiet, as_descriptors(monkeypatch, quiet), pytest.raises(InheritedSocketError):
        taken(1)
    local, other = socket.socketpair()
    with local, other, as_descriptors(monkeypatch, local), pytest.raises(InheritedSocketError):
        taken(1)
    error = pytest.raises(InheritedSocketError, match="not a socket")
    with tempfile.TemporaryFile() as file, as_descriptors(monkeypatch, file), error:
        taken(1)


@pytest.mark.parametrize("count", ["", "x", "-1", "0"])
def test_a_count_that_makes_no_sense_is_none(count):
    assert inherited_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}) == {}
