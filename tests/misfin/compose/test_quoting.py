"""The text a message begins with, and a finished text as subject and body."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.quoting import attributed, sign_off, signed, signed_again, split_subject


def test_a_quotation_says_who_wrote_it():
    assert attributed("Bob", "one\n\ntwo\n") == "Bob wrote:\n> one\n>\n> two\n"
    at = datetime(2026, 11, 12, 15, 2, tzinfo=timezone(timedelta(hours=1)))
    assert attributed("Bob", "one", at) == "On 12 Nov 2026 at 14:02 UTC, Bob wrote:\n> one\n"


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


def test_a_signature_of_mail_has_its_line_once():
    assert sign_off("Ada\n") == "-- \nAda"
    assert sign_off("-- \nAda") == "-- \nAda"
    assert sign_off("") == ""


SIGNATURES = st.sampled_from(["", "Ada", "-- \nAda\nHarbour", "-- \nWork"])


@given(st.text("ab\n>", max_size=20), SIGNATURES, SIGNATURES)
def test_a_signature_that_was_not_touched_is_changed_and_changed_back(text, one, other):
    body = signed(text, one)
    changed = signed_again(body, one, other)
    if one == other:
        assert changed is None
        return
    assert changed is not None
    assert changed.strip("\n").endswith(other.strip("\n"))
    again = signed_again(changed, other, one)
    assert again is not None
    assert again.split() == body.split()


def test_a_signature_that_was_changed_or_removed_is_left_alone():
    assert signed_again("text\n\n-- \nAda H.\n", "-- \nAda", "-- \nWork") is None
    assert signed_again("text", "-- \nAda", "-- \nWork") is None
