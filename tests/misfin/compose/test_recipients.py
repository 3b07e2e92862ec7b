"""Addresses as they stand on a To line, and what is read from there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.recipients import read_recipients, routes_of, typed
from misfin.model.address import MisfinAddress


def test_unfinished_addresses_are_left_out_and_each_mailbox_counts_once():
    assert routes_of(["bob@hive.test", "caro", "bob@hive.test Bob"]) == [MisfinAddress("bob", "hive.test")]


def test_an_unusual_port_stays_in_the_to_line():
    assert typed(MisfinAddress.parse("bob@hive.test:1999 Bob")) == "bob@hive.test:1999 Bob"
    assert typed(MisfinAddress.parse("bob@hive.test:1958")) == "bob@hive.test"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bob@hive.test, carol@far.test;", ["bob@hive.test", "carol@far.test"]),
        ("bob@hive.test Bob Jones", ["bob@hive.test Bob Jones"]),
        ("Bob Jones <bob@hive.test>", ["bob@hive.test Bob Jones"]),
        ("Bob Jones (bob@hive.test:1999)", ["bob@hive.test:1999 Bob Jones"]),
        ("misfin:bob@hive.test", ["bob@hive.test"]),
        ("bob@Hive.TEST.", ["bob@hive.test"]),
        (" , ;; ", []),
    ],
)
def test_recipients_are_read_as_people_write_them(text, found):
    assert [entry.written for entry in read_recipients(text)] == found


def test_a_wrong_recipient_says_why_and_is_kept():
    (entry,) = read_recipients("bob")
    assert entry.address is None
    assert entry.written == "bob"
    assert "no @" in entry.problem


@given(st.text(max_size=200))
def test_any_text_is_some_list_of_recipients(text):
    for entry in read_recipients(text):
        assert entry.written
        if entry.address is not None:
            (again,) = read_recipients(entry.written.replace(",", " ").replace(";", " "))
            assert again.address == entry.address
