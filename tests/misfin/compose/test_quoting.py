"""The text a message begins with, and a finished text as subject and body."""

from __future__ import annotations

import pytest

from misfin.compose.quoting import attributed, signed, split_subject


def test_a_quotation_says_who_wrote_it():
    assert attributed("Bob", "one\n\ntwo\n") == "Bob wrote:\n> one\n>\n> two\n"


def test_nothing_quoted_needs_no_attribution():
    assert attributed("Bob", " \n") == ""


def test_a_name_cannot_act_on_a_terminal():
    assert attributed("B\x1b[2J\u202eob\n> forged", "x").splitlines()[0] == "B␛[2J⇄ob⏎> forged wrote:"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("# Hi\n\ntext\n", ("Hi", "text\n")),
        ("text\n# later", ("", "text\n# later")),
        ("#\n\ntext", ("", "#\n\ntext")),
        ("", ("", "")),
    ],
)
def test_a_finished_text_is_taken_apart(text, parts):
    assert split_subject(text) == parts


def test_without_a_signature_nothing_is_added():
    assert signed("body", " \n".strip()) == "body"
