"""Parsers that are made only when asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from misfin_tui.cli import pending
from misfin_tui.cli.parser import build_parser, parse


@pytest.fixture
def made(monkeypatch):
    """The parsers made so far, by how they are called."""
    found = []

    class Counted(pending.Parser):
        def __init__(self, **options) -> None:
            super().__init__(**options)
            found.append(options.get("prog"))

    monkeypatch.setattr(pending, "Parser", Counted)
    return found


def test_a_call_makes_the_parsers_of_its_own_command_and_no_others(made):
    assert parse(["list", "x"]).query == ["x"]
    assert made == ["misfin-tui list"]
    made.clear()
    assert parse(["trust", "approve", "a.test", "--fingerprint", "ab"]).command == "trust:approve"
    assert made == ["misfin-tui trust", "misfin-tui trust approve"]


def test_every_command_is_there_before_its_parser_is_made(made):
    commands = build_parser().commands
    assert "list" in commands
    assert "lists" not in commands
    assert len(commands) == len(list(commands))
    assert made == []


def test_a_parser_is_made_once():
    commands = build_parser().commands
    assert commands["list"] is commands["list"]


def test_only_one_of_a_group_may_be_given(capsys):
    with pytest.raises(SystemExit):
        parse(["send", "a@b.test", "--wait", "--queue"])
    assert "not allowed with" in capsys.readouterr().err


def test_the_help_of_a_command_is_as_wide_as_the_terminal(monkeypatch):
    longest = []
    for columns in (70, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        longest.append(max(map(len, build_parser().commands["send"].format_help().split("\n"))))
    assert longest[0] <= 70 < 100 < longest[1]


def test_reading_arguments_loads_nothing_large():
    program = "import sys; from misfin_tui.cli.parser import parse; parse(['list']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"dataclasses", "inspect", "logging", "misfin.model.folders", "shutil"} & set(
        done.stdout.split()
    )
