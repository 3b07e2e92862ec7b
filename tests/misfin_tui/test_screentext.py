"""Addresses that pose as others are told from honest ones, and shown harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin_tui.screentext import plain, shown_host, suspicious


@pytest.mark.parametrize(
    "address",
    [
        "bob@mail.example",
        "bob.o-neill+tag@mail.example",
        "björn@mail.example",
        "иван@пример.рф",
        "bob@xn--e1afmkfd.xn--p1ai",
        "bob@日本語カナ.example",
        "bob@한국.example",
        "",
        "no-at-sign",
    ],
)
def test_honest_addresses_are_not_suspected(address):
    assert suspicious(address) == ""


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("аlice@mail.example", "Cyrillic and Latin"),
        ("bob@раураl.example", "Cyrillic and Latin"),
        ("bob@раура.example", "look like Latin"),
        ("bob@xn--80ak6aa92e.com", "look like Latin"),
        ("bob@ραϕ.example", ""),
        ("bob@xn--a-ecp.ru", ""),
        ("bob@xn--" + "9" * 60 + ".example", "international"),
        ("bo\u200bb@mail.example", "invisible characters"),
        ("bob\x1b@mail.example", "control"),
    ],
)
def test_names_that_pose_as_others_are_told(address, word):
    if word:
        assert word in suspicious(address)
    assert "\x1b" not in suspicious(address)


def test_a_host_is_shown_in_its_letters_only_when_it_is_honest():
    assert shown_host("xn--e1afmkfd.xn--p1ai") == "пример.рф"
    assert shown_host("xn--80ak6aa92e.com") == "xn--80ak6aa92e.com"
    assert shown_host("mail.example") == "mail.example"


@given(st.text(max_size=60))
def test_any_text_can_be_asked_about(text):
    assert isinstance(suspicious(text), str)
    assert isinstance(shown_host(text), str)
    assert shown_host(text) == plain(shown_host(text), one_line=True)
