"""Importing an identity whose key is encrypted: its password is asked for unseen, or read from a file."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from desk import identity

from .conftest import Shell

PATIENCE = 60.0


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    other = identity("erin@far.test", "Erin")
    key = other.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption("sés ame".encode())
    )
    path = tmp_path / "erin.pem"
    path.write_bytes(other.cert_pem + key)
    return path


def without_terminal(
    shell: Shell, *words: str, text: bytes = b"", check: int = 0
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "misfin_tui", "--profile", str(shell.root), "identity", "import", *words],
        input=text,
        capture_output=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == check, (done.stdout, done.stderr)
    return done


def at_terminal(shell: Shell, pem: Path, *answers: str, stdin: str = "") -> tuple[int, str]:
    """Import it at a terminal of our own; returns the exit status and all that was shown."""
    pid, fd = pty.fork()
    if pid == 0:
        if stdin:
            os.dup2(os.open(stdin, os.O_RDONLY), 0)
        words = ["-m", "misfin_tui", "--profile", str(shell.root), "identity", "import", str(pem)]
        os.execv(sys.executable, [sys.executable, *words])
    said = ""

    def until(count: int) -> bool:
        nonlocal said
        end = time.monotonic() + PATIENCE
        while said.count("Password for the key in ") < count:
            assert time.monotonic() < end, said
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    said += os.read(fd, 4096).decode()
                except OSError:  # it ended
                    return False
        return True

    for count, answer in enumerate(answers, 1):
        assert until(count), said
        os.write(fd, f"{answer}\n".encode())
    until(99)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    return status, said


def imported(shell: Shell) -> list[str]:
    return [str(row["address"]) for row in shell.json("identity", "list")]


@pytest.mark.parametrize("stdin", ["", "/dev/null"])
def test_a_terminal_is_asked_again_and_shows_nothing_of_what_is_typed(
    shell: Shell, pem: Path, stdin: str
) -> None:
    status, said = at_terminal(shell, pem, "wrong one", "sés ame", stdin=stdin)
    assert status == 0, said
    assert "wrong one" not in said
    assert "sés ame" not in said
    assert "Wrong password" in said
    assert imported(shell) == ["erin@far.test"]


def test_three_wrong_passwords_end_it(shell: Shell, pem: Path) -> None:
    status, said = at_terminal(shell, pem, "a", "b", "c")
    assert status == 2
    assert said.count("Password for the key in ") == 3
    assert not shell.root.exists()


@pytest.mark.parametrize("content", ["sés ame\n", "sés ame", "sés ame\r\nand a second line\n"])
def test_a_file_gives_the_password(shell: Shell, pem: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "password").write_bytes(content.encode())
    without_terminal(shell, str(pem), "--password-file", str(tmp_path / "password"))
    assert imported(shell) == ["erin@far.test"]


def test_standard_input_gives_the_password(shell: Shell, pem: Path) -> None:
    without_terminal(shell, str(pem), "--password-file", "-", text="sés ame\n".encode())
    assert imported(shell) == ["erin@far.test"]


def test_without_a_terminal_the_way_is_named(shell: Shell, pem: Path) -> None:
    done = without_terminal(shell, str(pem), check=2)
    assert b"--password-file" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("content", "why"), [(b"wrong\n", b"first line"), (None, b"cannot be read")])
def test_a_wrong_password_file_is_one_line(
    shell: Shell, pem: Path, tmp_path: Path, content: bytes | None, why: bytes
) -> None:
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    done = without_terminal(shell, str(pem), "--password-file", str(tmp_path / "password"), check=2)
    assert why in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert not shell.root.exists()


def test_a_key_that_is_not_encrypted_needs_no_password(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "plain.pem").write_bytes(identity("dan@far.test", "Dan").pem)
    without_terminal(shell, str(tmp_path / "plain.pem"), "--password-file", "/dev/null")
    assert imported(shell) == ["dan@far.test"]
