"""Commands to a list are whole messages, and what a list writes acts on nobody's terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.post.hosting.wording import (
    ListCommand,
    asks_to_confirm,
    confirmation,
    held_notice,
    read_command,
)
from misfin.store.hosting.lists import MailingList

LIST = MailingList("dev@lists.test")


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("subscribe", ListCommand("subscribe")),
        ("  SUBSCRIBE \n\n", ListCommand("subscribe")),
        ("# subscribe\n", ListCommand("subscribe")),
        ("Confirm 0A1b2c", ListCommand("confirm", "0A1b2c")),
        ("approve #12", ListCommand("approve", "12")),
        ("reject 3\n", ListCommand("reject", "3")),
        ("How do I subscribe?", None),
        ("subscribe\n\nregards, Bea", None),
        ("confirm", None),
        ("approve -1", None),
        ("approve ٣", None),
        ("subscribe" + " " * 500, None),
        ("", None),
    ],
)
def test_a_command_is_a_whole_message_and_anything_else_is_for_the_subscribers(body, command):
    assert read_command(body) == command


@given(st.text())
def test_reading_never_fails_and_numbers_are_plain_digits(body):
    command = read_command(body)
    if command is not None and command.verb in ("approve", "reject"):
        assert command.argument.isascii()
        assert int(command.argument) >= 0


@given(st.text())
def test_a_subject_of_a_stranger_stays_one_harmless_line_of_a_notice(subject):
    lines = held_notice(LIST, "bea@hive.test", subject).split("\n")
    assert len(lines) == 10
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for line in lines for char in line)


def test_the_request_to_confirm_is_known_again_as_that_of_a_list():
    assert asks_to_confirm(confirmation(LIST).replace("{code}", "0a1b2c3d"))
    assert not asks_to_confirm("Can you confirm this?")
