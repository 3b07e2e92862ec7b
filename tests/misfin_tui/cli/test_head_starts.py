"""Connections are begun to the servers that will be fetched from, and to no others."""

from __future__ import annotations

import pytest

from misfin_tui.cli import head_starts as module
from misfin_tui.cli.head_starts import head_starts


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """What is begun for a settings file with this text."""

    class Recorded:
        def __init__(self, host, port) -> None:
            self.where = (host, port)

    monkeypatch.setattr(module, "HeadStart", Recorded)

    def found(text, wanted=None):
        path = tmp_path / "config.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return {name: each.where for name, each in head_starts(path, wanted).items()}

    return found


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("imaps://ada@imap.example.org", ("imap.example.org", 993)),
        ("imap://imap.example.org:1143", ("imap.example.org", 1143)),
        ("imap://[::1]", ("::1", 143)),
        ("imaps://ada%40x@mail.example/", ("mail.example", 993)),
    ],
)
def test_the_server_is_that_of_the_settings(begun, url, where):
    assert begun(f'[accounts.work]\nimap = "{url}"\n') == {"work": where}


def test_a_maildrop_has_one_too(begun):
    assert begun('[accounts.work]\npop3 = "pop3s://drop.example"\n') == {"work": ("drop.example", 995)}


def test_only_the_accounts_that_are_meant(begun):
    text = '[accounts.a]\nimap = "imap://a"\n[accounts.b]\nimap = "imap://b"\npaused = true\n'
    assert set(begun(text)) == {"a"}
    assert set(begun(text, "b")) == {"b"}
    assert begun(text, "ada@example.org") == {}


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        "[accounts",
        "accounts = 1",
        "[accounts]\nwork = 1",
        "[accounts.work]\nimap = 7",
        '[accounts.work]\nimap = "http://x"',
        '[accounts.work]\nimap = "imap://a b"',
        '[accounts.work]\nimap = "imap://x:999999"',
        "",
    ],
)
def test_what_is_wrong_there_is_left_to_those_who_read_all_of_it(begun, text):
    assert begun(text) == {}


def test_without_settings_there_are_none(tmp_path):
    assert head_starts(tmp_path / "config.toml", None) == {}
