"""Addresses that pass for ones a person knows are found, and honest ones are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.compose.lookalike import resembles
from misfin.model.address import MisfinAddress


@pytest.mark.parametrize(
    "host",
    [
        "examp1e-host.test",
        "example-h0st.test",
        "exarnple-host.test",
        "exampIe-host.test".lower(),
        "examplehost.test",
        "exmaple-host.test",
        "example-hosts.test",
        MisfinAddress.parse("x@ехample-host.test").hostname,  # two Cyrillic letters
    ],
)
def test_names_that_pass_for_a_known_one_are_found(host):
    assert resembles(f"bob@{host}", ["carol@example-host.test"]) == "carol@example-host.test"


@pytest.mark.parametrize("host", ["example-host.test", "other-place.test", "a.test", "hive.test"])
def test_known_and_different_names_are_left_alone(host):
    assert resembles(f"bob@{host}", ["carol@example-host.test", "x@b.test"]) == ""


@given(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=5))
def test_any_names_can_be_compared(address, known):
    resembles(address, known)
