"""``doctor`` says what an e-mail account lacks, without connecting; no identity is no problem."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.misfin_tui.cli.conftest import Shell

WORK = '[accounts.work]\nkind = "email"\naddress = "ada@example.org"\n'


def findings(shell: Shell, topic: str) -> dict[str, str]:
    """Texts of a topic with their verdicts."""
    return {
        each["text"]: each["verdict"] for each in shell.json("doctor", check=None) if each["topic"] == topic
    }


def test_an_account_without_an_identity_is_not_a_problem(shell: Shell) -> None:
    shell.settings(f'{WORK}smtp = "smtps://smtp.example.org"\npassword = {{ command = "true" }}\n')
    assert findings(shell, "identities") == {}
    assert findings(shell, "accounts") == {"work": "good"}


def test_everything_an_account_lacks_is_named(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    shell.settings(
        f'{WORK}min_tls = "1.0"\nca_file = "{tmp_path}/ca.pem"\nsignature = {{ file = "{tmp_path}/me" }}\n'
        '[accounts.home]\nkind = "email"\naddress = "ada@home.example"\nsmtp = "smtps://x.example"\n'
        'password = { keyring = "misfin-tui/home" }\n'
        '[accounts.van]\nkind = "email"\naddress = "ada@van.example"\nsmtp = "smtps://x.example"\n'
        'password = { env = "NOT_SET" }\n'
    )
    found = findings(shell, "accounts")
    expected = {
        "work: It has no server for sending.": "note",
        "work: It has no password.": "bad",
        "work: It accepts TLS 1.0 and 1.1, which are broken.": "note",
        f"work: The signature file {tmp_path}/me cannot be read: No such file or directory.": "bad",
        f"work: The authorities in {tmp_path}/ca.pem cannot be used: No such file or directory.": "bad",
        "home: There is no keyring on this machine.": "bad",
        "van: The environment variable NOT_SET is not set here.": "note",
    }
    assert expected.items() <= found.items()
