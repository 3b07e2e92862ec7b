"""``misfin-tui send`` with two kinds of accounts: the addresses, or the account, say how it is sent."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import toymail
from desk import ALICE, SETTINGS, make_profile

from misfin_tui.cli import main

MAIL = "mailto:bob@example.org"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    toymail.register(monkeypatch, tmp_path / "spool")
    make_profile(tmp_path / "profile", settings=f"{SETTINGS}\n[accounts.work]\n{toymail.WORK}")
    return tmp_path / "profile"


def run(root: Path, *words: str) -> int:
    return main(["--profile", str(root), *words])


def rows(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert run(root, *words, "--json") == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_prefix_takes_the_default_account_of_its_kind(root, capsys):
    (mail,) = rows(root, capsys, "send", MAIL, "--queue", "--body", "x")
    assert (mail["account"], mail["account_name"], mail["to"]) == (
        "ada@example.org",
        "work",
        "bob@example.org",
    )
    (misfin,) = rows(root, capsys, "send", "misfin:bob@hive.test", "--queue", "--body", "x")
    assert (misfin["account"], misfin["to"]) == (ALICE, "bob@hive.test")


def test_an_address_without_a_prefix_is_of_the_accounts_kind(root, capsys):
    (row,) = rows(root, capsys, "send", "Bob <bob@example.org>", "--from", "work", "--queue", "--body", "x")
    assert (row["account_name"], row["to"]) == ("work", "bob@example.org")
    (row,) = rows(root, capsys, "send", "Bob <bob@hive.test>", "--from", ALICE, "--queue", "--body", "x")
    assert (row["account"], row["to"]) == (ALICE, "bob@hive.test")


@pytest.mark.parametrize("option", ["--from", "--account"])
@pytest.mark.parametrize(("account", "to"), [(ALICE, MAIL), ("work", "misfin:bob@hive.test")])
def test_an_account_of_another_kind_than_the_address_is_wrong_usage(root, capsys, option, account, to):
    assert run(root, "send", to, option, account, "--queue", "--body", "x") == 2
    said = capsys.readouterr()
    assert "this message is not sent from" in said.err
    assert "Send it from" in said.err
    assert rows(root, capsys, "outbox") == []


def test_a_message_is_sent_by_the_transport_of_its_account(root, capsys, tmp_path):
    (row,) = rows(root, capsys, "send", MAIL, "--subject", "Hi", "--body", "x")
    assert row["state"] == "accepted"
    (file,) = (tmp_path / "spool").iterdir()
    assert file.read_text() == "bob@example.org\n\nSubject: Hi\n\nx"


def test_how_long_a_text_may_be_is_for_the_account_to_say(root, capsys, monkeypatch):
    for account, to, limit in ((ALICE, "bob@hive.test", 16_384), ("work", "bob@example.org", 1_000_000)):
        text = io.TextIOWrapper(io.BytesIO(b"x" * (limit * 5)))
        monkeypatch.setattr(sys, "stdin", text)
        assert run(root, "send", to, "--from", account, "--queue") == 2
        assert f"a message can have at most {limit:,}." in capsys.readouterr().err
