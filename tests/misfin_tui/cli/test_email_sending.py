"""E-mail from the shell to a real server: trusted by its fingerprint, logged in, sent, and refused."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest
from emailpost import server_certificate, server_context
from smtppeers import Inbox, aiosmtpd_in_a_thread, check_password
from tests.misfin_tui.cli.conftest import Shell


@pytest.fixture
def inbox() -> Inbox:
    return Inbox({"nobody@example.org": "550 5.1.1 nobody here"})


@pytest.fixture
def server(inbox, tmp_path, shell: Shell, monkeypatch):
    context = server_context(server_certificate()[0], tmp_path)
    how = {"implicit": context, "authenticator": check_password, "auth_require_tls": False}
    with aiosmtpd_in_a_thread(inbox, **how) as port:
        shell.settings(
            f"""[accounts.work]
kind = "email"
address = "ada@example.org"
name = "Ada Example"
smtp = "smtps://ada@localhost:{port}"
password = {{ env = "WORK_PASSWORD" }}
"""
        )
        monkeypatch.setenv("WORK_PASSWORD", "secret")
        yield f"localhost:{port}"


def trust(shell: Shell, server: str) -> None:
    (waiting,) = shell.json("trust", "list", "--mail")
    assert waiting["name"] == server
    done = shell.run("trust", "approve", server, "--mail", "--fingerprint", waiting["waiting"])
    assert done.stdout == f"Trusted {server}; 1 held message will be sent.\n"
    assert "approved at the shell" in shell.run("trust", "show", server, "--mail").stdout
    assert "give --mail" in shell.run("trust", "show", server, check=2).stderr


def test_a_message_goes_out_once_its_server_is_trusted(shell: Shell, server, inbox, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Notes\n")
    words = ("--account", "work", "--subject", "Hi", "--body", "Hello")
    done = shell.run(
        "send",
        "Bea <bea@example.org>",
        "--bcc",
        "cal@example.org",
        "--attach",
        str(tmp_path / "notes.txt"),
        *words,
        check=3,
    )
    assert "it is self-signed" in done.stdout + done.stderr
    assert inbox.taken == []
    (waiting,) = shell.json("trust", "list", "--mail")
    shell.run("trust", "approve", server, "--mail", "--fingerprint", "0" * 64, check=2)
    done = shell.run("trust", "approve", server, "--mail", "--fingerprint", waiting["waiting"])
    assert "2 held messages will be sent" in done.stdout
    shell.run("outbox", "run")
    (envelope,) = inbox.taken
    assert envelope.rcpt_tos == ["bea@example.org", "cal@example.org"]
    message = email.message_from_bytes(envelope.original_content, policy=email.policy.strict)
    assert (message["From"], message["To"]) == ("Ada Example <ada@example.org>", "Bea <bea@example.org>")
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("notes.txt", "Notes\n")
    assert {row["state"] for row in shell.json("outbox", "list")} == {"accepted"}
    assert shell.run("trust", "show", server, "--mail").stdout.startswith(server)
    shell.run("trust", "forget", server, "--mail")
    shell.run("send", "bea@example.org", *words, check=3)


def test_a_wrong_password_and_an_unknown_mailbox_say_so(shell: Shell, server, inbox, monkeypatch) -> None:
    words = ("--account", "work", "--subject", "Hi", "--body", "Hello")
    shell.run("send", "bea@example.org", *words, check=3)
    trust(shell, server)
    monkeypatch.setenv("WORK_PASSWORD", "wrong")
    shell.run("outbox", "run", check=3)
    (row,) = shell.json("outbox", "list")
    assert (row["state"], row["question"]) == ("held", "account")
    monkeypatch.setenv("WORK_PASSWORD", "secret")
    shell.run("outbox", "retry", str(row["id"]))
    assert len(inbox.taken) == 1
    done = shell.run("send", "nobody@example.org", *words, check=1)
    assert "There is no such mailbox." in done.stdout + done.stderr


def test_what_an_account_could_not_send_goes_out_together(shell: Shell, server, inbox, monkeypatch) -> None:
    words = ("--account", "work", "--subject", "Hi", "--body", "Hello")
    shell.run("send", "bea@example.org", *words, check=3)
    trust(shell, server)
    monkeypatch.setenv("WORK_PASSWORD", "wrong")
    shell.run("send", "cal@example.org", *words, check=3)
    shell.run("outbox", "run", check=3)
    rows = shell.json("outbox", "list")
    assert [(row["state"], row["question"], row["from"]) for row in rows] == [
        ("held", "account", "ada@example.org")
    ] * 2
    monkeypatch.setenv("WORK_PASSWORD", "secret")
    shell.run("outbox", "retry", "--account", "work")
    assert {row["state"] for row in shell.json("outbox", "list")} == {"accepted"}
    assert "Nothing of work" in shell.run("outbox", "retry", "--account", "work").stderr
    for wrong in ((), ("1", "--account", "work")):
        assert "or --account NAME" in shell.run("outbox", "retry", *wrong, check=2).stderr


def test_what_a_removed_account_had_not_sent_is_cancelled(shell: Shell, server, inbox) -> None:
    shell.run("send", "bea@example.org", "--account", "work", "--subject", "Hi", "--body", "Hello", check=3)
    (removed,) = shell.json("account", "remove", "work", "--yes")
    assert removed["cancelled"] == 1
    assert [row["state"] for row in shell.json("outbox", "list")] == ["cancelled"]
