"""The command line itself: cheap to ask, whole in its answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Shell


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nimport json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_version_costs_neither_the_screen_nor_tls() -> None:
    loaded = modules_after("from misfin_tui.cli import main; main(['--version'])")
    for heavy in ("textual", "rich", "OpenSSL", "cryptography", "sqlite3", "argparse", "asyncio"):
        assert heavy not in loaded, heavy


@pytest.mark.parametrize("words", [["list"], ["search", "x"], ["config", "show"], ["--help"]])
def test_reading_commands_load_neither_the_screen_nor_tls(words: list[str], tmp_path: Path) -> None:
    call = f"main(['--profile', {str(tmp_path)!r}, *{words!r}])"
    loaded = modules_after(f"from misfin_tui.cli import main\ntry:\n    {call}\nexcept SystemExit:\n    pass")
    for heavy in ("textual", "rich", "OpenSSL", "cryptography"):
        assert heavy not in loaded, heavy


def test_the_profile_may_stand_before_or_after_the_command(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other"
    done = shell.run("config", "path", "--profile", str(other))
    assert done.stdout.strip() == str(other / "config.toml")


def test_another_identity_leaves_the_one_written_from(shell: Shell, tmp_path: Path) -> None:
    shell.run("identity", "new", "zoe@mail.example")
    assert "zoe@mail.example" in shell.run("identity", "show").stdout
    told = shell.run("identity", "new", "ada@mail.example").stderr
    assert "still write from zoe@mail.example" in told
    other = Shell(tmp_path / "other")
    other.run("identity", "new", "abe@mail.example")
    other.run("identity", "export", "abe@mail.example", "--output", str(tmp_path / "abe.pem"))
    shell.run("identity", "import", str(tmp_path / "abe.pem"))
    assert "zoe@mail.example" in shell.run("identity", "show").stdout
    assert 'identity.default = "zoe@mail.example"' in shell.run("config", "show").stdout
    (sent,) = shell.json("send", "bea@hive.test", "--body", "x", "--queue")
    assert [row["from"] for row in shell.json("outbox")] == ["zoe@mail.example"]
    assert sent["state"] == "waiting"


def test_a_message_is_sent_at_the_time_given(shell: Shell) -> None:
    shell.run("identity", "new", "ada@mail.example")
    (sent,) = shell.json("send", "bea@hive.test", "--body", "x", "--at", "2099-12-01 09:00", check=2) or [{}]
    assert sent == {}
    (sent,) = shell.json("send", "bea@hive.test", "--body", "x", "--at", "in 2 h")
    (listed,) = shell.json("outbox")
    assert (sent["state"], sent["attempts"]) == ("waiting", 0)
    assert listed["next_attempt"] > listed["created"]
    assert "will be sent 20" in shell.run("outbox").stdout
    assert shell.json("outbox", "run") == []
    refused = shell.run("send", "bea@hive.test", "--body", "x", "--at", "soon", check=2).stderr
    assert "“soon” is not a time." in refused


def test_an_identity_is_renewed_with_its_names_and_key(shell: Shell) -> None:
    shell.run("identity", "new", "mail@mail.example", "--ca", "--blurb", "The host")
    shell.run("identity", "new", "ada@mail.example", "--days", "3", "--signed-by", "mail@mail.example")
    (before,) = shell.json("identity", "show", "ada@mail.example")
    assert str(before["fingerprint"]) in shell.run("identity", "list").stdout
    (renewed,) = shell.json("identity", "renew", "ada@mail.example")
    (after,) = shell.json("identity", "show", "ada@mail.example")
    assert renewed["fingerprint"] == after["fingerprint"] != before["fingerprint"]
    assert renewed["path"] == str(shell.root / "identities" / "ada@mail.example.pem")
    assert [after[key] for key in ("spki", "blurb", "address", "ca")] == [
        before[key] for key in ("spki", "blurb", "address", "ca")
    ]
    assert after["not_after"] > before["not_after"]


def test_doctor_finds_a_new_profile_well(shell: Shell) -> None:
    shell.settings('[receive]\nlisten = ["127.0.0.1:0"]\n')
    shell.run("identity", "new", "ada@mail.example", "--blurb", "Ada")
    found = shell.json("doctor")
    assert {record["topic"] for record in found} >= {
        "versions",
        "profile",
        "settings",
        "identities",
        "mail",
        "receiving",
    }
    assert not [record for record in found if record["verdict"] == "bad"]


def test_doctor_looks_at_the_files_of_a_profile_whatever_it_is_called(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "p#1?x%20")
    shell.settings('[receive]\nlisten = ["127.0.0.1:0"]\n')
    shell.run("identity", "new", "ada@mail.example")
    (shell.root / "trust.db").write_bytes(b"not a database at all, not one bit" * 100)
    found = shell.json("doctor", check=1)
    assert {record["topic"] for record in found if record["verdict"] == "bad"} == {"databases"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p#1?x%20"]


def test_a_terminal_of_another_encoding_gets_what_it_can_show(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shell.run("identity", "new", "ada@mail.example", "--blurb", "Ада")
    assert "??? (ada@mail.example)" in shell.run("identity", "show").stdout
    assert shell.json("identity", "show")[0]["blurb"] == "Ада"
    assert "versions" in shell.run("doctor", check=None).stdout


def test_doctor_finds_what_is_broken(shell: Shell) -> None:
    shell.run("identity", "new", "ada@mail.example", "--blurb", "Ada")
    key = shell.root / "identities" / "ada@mail.example.pem"
    key.chmod(0o644)
    (shell.root / "trust.db").write_bytes(b"not a database at all, not one bit" * 100)
    shell.settings('[keys]\nfly-away = "x"\n[receive]\nlisten = ["127.0.0.1:0"]\n')
    found = [record for record in shell.json("doctor", check=1) if record["verdict"] == "bad"]
    text = "\n".join(record["text"] for record in found)
    assert "can read" in text
    assert "fly-away" in text
    assert {record["topic"] for record in found} >= {"identities", "databases", "settings"}


def test_the_index_can_be_thrown_away_and_built_again(shell: Shell) -> None:
    shell.run("identity", "new", "ada@mail.example")
    shell.run("doctor", "--reindex", check=None)
    assert shell.json("list") == []
