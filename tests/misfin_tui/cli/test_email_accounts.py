"""``account add``, ``test``, ``remove``, ``password``: what a script sees, against servers on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mailservers import PASSWORD, USER, MailServers, mail_servers_in_thread
from tests.misfin_tui.cli.conftest import Shell

HELPERS = Path(__file__).parents[2] / "helpers"


@pytest.fixture
def servers() -> Iterator[MailServers]:
    with mail_servers_in_thread() as found:
        yield found


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a keyring that the commands use."""
    file = tmp_path / "ring.json"
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "ring.FileKeyring")
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    monkeypatch.setenv("RING_FILE", str(file))
    return file


def entries(ring: Path) -> list[list[str]]:
    return json.loads(ring.read_text()) if ring.exists() else []  # type: ignore[no-any-return]


def given(servers: MailServers, *more: str) -> tuple[str, ...]:
    words = ("account", "add", "work", "--kind", "email", "--address", USER)
    return (*words, "--imap", str(servers.imap), "--smtp", str(servers.smtp), *more)


def trusted(servers: MailServers) -> tuple[str, str]:
    return "--ca-file", str(servers.ca_file)


def test_an_account_is_added_to_an_empty_profile_and_used_at_once(shell: Shell, servers, ring) -> None:
    done = shell.run(*given(servers, "--keyring", *trusted(servers)), text=f"{PASSWORD}\n")
    assert done.stdout.count("  ok  ") == 10
    assert "Added the account work" in done.stdout
    assert entries(ring) == [["misfin-tui", "work", PASSWORD]]
    assert sorted(servers.logins) == ["imap", "smtp"]
    text = (shell.root / "config.toml").read_text()
    assert 'password = {keyring = "misfin-tui/work"}' in text
    assert PASSWORD not in text + done.stdout + done.stderr
    (listed,) = shell.json("account", "list")
    assert (listed["name"], listed["kind"], listed["address"]) == ("work", "email", USER)
    (shown,) = shell.json("account", "show", "work")
    assert shown["settings"]["imap"] == str(servers.imap)
    assert Path(shown["path"]).is_dir()
    steps = shell.json("account", "test", USER)
    assert {step["verdict"] for step in steps} == {"good"}
    assert {step["server"] for step in steps} == {str(servers.imap), str(servers.smtp)}


def test_a_wrong_password_adds_nothing_and_fails(shell: Shell, servers, ring) -> None:
    done = shell.run(*given(servers, "--keyring", *trusted(servers)), text="wrong\n", check=1)
    assert "The account was not added" in done.stderr
    assert entries(ring) == []
    assert shell.json("account", "list") == []
    shell.run(*given(servers, "--keyring", "--no-test"), text="wrong\n")
    assert entries(ring) == [["misfin-tui", "work", "wrong"]]
    failed = shell.run("account", "test", "work", "--json", check=3)
    assert "hunter" not in failed.stdout


def test_an_untrusted_certificate_needs_a_decision(shell: Shell, servers, monkeypatch) -> None:
    monkeypatch.setenv("WORK_PASSWORD", PASSWORD)
    done = shell.run(*given(servers, "--password-env", "WORK_PASSWORD"), check=3)
    assert done.stdout.count("decide") == 2
    assert servers.logins == []
    (host, fingerprint) = servers.imap.name, servers.fingerprint
    assert f"trust approve {host} --mail --fingerprint {fingerprint}" in done.stdout
    for server in (servers.imap, servers.smtp):
        shell.run("trust", "approve", server.name, "--mail", "--fingerprint", fingerprint)
    shell.run("account", "test", "work")


def test_a_password_command_is_run_at_each_test(shell: Shell, servers, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{PASSWORD}\nurl: x\n")
    shell.run(*given(servers, "--password-command", f"cat {file}", *trusted(servers)))
    file.unlink()
    steps: list[dict[str, Any]] = shell.json("account", "test", "work", check=1)
    bad = [step for step in steps if step["verdict"] == "bad"]
    assert [step["step"] for step in bad] == ["login", "login"]
    assert "No such file" in bad[0]["text"]
    assert "Try it at the shell" in bad[0]["remedy"]


def test_removing_asks_and_leaves_the_mail(shell: Shell, servers, ring) -> None:
    shell.run(*given(servers, "--keyring", "--no-test"), text=f"{PASSWORD}\n")
    shell.run("account", "remove", "work", check=3)
    assert len(entries(ring)) == 1
    (removed,) = shell.json("account", "remove", "work", "--yes")
    assert removed["secret_removed"] is True
    assert Path(removed["path"]).is_dir()
    assert entries(ring) == []
    assert "[accounts.work" not in (shell.root / "config.toml").read_text()
    assert "There is no account work" in shell.run("account", "test", "work", check=2).stderr


def test_another_password_goes_into_the_keyring(shell: Shell, servers, ring, monkeypatch) -> None:
    shell.run(*given(servers, "--password-env", "NOT_SET", "--no-test"))
    shell.run("account", "password", "work", text="new one\n")
    assert entries(ring) == [["misfin-tui", "work", "new one"]]
    (shown,) = shell.json("account", "show", "work")
    assert shown["settings"]["password"] == {"keyring": "misfin-tui/work"}
    assert "empty" in shell.run("account", "password", "work", text="\n", check=2).stderr


def test_a_machine_without_a_keyring_says_what_to_do(shell: Shell, servers, monkeypatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    done = shell.run(*given(servers, "--keyring", "--no-test"), text="x\n", check=2)
    assert "There is no keyring on this machine. Use { command" in done.stderr
    assert not shell.root.exists()


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("account", "add", "Work", "--address", USER), "cannot be the name of an account"),
        (("account", "add", "work", "--address", "ada"), "is not an address"),
        (("account", "add", "work", "--address", USER, "--smtp", "smtps://x"), "Say where the password is"),
        (("account", "add", "work", "--address", USER, "--smtp", "https://x"), "not the address of a mail"),
        (("account", "add", "work", "--address", USER, "--imap", "x", "--pop3", "x"), "not allowed with"),
        (("account", "add", "work"), "--address"),
        (("account", "test"), "NAME"),
        (("account", "test", "nobody"), "There is no account nobody"),
        (("account", "remove", "ada@mail.example", "--yes"), "is not an e-mail account"),
        (("account", "password", "ada@mail.example"), "is not an e-mail account"),
    ],
)
def test_wrong_usage_is_one_line(shell: Shell, words: tuple[str, ...], word: str) -> None:
    shell.run("identity", "new", "ada@mail.example")
    done = shell.run(*words, check=2)
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_two_accounts_of_one_name_cannot_be(shell: Shell, servers) -> None:
    shell.run(*given(servers, "--password-env", "X", "--no-test"))
    assert "already an account work" in shell.run(*given(servers, "--password-env", "X"), check=2).stderr


def test_a_message_held_for_a_refused_password_goes_out_with_the_right_one(
    shell: Shell, servers, ring
) -> None:
    shell.run(*given(servers, "--keyring", "--no-test", *trusted(servers)), text="wrong\n")
    shell.run("send", "bob@example.org", "--subject", "Hi", "--body", "Hello", check=3)
    (row,) = shell.json("outbox", "list")
    assert row["state"] == "held"
    shell.run("account", "password", "work", text=f"{PASSWORD}\n")
    shell.run("outbox", "run")
    assert [each["state"] for each in shell.json("outbox", "list")] == ["accepted"]
    assert len(servers.inbox.taken) == 1
