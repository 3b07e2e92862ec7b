"""How a typed line names a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from misfin.errors import InputError
from misfin_tui.linear.command import command_for
from misfin_tui.linear.commands import COMMANDS
from misfin_tui.linear.composing import COMMANDS as WRITING
from misfin_tui.linear.desk import numbers_in
from misfin_tui.linear.filing import _divided

TABLES = pytest.mark.parametrize("table", [COMMANDS, WRITING], ids=["commands", "writing"])


@TABLES
def test_every_word_and_every_short_one_names_one_command(table):
    names = [each.word for each in table] + [each.short for each in table if each.short]
    assert len(names) == len(set(names))
    for each in table:
        assert command_for(each.word, table)[0] is each


@TABLES
def test_every_command_is_described(table):
    page = (Path(__file__).parents[3] / "docs" / "accessibility.md").read_text()
    assert [each.word for each in table if f"`{each.word}" not in page] == []


@pytest.mark.parametrize(
    ("typed", "word", "rest"),
    [
        ("i", "inbox", ""),
        ("INBOX", "inbox", ""),
        ("arch 3-5", "archive", "3-5"),
        ("r all", "reply", "all"),
        ("search from:ada  x", "search", "from:ada  x"),
        ("u", "undo", ""),
        ("out", "outbox", ""),
    ],
)
def test_a_command_is_named_by_its_word_short_or_its_beginning(typed, word, rest):
    command, found = command_for(typed, COMMANDS)
    assert (command.word, found) == (word, rest)


def test_what_names_none_or_several_is_said():
    with pytest.raises(InputError, match="no command zzz"):
        command_for("zzz", COMMANDS)
    with pytest.raises(InputError, match="can mean"):
        command_for("re", COMMANDS)


@pytest.mark.parametrize(
    ("text", "numbers"), [("3", [3]), ("3 5", [3, 5]), ("3-5,9", [3, 4, 5, 9]), ("5-3", []), ("1 1", [1])]
)
def test_rows_are_named_by_numbers(text, numbers):
    assert numbers_in(text) == numbers


def test_a_range_is_bounded_and_words_are_no_numbers():
    assert len(numbers_in("1-999999999")) == 500
    with pytest.raises(InputError):
        numbers_in("3; rm")


def test_a_folder_may_have_spaces_before_the_numbers():
    assert _divided("Old mail 3-5 7") == ("Old mail", "3-5 7")
    assert _divided("2024") == ("2024", "")
    assert _divided("-work 3") == ("-work", "3")
