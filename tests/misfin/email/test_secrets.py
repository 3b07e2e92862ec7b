"""Secrets come from a keyring, a command or the environment, and every failure says what to do."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked, PasswordDeleteError
from ring import MemoryKeyring, use_keyring

from misfin.email import secrets
from misfin.email.account import (
    EmailAccount,
    Login,
    MailProtocol,
    MailServer,
    SecretPlace,
    SecretRef,
)
from misfin.email.oauth import SignInAgainError
from misfin.email.secrets import (
    NoKeyringError,
    SecretError,
    credentials,
    keyring_problem,
    own_entry,
    read_secret,
    remove_secret,
    store_secret,
)

SERVER = MailServer(MailProtocol.IMAP, "imap.example.org", 993)


def command(program: str) -> SecretRef:
    return SecretRef(SecretPlace.COMMAND, f"{sys.executable} -c '{program}'")


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    with use_keyring(MemoryKeyring()) as backend:
        yield backend


# ---- keyring


def test_a_password_is_stored_read_replaced_and_removed(ring: MemoryKeyring) -> None:
    entry = own_entry("work")
    store_secret(entry, "hunter2")
    assert ring.kept == {("misfin-tui", "work"): "hunter2"}
    assert read_secret(entry) == "hunter2"
    store_secret(entry, "hunter3")
    assert read_secret(entry) == "hunter3"
    assert remove_secret(entry)
    assert not remove_secret(entry)
    with pytest.raises(SecretError, match="has no password for misfin-tui/work") as caught:
        read_secret(entry)
    assert "account password work" in caught.value.remedy


def test_an_entry_of_another_program_is_named_by_service_and_user(ring: MemoryKeyring) -> None:
    ring.set_password("imap.example.org", "ada@example.org", "hunter2")
    assert read_secret(SecretRef(SecretPlace.KEYRING, "imap.example.org/ada@example.org")) == "hunter2"


def test_a_machine_without_a_keyring_is_told_to_use_a_command() -> None:
    with use_keyring(fail.Keyring()):
        assert keyring_problem() == "There is no keyring on this machine."
        with pytest.raises(NoKeyringError) as caught:
            store_secret(own_entry("work"), "hunter2")
    assert "command" in caught.value.remedy


class Broken(KeyringBackend):
    """Raises what it is given."""

    priority = -1  # type: ignore[assignment]

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self._error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self._error

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError("no")


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (KeyringLocked("x"), "locked"),
        (RuntimeError("hunter2"), "RuntimeError"),
        (OSError("bus"), "cannot be"),
    ],
)
def test_a_keyring_that_is_locked_or_broken_is_reported(error: Exception, word: str) -> None:
    with use_keyring(Broken(error)):
        assert keyring_problem() == ""
        with pytest.raises(SecretError, match=word) as caught:
            read_secret(own_entry("work"))
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)


# ---- environment


def test_a_variable_is_read_and_a_missing_one_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_PASSWORD", "hunter2")
    assert read_secret(SecretRef(SecretPlace.ENV, "WORK_PASSWORD")) == "hunter2"
    monkeypatch.delenv("WORK_PASSWORD")
    with pytest.raises(SecretError, match="WORK_PASSWORD is not set"):
        read_secret(SecretRef(SecretPlace.ENV, "WORK_PASSWORD"))


# ---- commands


def test_the_first_line_of_a_command_is_the_password() -> None:
    assert read_secret(command('print(" hunter2 \\nurl: x")')) == " hunter2 "
    assert read_secret(command('import sys; sys.stdout.write("hunter2\\r\\n")')) == "hunter2"


@pytest.mark.parametrize(
    ("program", "word"),
    [
        ('import sys; sys.exit("gpg: no key")', "ended with status 1 and said: gpg: no key"),
        ("import sys; sys.exit(3)", r"ended with status 3\."),
        ("pass", "printed no password"),
        ("print()", "printed no password"),
        ('import os; os.write(1, b"\\xff")', "not UTF-8"),
        ('print("x" * 100_000)', "more than 64 KiB"),
        ('import sys; sys.stderr.write("x" * 100_000)', "more than 64 KiB"),
    ],
)
def test_a_command_that_fails_is_reported(program: str, word: str) -> None:
    with pytest.raises(SecretError, match=word):
        read_secret(command(program))


def test_a_command_finds_the_home_directory_as_at_the_shell(tmp_path, monkeypatch) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_secret(SecretRef(SecretPlace.COMMAND, "cat ~/secret")) == "hunter2"


def test_a_command_that_is_not_there_is_reported() -> None:
    with pytest.raises(SecretError, match="cannot be run: No such file"):
        read_secret(SecretRef(SecretPlace.COMMAND, "/nonexistent/pass show mail"))
    with pytest.raises(SecretError, match="quote"):
        read_secret(SecretRef(SecretPlace.COMMAND, "pass 'x"))


def test_a_command_that_hangs_is_ended_with_all_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started = tmp_path / "pid"
    shell = f'sh -c "sleep 600 & echo $! > {started}; wait"'
    for patience in (1.0, 4.0, 16.0, 64.0):  # a busy machine may not have started it in the first second
        monkeypatch.setattr(secrets, "PATIENCE", patience)
        with pytest.raises(SecretError, match="provided no password"):
            read_secret(SecretRef(SecretPlace.COMMAND, shell))
        if started.exists() and started.read_text().endswith("\n"):
            break
    pid = int(started.read_text())
    while True:  # until it has ended
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.01)


def test_a_command_cannot_read_the_terminal() -> None:
    assert read_secret(command("import os; print(os.getsid(0) == os.getpid())")) == "True"
    assert read_secret(command("import sys; print(repr(sys.stdin.read()))")) == "''"


# ---- credentials


def account(**more: object) -> EmailAccount:
    return EmailAccount("work", "ada@example.org", incoming=SERVER, **more)  # type: ignore[arg-type]


async def test_credentials_are_the_user_name_and_the_password(ring: MemoryKeyring) -> None:
    store_secret(own_entry("work"), "hunter2")
    found = await credentials(account(password=own_entry("work"), cram_md5=True), SERVER)
    assert found is not None
    assert (found.username, found.password, found.cram_md5) == ("ada@example.org", "hunter2", True)
    assert "hunter2" not in repr(found)
    other = MailServer(MailProtocol.SMTP, "smtp.example.org", 465, user="ada")
    found = await credentials(account(password=own_entry("work")), other)
    assert found is not None
    assert found.username == "ada"


async def test_an_access_token_is_asked_for_at_each_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    token = SecretRef(SecretPlace.ENV, "WORK_TOKEN")
    found = await credentials(account(login=Login.OAUTH, token=token), SERVER)
    assert found is not None
    assert found.get_token is not None
    for each in ("first", "second"):
        monkeypatch.setenv("WORK_TOKEN", each)
        assert await found.get_token() == each
    assert found.password is None


async def test_an_account_without_a_log_in_needs_no_secret() -> None:
    assert await credentials(account(login=Login.NONE), SERVER) is None


async def test_an_account_whose_password_was_never_set_says_how() -> None:
    with pytest.raises(SecretError, match="has no password") as caught:
        await credentials(account(), SERVER)
    assert "account password work" in caught.value.remedy


async def test_the_loop_goes_on_while_a_command_runs() -> None:
    slow = account(password=command("import time; time.sleep(0.3); print(1)"))
    asked = asyncio.create_task(credentials(slow, SERVER))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns


async def test_an_account_nobody_signed_in_to_says_how(ring: MemoryKeyring) -> None:
    gmail = MailServer(MailProtocol.IMAP, "imap.gmail.com", 993)
    own = EmailAccount("gmail", "ada@gmail.com", incoming=gmail, login=Login.OAUTH, client_id="1234")
    found = await credentials(own, gmail)
    assert found is not None
    assert found.get_token is not None
    with pytest.raises(SignInAgainError, match="Nobody has signed in") as caught:
        await found.get_token()
    assert "account login gmail" in caught.value.remedy


async def test_a_provider_without_a_way_to_sign_in_wants_a_token() -> None:
    with pytest.raises(SecretError, match="no way to get an access token") as caught:
        await credentials(account(login=Login.OAUTH, client_id="1234"), SERVER)
    assert "token" in caught.value.remedy
