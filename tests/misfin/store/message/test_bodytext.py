"""The text of a body part: flowed lines are joined, and quotes keep their depth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.store.message.bodytext import body_text, unflowed


@pytest.mark.parametrize(
    ("flowed", "text"),
    [
        ("one \ntwo\nthree", "one two\nthree"),
        ("one \n\ntwo", "one \n\ntwo"),
        (" From here", "From here"),
        ("  indented", " indented"),
        (" > no quote", "> no quote"),
        ("> one \n> two\n>> three \n>> four\nfive", "> one two\n>> three four\nfive"),
        (">one \n> two", "> one two"),
        ("> one \ntwo", "> one \ntwo"),
        ("text \n-- \nIda", "text \n-- \nIda"),
        ("-- \nIda \nProbe", "-- \nIda Probe"),
        (">\n> a", ">\n> a"),
        ("", ""),
    ],
)
def test_lines_that_flow_are_joined(flowed, text):
    assert unflowed(flowed) == text


def test_with_delsp_the_blank_at_the_end_of_a_line_is_no_text():
    assert unflowed("漢 \n字 \nか\n", delete_space=True) == "漢字か\n"
    assert unflowed("one  \ntwo", delete_space=True) == "one two"


@given(st.text())
def test_no_word_is_lost(text):
    assert "".join(unflowed(text).replace(">", "").split()) == "".join(text.replace(">", "").split())


def test_only_text_that_says_so_flows():
    flowed = {"format": "Flowed", "charset": "utf-8"}
    assert body_text(b"a \r\nb\r\n", "text/plain", flowed) == ("a b\n", True)
    assert body_text(b"a \nb", "text/html", flowed) == ("a \nb", True)
    assert body_text(b"a \nb", "text/plain", {}) == ("a \nb", True)
    assert body_text("漢 \n字".encode(), "text/plain", {"format": "flowed", "delsp": "YES"})[0] == "漢字"


def test_line_ends_are_unified_and_nothing_ends_the_text():
    assert body_text(b"a\r\nb\rc\0d", "text/plain", {}) == ("a\nb\nc\ufffdd", True)
