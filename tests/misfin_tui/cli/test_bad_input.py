"""Wrong input is one line on stderr that says what is wrong and what to do, with the right exit status."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from .conftest import Shell


def complaint(done: object) -> str:
    text: str = done.stderr  # type: ignore[attr-defined]  # a CompletedProcess
    assert text.count("\n") == 1, text
    assert text.startswith("misfin-tui: ")
    return text


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("send", "no address", "--body", "x"), "not a Misfin address"),
        (("send", "mailto:bob@example.org", "--body", "x"), "is an e-mail address"),
        (("send", "misfin:bob@hive.test", "mailto:b@x.test", "--body", "x"), "is an e-mail address"),
        (("send", "a@b@c.test", "--body", "x"), "more than one @"),
        (("send", "a@b.test:99999", "--body", "x"), "port"),
        (("identity", "new", "nonsense"), "mailbox@host"),
        (("identity", "new", "ada@mail.example", "--days", "0"), "--days"),
        (("identity", "show", "bob@x.test"), "no identity"),
        (("identity", "renew", "bob@x.test"), "no identity"),
        (("identity", "import", "/nowhere/at.all"), "cannot be read"),
        (("show", "zzz"), "misfin-tui list"),
        (("search", "before:someday"), "Column 8 of the search: “someday”"),
        (("outbox", "retry", "7"), "no delivery 7"),
        (("outbox", "follow", "7"), "no delivery 7"),
        (("trust", "show", "hive.test"), "trust list"),
        (("trust", "approve", "hive.test", "--fingerprint", "abc"), "64 hex"),
        (("list", "--limit", "0"), "--limit"),
        (("list", "--limit", "9" * 30), "--limit"),
        (("outbox", "cancel", "9" * 30), "--help"),
        (("receive", "--listen", "nowhere"), "HOST:PORT"),
        (("frobnicate",), "--help"),
        (("send",), "--help"),
        (("open", "misfin:"), "mailbox@host"),
        (("misfin:",), "mailbox@host"),
        (("compose", "mail:a@b.test"), "misfin: link"),
        (("mailto:" + "x" * 70_000,), "too long"),
        (("MAILTO:a@b.test",), "terminal"),
    ],
)
def test_wrong_words_are_status_2_and_one_line(shell: Shell, words: tuple[str, ...], word: str) -> None:
    shell.root.mkdir()
    assert word in complaint(shell.run(*words, check=2))


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("search", "x"),
        ("show", "x"),
        ("fetch",),
        ("export", "out.mbox"),
        ("import", "in.mbox"),
        ("identity",),
        ("identity", "show"),
        ("identity", "renew", "ada@mail.example"),
        ("identity", "export", "ada@mail.example"),
        ("outbox",),
        ("outbox", "run"),
        ("trust",),
        ("trust", "list", "--recipients"),
        ("receive", "--listen", "127.0.0.1:0"),
        ("trust", "forget", "hive.test"),
        ("send", "b@hive.test", "--body", "x"),
    ],
)
def test_a_profile_that_is_not_there_is_said_and_not_made(shell: Shell, words: tuple[str, ...]) -> None:
    said = complaint(shell.run(*words, check=2))
    assert str(shell.root) in said
    assert "identity new" in said
    assert not shell.root.exists()


@pytest.mark.parametrize("words", [("config",), ("config", "path"), ("doctor",), ("doctor", "--reindex")])
def test_what_can_be_said_without_a_profile_makes_none(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.run(*words).stdout
    assert not shell.root.exists()


def test_sending_without_an_identity_says_how_to_make_one(shell: Shell) -> None:
    shell.root.mkdir()
    assert "identity new" in complaint(shell.run("send", "a@b.test", "--body", "x", check=2))


def test_sending_with_a_broken_identity_names_its_file(shell: Shell) -> None:
    (shell.root / "identities").mkdir(parents=True)
    (shell.root / "identities" / "ada.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    assert "ada.pem" in complaint(shell.run("send", "a@b.test", "--body", "x", check=2))


def test_a_key_of_another_certificate_is_refused(shell: Shell, tmp_path: Path) -> None:
    for name in ("ada", "bea"):
        shell.run("identity", "new", f"{name}@mail.example")
        shell.run("identity", "export", f"{name}@mail.example", "--output", str(tmp_path / f"{name}.pem"))
    ada, bea = ((tmp_path / f"{name}.pem").read_text() for name in ("ada", "bea"))
    mixed = tmp_path / "mixed.pem"
    mixed.write_text(
        ada.split("-----BEGIN PRIVATE")[0] + "-----BEGIN PRIVATE" + bea.split("-----BEGIN PRIVATE")[1]
    )
    assert "does not belong" in complaint(shell.run("identity", "import", str(mixed), check=2))


def test_a_broken_settings_file_names_its_line(shell: Shell) -> None:
    shell.settings("[receive]\nlisten = 5\n")
    assert "line 2" in complaint(shell.run("config", check=2))
    assert "line 2" in complaint(shell.run("receive", check=2))


def test_a_port_in_use_is_named(shell: Shell) -> None:
    shell.run("identity", "new", "ada@mail.example")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = complaint(shell.run("receive", "--listen", f"127.0.0.1:{port}", check=None))
        assert port in said
        assert "in use" in said


def test_receiving_without_an_identity_says_how_to_make_one(shell: Shell) -> None:
    assert "identity new" in complaint(shell.run("receive", "--listen", "127.0.0.1:0", check=2))


def test_a_text_that_is_not_utf8_is_refused(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@mail.example")
    message = tmp_path / "message.gmi"
    message.write_bytes(b"caf\xe9")
    assert "UTF-8" in complaint(shell.run("send", "b@hive.test", "--body-file", str(message), check=2))


def test_a_text_that_is_not_there_is_wrong_input(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@mail.example")
    missing = str(tmp_path / "nix.gmi")
    assert missing in complaint(shell.run("send", "b@hive.test", "--body-file", missing, check=2))


def test_a_text_that_is_far_too_long_is_not_called_something_else(shell: Shell) -> None:
    shell.run("identity", "new", "ada@mail.example")
    said = complaint(shell.run("send", "b@hive.test", text="a" + "é" * 40_000, check=2))
    assert "16,384" in said


def test_a_text_that_is_too_long_says_by_how_much(shell: Shell) -> None:
    shell.run("identity", "new", "ada@mail.example")
    said = complaint(shell.run("send", "b@hive.test", text="x" * 17_000, check=2))
    assert "16,384" in said


def test_nothing_a_stranger_wrote_acts_on_the_terminal(shell: Shell) -> None:
    done = shell.run("send", "a\x1b[2J@b.test", "--body", "x", check=2)
    assert "\x1b" not in done.stderr


def test_an_exported_identity_is_private_and_comes_back(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "ada@mail.example", "--key", "ed25519")
    target = tmp_path / "out.pem"
    shell.run("identity", "export", "ada@mail.example", "--output", str(target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    other = Shell(tmp_path / "other")
    other.run("identity", "import", str(target))
    assert (
        other.json("identity", "show")[0]["fingerprint"] == shell.json("identity", "show")[0]["fingerprint"]
    )
    assert "PRIVATE" not in shell.run("identity", "export", "ada@mail.example", "--certificate-only").stdout
    assert "exists" in complaint(
        shell.run("identity", "export", "ada@mail.example", "--output", str(target), check=2)
    )


def test_the_first_screen_needs_a_terminal(shell: Shell) -> None:
    assert "terminal" in complaint(shell.run(check=2))
