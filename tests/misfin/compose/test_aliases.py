"""Own addresses and aliases: what belongs to an account, and which of them a message was sent to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.aliases import is_own, is_pattern, matches, written_to

ADDRESSES = st.from_regex(r"[a-z]{1,5}(\+[a-z]{1,3})?@[a-z]{1,5}\.(test|example)", fullmatch=True)


@pytest.mark.parametrize(
    ("alias", "address", "fits"),
    [
        ("ada@example.org", "Ada@EXAMPLE.org", True),
        ("ada@example.org", "ada+x@example.org", False),
        ("ada+*@example.org", "ada+shop@example.org", True),
        ("ada+*@example.org", "ada+@example.org", False),
        ("ada+*@example.org", "ada@example.org", False),
        ("ada+*@example.org", "ada+x@example.org.evil.test", False),
        ("*@ada.example", "anything@ada.example", True),
        ("*@ada.example", "anything@sub.ada.example", False),
        ("*@ada.example", "@ada.example", False),
        ("*@ada.example", "x@y@ada.example", False),
        ("", "ada@example.org", False),
        ("*", "ada@example.org", True),
    ],
)
def test_an_alias_stands_for_the_addresses_of_its_pattern_only(alias, address, fits):
    assert matches(alias, address) is fits


def test_what_an_answer_is_sent_from_is_what_the_message_was_sent_to():
    aliases = ["ada@old.example", "ada+*@example.org", "*@ada.example"]
    assert written_to(["bob@x.test", "Ada+Shop@example.org"], "ada@example.org", aliases) == (
        "Ada+Shop@example.org"
    )
    assert written_to(["shop@ada.example", "ada@old.example"], "ada@example.org", aliases) == (
        "shop@ada.example"
    )
    assert written_to(["shop@ada.example", "ADA@example.org"], "ada@example.org", aliases) == ""
    assert written_to(["bob@x.test"], "ada@example.org", aliases) == ""
    assert [is_pattern(each) for each in aliases] == [False, True, True]


@given(ADDRESSES, st.lists(ADDRESSES, max_size=4), st.lists(ADDRESSES, max_size=4))
def test_only_ones_own_address_is_ever_chosen(own, aliases, recipients):
    chosen = written_to(recipients, own, aliases)
    assert not chosen or (chosen in recipients and is_own(chosen, own, aliases))
