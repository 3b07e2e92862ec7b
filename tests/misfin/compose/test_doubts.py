"""What is said about a sender: only what is odd, the gravest first, in bounded time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.doubts import claimed_address, doubts

EVE = "eve@evil.example"


def test_an_ordinary_sender_raises_none():
    assert doubts("Ada", "ada@example.org") == ()
    assert doubts("ada@EXAMPLE.org", "Ada@example.org", ["list@example.org"]) == ()
    assert doubts("", "") == ()


@pytest.mark.parametrize("name", ["ada@example.org", "Ada (ada@example.org)", '"ADA@example.org" via x'])
def test_a_name_that_is_another_address(name):
    assert doubts(name, EVE) == (
        "The sender calls itself ada@example.org, but the address is eve@evil.example.",
    )


@pytest.mark.parametrize("name", ["Ada @ Example", "@example.org", "ada@example", "a@b", "Ada @example.org"])
def test_a_name_that_is_none(name):
    assert claimed_address(name) == ""


def test_replies_that_go_elsewhere_unless_a_list_takes_them():
    assert doubts("Ada", "ada@example.org", [EVE]) == (
        "Replies go to another domain than the sender's: eve@evil.example.",
    )
    assert doubts("Ada", "ada@example.org", [EVE], from_list=True, first=True) == ()


def test_the_gravest_comes_first():
    found = doubts("ada@example.org", EVE, ["x@y.example"], resembled="eve@evi1.example", first=True)
    assert [each.split()[0] for each in found] == ["This", "The", "Replies", "This"]
    assert "not eve@evi1.example" in found[0]
    assert found[-1] == "This is the first message from this address."


@given(st.text(max_size=300), st.text(max_size=100), st.lists(st.text(max_size=50), max_size=3))
def test_any_text_may_be_a_sender(name, address, replies):
    assert len(doubts(name, address, replies)) <= 2


def test_a_long_name_takes_no_time():
    started = time.process_time()
    for name in ("@" * 10**6, "a@" * 10**6, "a@a." * 10**6, "a" * 10**6):
        claimed_address(name)
    assert time.process_time() - started < 1
